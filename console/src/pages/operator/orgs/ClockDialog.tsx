import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { advanceClock } from '../../../api/operations/operator';
import type { OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';

interface Props {
  organization: OrganizationDetail;
  /** Where its clock stands. */
  now: string | undefined;
  onClose: () => void;
}

interface Values {
  /** In the operator's own time zone, as the browser's field has it. */
  advance_to: string;
}

const DAY_MS = 86_400_000;

/** What a `datetime-local` field shows for an instant. */
function local(instant: number): string {
  const at = new Date(instant);
  return new Date(instant - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Moves the clock of an organization that has a test clock; what comes due on the way is done in order. */
export function ClockDialog({ organization, now, onClose }: Props) {
  const { t, format } = useI18n();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const advance = useMutation({
    mutationFn: ({ advance_to }: Values) => advanceClock(organization.id, new Date(advance_to).toISOString()),
    onMutate: () => setLeftOver(undefined),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['operator'] }),
    onError: (error) => setLeftOver(showOnFields(error, form, [['advance_to']])),
  });
  function ahead(days: number) {
    const from = advance.data ?? form.getFieldValue('advance_to') as string;
    form.setFieldValue('advance_to', local(new Date(from).getTime() + days * DAY_MS));
  }
  return (
    <Modal
      open
      title={t('operator.clockTitle', { name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('operator.clockSubmit')}
      cancelText={t('app.close')}
      confirmLoading={advance.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ advance_to: local(now === undefined ? Date.now() : Date.parse(now)) } satisfies Values} onFinish={(values) => advance.mutate(values)}>
        <p style={{ marginBottom: 16 }}>{t('operator.clockHint')}</p>
        <Form.Item name="advance_to" label={t('operator.clockTo')} rules={[{ required: true, message: t('app.required') }]}>
          <Input type="datetime-local" />
        </Form.Item>
        <Form.Item>
          <div className="row">
            {[7, 31].map((days) => (
              <Button key={days} onClick={() => ahead(days)}>
                {t('operator.clockAhead', { days })}
              </Button>
            ))}
          </div>
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
        <p role="status">{advance.data === undefined ? '' : t('operator.clockStands', { time: format.dateTime(advance.data) })}</p>
      </Form>
    </Modal>
  );
}
