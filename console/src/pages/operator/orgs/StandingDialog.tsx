import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { changeStanding, type Standing } from '../../../api/operations/operator';
import type { OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';

interface Props {
  organization: OrganizationDetail;
  standing: Standing;
  onClose: () => void;
}

/** Takes an organization out of service, or puts it back, with a reason that stands in the audit log. */
export function StandingDialog({ organization, standing, onClose }: Props) {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<{ reason: string }>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const change = useMutation({
    mutationFn: ({ reason }: { reason: string }) => changeStanding(organization.id, standing, reason.trim()),
    onMutate: () => setLeftOver(undefined),
    onSuccess: async ({ status }) => {
      await queryClient.invalidateQueries({ queryKey: ['operator'] });
      toast.done(t('operator.standing.done', { name: organization.name, status: word('status', status) }));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['reason']])),
  });
  return (
    <Modal
      open
      title={t(`operator.standing.${standing}Title`, { name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t(`operator.standing.${standing}`)}
      okButtonProps={{ danger: standing !== 'reactivate' }}
      cancelText={t('app.cancel')}
      confirmLoading={change.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(values) => change.mutate(values)}>
        <p style={{ marginBottom: 16 }}>{t(`operator.standing.${standing}Hint`)}</p>
        <Form.Item name="reason" label={t('operator.reason')} extra={t('operator.reasonHint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input autoComplete="off" maxLength={500} />
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
