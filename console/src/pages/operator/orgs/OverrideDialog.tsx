import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Checkbox, Form, Input, InputNumber, Modal } from 'antd';
import { useState } from 'react';
import { overrideLimit } from '../../../api/operations/operator';
import type { LimitOverride, OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';

interface Props {
  organization: OrganizationDetail;
  limit: string;
  current: LimitOverride | undefined;
  onClose: () => void;
}

interface Values {
  bound?: number | null;
  unlimited?: boolean;
  reason: string;
}

/** How far a limit goes for one organization alone, from its next request on. */
export function OverrideDialog({ organization, limit, current, onClose }: Props) {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<Values>();
  const unlimited = Form.useWatch('unlimited', form) ?? current?.bound === null;
  const [leftOver, setLeftOver] = useState<unknown>();
  const name = word('limit', limit);
  const save = useMutation({
    mutationFn: (values: Values) => overrideLimit(organization.id, { limit, bound: values.unlimited === true ? null : (values.bound ?? 0), reason: values.reason.trim() }),
    onMutate: () => setLeftOver(undefined),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['operator', 'org'] });
      toast.done(t('operator.override.done', { limit: name }));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['bound'], ['reason']])),
  });
  return (
    <Modal
      open
      title={t('operator.override.dialog', { limit: name, name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('operator.override.set')}
      cancelText={t('app.cancel')}
      confirmLoading={save.isPending}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ bound: current?.bound ?? null, unlimited: current?.bound === null, reason: current?.reason ?? '' } satisfies Values}
        onFinish={(values) => save.mutate(values)}
      >
        <Form.Item name="bound" label={t('operator.override.bound')} rules={[{ required: !unlimited, message: t('app.required') }]}>
          <InputNumber min={0} precision={0} disabled={unlimited} style={{ width: '100%' }} />
        </Form.Item>
        <Form.Item name="unlimited" valuePropName="checked">
          <Checkbox>{t('app.unlimited')}</Checkbox>
        </Form.Item>
        <Form.Item name="reason" label={t('operator.reason')} extra={t('operator.reasonHint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input autoComplete="off" maxLength={500} />
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
