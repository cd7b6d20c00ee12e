import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../../api/idempotency';
import { inviteOwner } from '../../../api/operations/operator';
import type { OrganizationDetail, SentOwnerInvitation } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';

interface Props {
  organization: OrganizationDetail;
  onClose: () => void;
  onInvited: (sent: SentOwnerInvitation) => void;
}

/** Makes a link by which somebody joins as an owner, for instance where the first one was lost. */
export function OwnerDialog({ organization, onClose, onInvited }: Props) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [form] = Form.useForm<{ email: string }>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const invite = useMutation({
    mutationFn: ({ email }: { email: string }) => inviteOwner(organization.id, email.trim(), idempotency.keyFor({ org: organization.id, email: email.trim() })),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (sent) => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: ['operator'] });
      onInvited(sent);
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['email']])),
  });
  return (
    <Modal
      open
      title={t('operator.owner.title', { name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('operator.owner.submit')}
      cancelText={t('app.cancel')}
      confirmLoading={invite.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} disabled={invite.isPending} onFinish={(values) => invite.mutate(values)}>
        <Form.Item name="email" label={t('operator.owner.email')} extra={t('operator.owner.hint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input type="email" autoComplete="off" />
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
