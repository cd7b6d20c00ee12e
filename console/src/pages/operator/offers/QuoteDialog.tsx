import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Input, InputNumber, Modal, Select } from 'antd';
import { useState } from 'react';
import { quoteOffer } from '../../../api/operations/offers';
import { plansQuery } from '../../../api/queries';
import type { Offer, Plan } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { showOnFields } from '../../../problem/form-errors';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';
import { currenciesOf } from '../../billing/catalogue';
import { INTERVAL_NAMES } from '../../billing/terms';
import { furtherTerms, toQuote, type QuoteForm } from './quote';

const FIELDS = [['price'], ['currency'], ['interval'], ['expires_at'], ['title'], ['minimum'], ['trial_days'], ['seats', 'price'], ['further']] as const;
const MONTH_MS = 30 * 86_400_000;

function local(instant: number): string {
  return new Date(instant - new Date(instant).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Says what an organization that asked would get, and for what. */
export function QuoteDialog({ offer, plan, onClose }: { offer: Offer; plan: Plan | undefined; onClose: () => void }) {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const { data: plans = [] } = useQuery(plansQuery);
  const currencies = currenciesOf(plans);
  const limits = plan?.limits ?? [];
  const [form] = Form.useForm<QuoteForm>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const quote = useMutation({
    mutationFn: (values: QuoteForm) => quoteOffer(offer.id, toQuote(values)),
    onMutate: () => setLeftOver(undefined),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['operator', 'offers'] });
      toast.done(t('operator.offers.quoted'));
      onClose();
    },
    onError: (error) => setLeftOver(showOnFields(error, form, [...FIELDS, ...limits.map(({ key }) => ['limits', key])])),
  });
  const required = [{ required: true, whitespace: true, message: t('app.required') }];
  return (
    <Modal
      open
      width={680}
      title={t('operator.offers.quoteTitle', { plan: plan?.name ?? offer.plan })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('operator.offers.quoteSubmit')}
      cancelText={t('app.cancel')}
      confirmLoading={quote.isPending}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        scrollToFirstError
        initialValues={{ currency: currencies[0] ?? 'USD', interval: 'month', expires_at: local(Date.now() + MONTH_MS), price: '' } satisfies QuoteForm}
        onFinish={(values) => quote.mutate(values)}
      >
        {offer.message === '' ? null : <blockquote className="message">{offer.message}</blockquote>}
        <div className="two">
          <Form.Item name="price" label={t('operator.offers.price')} rules={required}>
            <Input inputMode="decimal" autoComplete="off" />
          </Form.Item>
          <Form.Item name="currency" label={t('plans.currency')} rules={required}>
            <Select options={(currencies.length === 0 ? ['USD'] : currencies).map((value) => ({ value, label: value }))} />
          </Form.Item>
          <Form.Item name="interval" label={t('plans.interval')}>
            <Select options={(['month', 'quarter', 'year'] as const).map((value) => ({ value, label: t(INTERVAL_NAMES[value]) }))} />
          </Form.Item>
          <Form.Item name="expires_at" label={t('operator.offers.expires')} extra={t('operator.offers.expiresHint')} rules={required}>
            <Input type="datetime-local" />
          </Form.Item>
          <Form.Item name="title" label={t('operator.offers.called')} extra={t('operator.offers.calledHint')}>
            <Input autoComplete="off" maxLength={100} />
          </Form.Item>
          <Form.Item name="trial_days" label={t('operator.offers.trial')}>
            <InputNumber min={1} precision={0} style={{ width: '100%' }} />
          </Form.Item>
          <Form.Item name="minimum" label={t('operator.offers.minimum')}>
            <Input inputMode="decimal" autoComplete="off" />
          </Form.Item>
        </div>
        <div className="two">
          <Form.Item name={['seats', 'included']} label={t('operator.offers.seats')}>
            <InputNumber min={0} precision={0} style={{ width: '100%' }} />
          </Form.Item>
          <Form.Item name={['seats', 'price']} label={t('operator.offers.seatPrice')}>
            <Input inputMode="decimal" autoComplete="off" />
          </Form.Item>
        </div>
        {limits.length === 0 ? null : (
          <fieldset className="own-limits">
            <legend>{t('plans.limits')}</legend>
            <p className="muted small">{t('operator.offers.limitsHint')}</p>
            <div className="two">
              {limits.map(({ key, limit }) => (
                <Form.Item key={key} name={['limits', key]} label={word('limit', key)}>
                  <InputNumber min={0} precision={0} placeholder={limit === null ? t('app.unlimited') : String(limit)} style={{ width: '100%' }} />
                </Form.Item>
              ))}
            </div>
            <Form.Item name="unlimited" label={t('operator.offers.unlimited')}>
              <Select mode="multiple" options={limits.map(({ key }) => ({ value: key, label: word('limit', key) }))} />
            </Form.Item>
          </fieldset>
        )}
        <Form.Item
          name="further"
          label={t('operator.offers.further')}
          extra={t('operator.offers.furtherHint')}
          rules={[{ validator: (_, text: string | undefined) => (furtherTerms(text) === undefined ? Promise.reject(new Error(t('operator.offers.notJson'))) : Promise.resolve()) }]}
        >
          <Input.TextArea autoSize={{ minRows: 2, maxRows: 8 }} spellCheck={false} placeholder='{ "features": { "sso": true } }' />
        </Form.Item>
        {leftOver === undefined ? null : <ProblemAlert error={leftOver} />}
      </Form>
    </Modal>
  );
}
