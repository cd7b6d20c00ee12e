import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { actOnInvoice, type InvoiceAct } from '../../../api/operations/operator';
import { invoicesOfQuery } from '../../../api/operator-queries';
import type { Invoice, OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';
import { useInvoiceName } from '../../billing/InvoicesTable';

interface Props {
  organization: OrganizationDetail;
  invoice: Invoice;
  act: InvoiceAct;
  onClose: () => void;
}

interface Values {
  amount?: string;
  reason?: string;
}

/** Pays, withdraws or credits an invoice. */
export function InvoiceDialog({ organization, invoice, act, onClose }: Props) {
  const { t, word, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const nameOf = useInvoiceName();
  const [form] = Form.useForm<Values>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const perform = useMutation({
    mutationFn: ({ amount = '', reason = '' }: Values) =>
      actOnInvoice(organization.id, invoice.id, act, act === 'credit' ? { amount: { amount: amount.trim(), currency: invoice.total.currency }, reason: reason.trim() } : undefined),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (changed) => {
      void queryClient.invalidateQueries({ queryKey: invoicesOfQuery(organization.id).queryKey });
      toast.done(t('operator.invoiceDone', { number: nameOf(changed), status: word('invoice.status', changed.status) }));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [['amount'], ['reason']])),
  });
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Modal
      open
      title={t('operator.invoiceTitle', { number: nameOf(invoice), name: organization.name })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t(`operator.invoice.${act}`)}
      okButtonProps={{ danger: act === 'void' }}
      cancelText={t('app.cancel')}
      confirmLoading={perform.isPending}
    >
      <Form form={form} layout="vertical" requiredMark={false} onFinish={(values) => perform.mutate(values)}>
        <p style={{ marginBottom: 16 }}>
          {t(`operator.invoiceHint.${act}`)} {t('operator.invoiceDue', { due: format.amount(invoice.due) })}
        </p>
        {act === 'credit' ? (
          <>
            <Form.Item name="amount" label={t('operator.creditAmount')} rules={required}>
              <Input inputMode="decimal" autoComplete="off" suffix={invoice.total.currency} />
            </Form.Item>
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
