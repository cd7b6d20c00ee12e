import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Form, Input, Select } from 'antd';
import { useMemo, useState } from 'react';
import { putBillingProfile } from '../../api/operations/billing';
import { billingProfileQuery, upcomingInvoiceQuery } from '../../api/queries';
import type { BillingProfile, Profile } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { Skeleton } from '../../ui/Skeleton';
import { useToast } from '../../ui/Toasts';
import { BillingPage, useMayManage } from './BillingPage';
import { countries } from './countries';

const route = getRouteApi('/member/o/$org/billing/profile');

const FIELDS = [['name'], ['address'], ['country'], ['tax_id'], ['email']] as const;

export function ProfilePage() {
  const { t, format } = useI18n();
  const { org } = route.useParams();
  const { data, error, refetch } = useQuery(billingProfileQuery(org));
  return (
    <BillingPage org={org} title={t('billing.profile')} lead={t('profile.lead')}>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={5} height={38} label={t('app.loading')} />
      ) : (
        <div className="beside">
          <Card title={t('profile.title')}>
            <ProfileForm key={org} org={org} saved={data} />
          </Card>
          <Card title={t('profile.balance')}>
            <p className="sum nums">{format.amount(data.balance)}</p>
            <p className="muted small">{t('profile.balanceHint')}</p>
          </Card>
        </div>
      )}
    </BillingPage>
  );
}

function ProfileForm({ org, saved }: { org: string; saved: BillingProfile }) {
  const { t, language } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const mayManage = useMayManage(org);
  const [form] = Form.useForm<Profile>();
  const [leftOver, setLeftOver] = useState<unknown>();
  const options = useMemo(() => countries(language), [language]);

  const save = useMutation({
    mutationFn: (values: Profile) => putBillingProfile(org, toProfile(values)),
    onMutate: () => setLeftOver(undefined),
    onSuccess: (changed) => {
      queryClient.setQueryData(billingProfileQuery(org).queryKey, changed);
      // Taxes go by the country.
      void queryClient.invalidateQueries({ queryKey: upcomingInvoiceQuery(org).queryKey });
      toast.done(t('app.saved'));
    },
    onError: (error) => setLeftOver(showOnFields(error, form, FIELDS)),
  });

  return (
    <Form
      form={form}
      layout="vertical"
      requiredMark={false}
      scrollToFirstError
      disabled={save.isPending || !mayManage}
      initialValues={saved.profile ?? { name: '', address: '' }}
      onFinish={(values) => save.mutate(values)}
    >
      <Form.Item name="name" label={t('profile.name')} extra={t('profile.nameHint')} rules={[{ required: true, whitespace: true, message: t('app.required') }]}>
        <Input autoComplete="organization" />
      </Form.Item>
      <Form.Item name="address" label={t('profile.address')}>
        <Input.TextArea autoComplete="street-address" autoSize={{ minRows: 3, maxRows: 8 }} />
      </Form.Item>
      <div className="two">
        <Form.Item name="country" label={t('profile.country')} extra={t('profile.countryHint')}>
          <Select allowClear showSearch={{ optionFilterProp: 'label' }} options={options} />
        </Form.Item>
        <Form.Item name="tax_id" label={t('profile.taxId')}>
          <Input autoComplete="off" />
        </Form.Item>
      </div>
      <Form.Item name="email" label={t('profile.email')} extra={t('profile.emailHint')}>
        <Input type="email" autoComplete="email" />
      </Form.Item>
      {leftOver === undefined ? null : (
        <Form.Item>
          <ProblemAlert error={leftOver} />
        </Form.Item>
      )}
      {mayManage ? (
        <Button type="primary" htmlType="submit" loading={save.isPending}>
          {t('app.save')}
        </Button>
      ) : (
        <p className="muted small">{t('billing.readOnly')}</p>
      )}
    </Form>
  );
}

/** What is left empty isn't known. */
function toProfile({ name, address, country, tax_id, email }: Profile): Profile {
  const known = (text: string | null | undefined) => (text === undefined || text === null || text.trim() === '' ? null : text.trim());
  return { name: name.trim(), address: address.trim(), country: known(country), tax_id: known(tax_id), email: known(email) };
}
