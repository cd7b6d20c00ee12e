import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Checkbox, Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { addInvoiceItem } from '../../../api/operations/operator';
import { invoicesOfQuery } from '../../../api/operator-queries';
import type { Money, OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';
import { MONEY_FIELDS, MoneyFields } from './MoneyFields';

interface Props {
  organization: OrganizationDetail;
  onClose: () => void;
}

interface Values {
  description: string;
  amount: Money;
  invoice_now?: boolean;
}

/** Charges an organization for something of its own. */
export function ItemDialog({ organization, onClose }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const add = useMutation({
    mutationFn: ({ description, amount, invoice_now = false }: Values) => addInvoiceItem(organization.id, { description, amount, invoice_now }),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (invoice) => {
      void queryClient.invalidateQueries({ queryKey: invoicesOfQuery(organization.id).queryKey });
      toast.done(invoice === null ? t('operator.itemWaits') : t('operator.itemInvoiced', { number: invoice.number ?? invoice.id }));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['description'], ...MONEY_FIELDS])),
  });
  return (
    <Modal
      open
      title={t('operator.itemTitle', { name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('operator.itemSubmit')}
      cancelText={t('app.cancel')}
      confirmLoading={add.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(values) => add.mutate(values)}>
        <Form.Item name="description" label={t('invoice.description')} extra={t('operator.itemHint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
          <Input autoComplete="off" maxLength={500} />
        </Form.Item>
        <MoneyFields label={t('operator.itemAmount')} />
        <Form.Item name="invoice_now" valuePropName="checked">
          <Checkbox>{t('operator.itemNow')}</Checkbox>
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
