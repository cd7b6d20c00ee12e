import { useMutation } from '@tanstack/react-query';
import { Form, Input, Modal, Radio } from 'antd';
import { useState } from 'react';
import { actOnInvoice, type InvoiceAct } from '../../api/operations/operator';
import type { Money, OrganizationWithUsage } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';
import { MONEY_FIELDS, MoneyFields } from './MoneyFields';

interface Props {
  organization: OrganizationWithUsage;
  onClose: () => void;
}

interface Values {
  invoice: string;
  act: InvoiceAct;
  amount?: Money;
  reason?: string;
}

/** Pays, withdraws or credits an invoice, named by its id: operators can't list an organization's invoices yet. */
export function InvoiceDialog({ organization, onClose }: Props) {
  const { t, word } = useI18n();
  const toast = useToast();
  const [form] = Form.useForm<Values>();
  const act = (Form.useWatch('act', form) as InvoiceAct | undefined) ?? 'pay';
  const [leftOver, setLeftOver] = useState<unknown>();
  const perform = useMutation({
    mutationFn: ({ invoice, act, amount, reason }: Values) =>
      actOnInvoice(organization.id, invoice.trim(), act, act === 'credit' && amount !== undefined ? { amount, reason: reason ?? '' } : undefined),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (invoice) => {
      toast.done(t('operator.invoiceDone', { number: invoice.number ?? invoice.id, status: word('invoice.status', invoice.status) }));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['invoice'], ['reason'], ...MONEY_FIELDS])),
  });
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Modal
      open
      title={t('operator.invoiceTitle', { name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t(`operator.invoice.${act}`)}
      okButtonProps={{ danger: act === 'void' }}
      cancelText={t('app.cancel')}
      confirmLoading={perform.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} initialValues={{ act: 'pay' } satisfies Partial<Values>} onFinish={(values) => perform.mutate(values)}>
        <Form.Item name="invoice" label={t('operator.invoiceId')} extra={t('operator.invoiceIdHint')} rules={required}>
          <Input autoComplete="off" spellCheck={false} placeholder="inv_…" />
        </Form.Item>
        <Form.Item name="act" label={t('operator.invoiceAct')} extra={t(`operator.invoiceHint.${act}`)}>
          <Radio.Group aria-label={t('operator.invoiceAct')} options={(['pay', 'void', 'credit'] as const).map((value) => ({ value, label: t(`operator.invoice.${value}`) }))} />
        </Form.Item>
        {act === 'credit' ? (
          <>
            <MoneyFields label={t('operator.creditAmount')} />
            <Form.Item name="reason" label={t('operator.creditReason')} rules={required}>
              <Input autoComplete="off" maxLength={500} />
            </Form.Item>
          </>
        ) : null}
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
