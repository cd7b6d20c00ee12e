import { Form, Input, Modal } from 'antd';
import { useId, useState, type ReactNode } from 'react';

interface Props {
  title: string;
  hint: string;
  /** What has to be typed. */
  name: string;
  label: string;
  submit: string;
  cancel: string;
  close: string;
  pending: boolean;
  /** What else it asks, and why it didn't work. */
  children?: ReactNode;
  onSubmit: () => void;
  onClose: () => void;
}

/** For what can't be undone: it asks for the name. */
export function NameToConfirm({ title, hint, name, label, submit, cancel, close, pending, children, onSubmit, onClose }: Props) {
  const id = useId();
  const [typed, setTyped] = useState('');
  const matches = typed.trim() === name.trim();
  return (
    <Modal
      open
      title={title}
      closable={{ 'aria-label': close }}
      onCancel={onClose}
      onOk={onSubmit}
      okText={submit}
      okButtonProps={{ danger: true, disabled: !matches }}
      cancelText={cancel}
      confirmLoading={pending}
    >
      <Form layout="vertical" onFinish={() => (matches && !pending ? onSubmit() : undefined)}>
        <p style={{ marginBottom: 16 }}>{hint}</p>
        <Form.Item label={label} htmlFor={id}>
          <Input id={id} autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </Form.Item>
        {children}
      </Form>
    </Modal>
  );
}
