import { Form, InputNumber, Modal } from 'antd';
import { useState } from 'react';
import type { AddOn, ChangeRequest, Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { priceFor } from './catalogue';
import { PER } from './terms';

interface Props {
  subscription: Subscription;
  plan: Plan;
  onClose: () => void;
  /** What is to be previewed. */
  onWanted: (request: ChangeRequest) => void;
}

interface Values {
  seats?: number;
  add_ons?: Record<string, number>;
}

/** How many seats, and which add-ons. */
export function ConfigureDialog({ subscription, plan, onClose, onWanted }: Props) {
  const { t, format } = useI18n();
  const [form] = Form.useForm<Values>();
  const [unchanged, setUnchanged] = useState(false);

  function preview({ seats, add_ons = {} }: Values) {
    const changed = Object.entries(add_ons).filter(([key, quantity]) => quantity !== (subscription.add_ons[key] ?? 0));
    const request: ChangeRequest = {
      ...(seats === undefined || seats === subscription.seats ? {} : { seats }),
      ...(changed.length === 0 ? {} : { add_ons: Object.fromEntries(changed) }),
    };
    if (Object.keys(request).length === 0) setUnchanged(true);
    else onWanted(request);
  }

  const each = (prices: AddOn['prices']) => {
    const price = priceFor(prices, subscription);
    return price?.interval === subscription.interval ? t('price.eachPer', { amount: format.money(price.price), per: t(PER[price.interval]) }) : undefined;
  };
  const required = [{ required: true, message: t('app.required') }];
  return (
    <Modal
      open
      title={t('billing.configure')}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => form.submit()}
      okText={t('billing.preview')}
      cancelText={t('app.cancel')}
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={{ seats: subscription.seats, add_ons: Object.fromEntries(plan.addons.map(({ key }) => [key, subscription.add_ons[key] ?? 0])) } satisfies Values}
        onValuesChange={() => setUnchanged(false)}
        onFinish={preview}
      >
        {plan.seats === null ? null : (
          <Form.Item
            name="seats"
            label={t('billing.seats')}
            rules={required}
            extra={[t('billing.seatsIncluded', { count: format.number(plan.seats.included) }), each(plan.seats.prices)].filter((text) => text !== undefined).join(' ')}
          >
            <InputNumber min={1} max={1_000_000} precision={0} style={{ width: '100%' }} />
          </Form.Item>
        )}
        {plan.addons.map((addOn) => (
          <Form.Item key={addOn.key} name={['add_ons', addOn.key]} label={addOn.name} rules={required} extra={[each(addOn.prices), t('billing.addOnMost', { count: format.number(addOn.most) })].filter((text) => text !== undefined).join(' ')}>
            <InputNumber min={0} max={addOn.most} precision={0} style={{ width: '100%' }} />
          </Form.Item>
        ))}
        <p role="status" className="muted">
          {unchanged ? t('billing.unchanged') : ''}
        </p>
      </Form>
    </Modal>
  );
}
