import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { Button, Checkbox, Form, Input } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { signUp } from '../../api/operations/public';
import { meQuery, plansQuery, productQuery } from '../../api/queries';
import type { Plan, SignUpRequest } from '../../api/types';
import { PublicLayout } from '../../app/PublicLayout';
import { session } from '../../auth/session';
import { useI18n } from '../../i18n/i18n';
import { showOnFields } from '../../problem/form-errors';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Skeleton } from '../../ui/Skeleton';
import { PlanPicker } from './PlanPicker';
import { suggestSlug } from './slug';
import { SlugStatus } from './SlugStatus';
import './register.css';

const FIELDS = [
  ['organization', 'name'],
  ['organization', 'slug'],
  ['organization', 'plan'],
  ['organization', 'test_clock'],
  ['owner', 'display_name'],
  ['owner', 'email'],
  ['owner', 'password'],
] as const;

export function RegisterPage() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [form] = Form.useForm<SignUpRequest>();
  const slug = Form.useWatch(['organization', 'slug'], form) as string | undefined;
  const [ownSlug, setOwnSlug] = useState(false);
  const [leftOver, setLeftOver] = useState<unknown>();
  const plans = useQuery(plansQuery);
  const { data: product } = useQuery(productQuery);

  const register = useMutation({
    mutationFn: (values: SignUpRequest) => signUp(values, idempotency.keyFor(values)),
    onMutate: () => setLeftOver(undefined),
    onSuccess: async ({ user, ...granted }) => {
      idempotency.done();
      queryClient.setQueryData(meQuery.queryKey, user);
      session.begin(granted);
      await navigate({ to: '/o/$org', params: { org: granted.organization.slug } });
    },
    onError: (error) => setLeftOver(showOnFields(error, form, FIELDS)),
  });

  function useSlug(chosen: string) {
    setOwnSlug(true);
    form.setFieldValue(['organization', 'slug'], chosen);
  }

  const required = [{ required: true, message: t('app.required') }];
  return (
    <PublicLayout
      title={t('register.title')}
      heading={t('register.heading')}
      lead={t('register.lead')}
      wide
      aside={
        <>
          {t('register.have')} <Link to="/sign-in">{t('signIn.submit')}</Link>
        </>
      }
    >
      <Form
        form={form}
        layout="vertical"
        requiredMark={false}
        scrollToFirstError
        disabled={register.isPending}
        onFinish={(values) => register.mutate(values)}
        onValuesChange={(changed: { organization?: { name?: string; slug?: string } }) => {
          if (changed.organization?.slug !== undefined) setOwnSlug(changed.organization.slug !== '');
          else if (changed.organization?.name !== undefined && !ownSlug) form.setFieldValue(['organization', 'slug'], suggestSlug(changed.organization.name));
        }}
      >
        <fieldset className="form-section">
          <legend>{t('register.organization')}</legend>
          <div className="two">
            <Form.Item name={['organization', 'name']} label={t('register.name')} rules={required}>
              <Input autoComplete="organization" maxLength={200} />
            </Form.Item>
            <Form.Item name={['organization', 'slug']} label={t('register.slug')} rules={required} extra={<SlugStatus slug={slug ?? ''} onUse={useSlug} />}>
              <Input autoCapitalize="none" autoComplete="off" spellCheck={false} {...suffixFor(product?.base_domain)} />
            </Form.Item>
          </div>
          {product?.is_development === true ? (
            <Form.Item name={['organization', 'test_clock']} valuePropName="checked" extra={t('register.testClockHint')}>
              <Checkbox>{t('register.testClock')}</Checkbox>
            </Form.Item>
          ) : null}
        </fieldset>
        <fieldset className="form-section">
          <legend>{t('register.plan')}</legend>
          <PlanSection plans={plans.data} error={plans.error} onRetry={() => void plans.refetch()} />
        </fieldset>
        <fieldset className="form-section">
          <legend>{t('register.account')}</legend>
          <div className="two">
            <Form.Item name={['owner', 'display_name']} label={t('register.displayName')} rules={required}>
              <Input autoComplete="name" maxLength={200} />
            </Form.Item>
            <Form.Item name={['owner', 'email']} label={t('register.email')} rules={required}>
              <Input type="email" autoComplete="email" />
            </Form.Item>
          </div>
          <Form.Item name={['owner', 'password']} label={t('register.password')} rules={required} extra={t('register.passwordHint')}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        </fieldset>
        {leftOver === undefined ? null : (
          <Form.Item>
            <ProblemAlert error={leftOver} />
          </Form.Item>
        )}
        <Button type="primary" htmlType="submit" size="large" block loading={register.isPending}>
          {t('register.submit')}
        </Button>
      </Form>
    </PublicLayout>
  );
}

function suffixFor(baseDomain: string | null | undefined): { suffix?: string } {
  return typeof baseDomain === 'string' ? { suffix: `.${baseDomain}` } : {};
}

function PlanSection({ plans, error, onRetry }: { plans: Plan[] | undefined; error: Error | null; onRetry: () => void }) {
  const { t } = useI18n();
  if (error !== null && plans === undefined) {
    return (
      <Form.Item>
        <ProblemAlert error={error} onRetry={onRetry} />
      </Form.Item>
    );
  }
  if (plans === undefined) return <Skeleton lines={2} height={64} label={t('app.loading')} />;
  // Plans by offer can't be taken here; the operator grants them.
  const offered = plans.filter((plan) => plan.self_service);
  const initial = (offered.find((plan) => plan.is_default) ?? offered[0])?.key;
  return (
    <Form.Item name={['organization', 'plan']} initialValue={initial} noStyle>
      <PlanPicker plans={offered} />
    </Form.Item>
  );
}
