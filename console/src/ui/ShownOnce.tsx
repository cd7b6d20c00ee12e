import { Alert, Button, Checkbox, Modal } from 'antd';
import { useState, type ReactNode } from 'react';
import './shown-once.css';

interface Props {
  title: string;
  /** Why this is the moment to keep it. */
  note: string;
  /** What it is called. */
  label: string;
  value: string;
  testId: string;
  /** Ways of keeping it: copy, download. */
  actions: ReactNode;
  /** What one says before it may close. */
  stored: string;
  done: string;
  onClose: () => void;
}

/** Closes by one way only, after saying that the value is kept: neither Escape nor a stray click may lose it. */
export function ShownOnce({ title, onClose, ...rest }: Props) {
  return (
    <Modal open title={title} closable={false} keyboard={false} mask={{ closable: false }} footer={null} width={560}>
      <Value onClose={onClose} {...rest} />
    </Modal>
  );
}

function Value({ note, label, value, testId, actions, stored, done, onClose }: Omit<Props, 'title'>) {
  const [kept, setKept] = useState(false);
  return (
    <div className="shown-once">
      <Alert type="warning" showIcon={false} title={note} />
      <div className="code-box">
        <code aria-label={label} data-testid={testId}>
          {value}
        </code>
        {actions}
      </div>
      <Checkbox checked={kept} onChange={(event) => setKept(event.target.checked)}>
        {stored}
      </Checkbox>
      <div>
        <Button type="primary" disabled={!kept} onClick={onClose}>
          {done}
        </Button>
      </div>
    </div>
  );
}
