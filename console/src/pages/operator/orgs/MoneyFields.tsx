import { useQuery } from '@tanstack/react-query';
import { Form, Input, Select } from 'antd';
import { plansQuery } from '../../../api/queries';
import { useI18n } from '../../../i18n/i18n';
import { currenciesOf } from '../../billing/catalogue';

/** The fields under `amount`: how much, and in which of the currencies that plans have prices in. */
export function MoneyFields({ label }: { label: string }) {
  const { t } = useI18n();
  const { data: plans = [] } = useQuery(plansQuery);
  const required = [{ required: true, message: t('app.required') }];
  return (
    <div className="two">
      <Form.Item name={['amount', 'amount']} label={label} rules={required}>
        <Input inputMode="decimal" autoComplete="off" />
      </Form.Item>
      <Form.Item name={['amount', 'currency']} label={t('plans.currency')} rules={required}>
        <Select options={currenciesOf(plans).map((value) => ({ value, label: value }))} />
      </Form.Item>
    </div>
  );
}

export const MONEY_FIELDS = [['amount', 'amount'], ['amount', 'currency']] as const;
