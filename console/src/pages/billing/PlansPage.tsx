import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Alert, Segmented, Select } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { plansQuery, subscriptionQuery } from '../../api/queries';
import type { ChangeRequest, Interval, Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Skeleton } from '../../ui/Skeleton';
import { BillingPage, useMayManage } from './BillingPage';
import { currenciesOf, intervalsOf, type Chosen } from './catalogue';
import { PlanCards } from './PlanCards';
import { PlanComparison } from './PlanComparison';
import { isChangeable } from './standing';
import { INTERVAL_NAMES } from './terms';

const ChangeDialog = lazy(() => import('./ChangeDialog').then((module) => ({ default: module.ChangeDialog })));

const route = getRouteApi('/member/o/$org/billing/plans');

export function PlansPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const plans = useQuery(plansQuery);
  const subscription = useQuery(subscriptionQuery(org));
  const error = plans.error ?? subscription.error;
  return (
    <BillingPage org={org} title={t('billing.plans')} lead={t('plans.lead')}>
      {plans.data !== undefined && subscription.data !== undefined ? (
        <Plans key={org} org={org} plans={plans.data} subscription={subscription.data} />
      ) : error !== null ? (
        <ProblemAlert error={error} onRetry={() => void Promise.all([plans.refetch(), subscription.refetch()])} />
      ) : (
        <Skeleton lines={4} height={48} label={t('app.loading')} />
      )}
    </BillingPage>
  );
}

function Plans({ org, plans, subscription }: { org: string; plans: readonly Plan[]; subscription: Subscription }) {
  const { t } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const mayManage = useMayManage(org);
  const [wanted, setWanted] = useState<ChangeRequest>();
  const intervals = intervalsOf(plans);
  const currencies = currenciesOf(plans);
  const chosen: Chosen = {
    interval: search.interval ?? subscription.interval,
    currency: currencies.find((each) => each === search.currency) ?? subscription.currency,
  };

  return (
    <div className="stack">
      {intervals.length > 1 || currencies.length > 1 ? (
        <div className="bill-filters">
          {intervals.length > 1 ? (
            <Segmented<Interval>
              aria-label={t('plans.interval')}
              value={chosen.interval}
              onChange={(interval) => void navigate({ search: (before) => ({ ...before, interval }), replace: true })}
              options={intervals.map((value) => ({ value, label: t(INTERVAL_NAMES[value]) }))}
            />
          ) : null}
          {currencies.length > 1 ? (
            <Select<string>
              aria-label={t('plans.currency')}
              value={chosen.currency}
              onChange={(currency) => void navigate({ search: (before) => ({ ...before, currency }), replace: true })}
              options={currencies.map((value) => ({ value, label: value }))}
              style={{ minWidth: 100 }}
            />
          ) : null}
        </div>
      ) : null}
      {isChangeable(subscription) ? null : (
        <Alert
          type="info"
          title={t('plans.notNow')}
          action={
            <Link to="/o/$org/billing" params={{ org }}>
              {t('billing.subscription')}
            </Link>
          }
        />
      )}
      <PlanCards org={org} plans={plans} subscription={subscription} chosen={chosen} canChoose={mayManage && isChangeable(subscription)} onWanted={setWanted} />
      <PlanComparison plans={plans} subscription={subscription} chosen={chosen} />
      <Suspense fallback={null}>
        {wanted === undefined ? null : (
          <ChangeDialog
            org={org}
            wanted={wanted}
            subscription={subscription}
            plans={plans}
            onClose={() => setWanted(undefined)}
            onChanged={() => void navigate({ to: '/o/$org/billing', params: { org } })}
          />
        )}
      </Suspense>
    </div>
  );
}
