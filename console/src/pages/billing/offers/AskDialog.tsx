import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../../api/idempotency';
import { requestOffer } from '../../../api/operations/offers';
import { offersQuery, plansQuery } from '../../../api/queries';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';
import type { Plan } from '../../../api/types';

interface Props {
  org: string;
  /** The plan to start from; empty if it is still to be chosen. */
  plan: string;
  onClose: () => void;
}

interface Values {
  plan: string;
  message: string;
}

/** Asks the operator for a plan of the organization's own. */
export function AskDialog({ org, plan, onClose }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const plans = useQuery(plansQuery);
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const ask = useMutation({
    mutationFn: ({ plan: from, message }: Values) => {
      const body = { plan: from, message: message.trim() };
      return requestOffer(org, body, idempotency.keyFor(body));
    },
    onMutate: () => setLeftOver(undefined),
    onSuccess: () => {
      idempotency.done();
      void queryClient.invalidateQueries({ queryKey: offersQuery(org).queryKey });
      toast.done(t('offers.asked'));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['plan'], ['message']])),
  });
  const fields = (known: readonly Plan[]) => (
    <Form form={form} layout="vertical" requiredMark={false} initialValues={{ plan: known.find(({ key }) => key === plan)?.key ?? known.find((each) => !each.self_service)?.key ?? known[0]?.key ?? '', message: '' } satisfies Values} onFinish={(values) => ask.mutate(values)}>
      <p style={{ marginBottom: 16 }}>{t('offers.askHint')}</p>
      <Form.Item name="plan" label={t('offers.from')} rules={[{ required: true, message: t('app.required') }]}>
        <Select options={known.map(({ key, name }) => ({ value: key, label: name }))} />
      </Form.Item>
      <Form.Item name="message" label={t('offers.message')} extra={t('offers.messageHint')}>
        <Input.TextArea autoSize={{ minRows: 3, maxRows: 10 }} maxLength={2_000} />
      </Form.Item>
      {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
    </Form>
  );
  return (
    <Modal open title={t('offers.ask')} closable={{ 'aria-label': t('app.close') }} onCancel={onClose} onOk={() => form.submit()} okText={t('offers.askSubmit')} cancelText={t('app.cancel')} confirmLoading={ask.isPending}>
      <Loaded query={plans}>{fields}</Loaded>
    </Modal>
  );
}
