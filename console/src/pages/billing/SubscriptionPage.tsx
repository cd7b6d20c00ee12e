import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { subscriptionQuery, upcomingInvoiceQuery } from '../../api/queries';
import type { ChangeRequest, Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { Skeleton } from '../../ui/Skeleton';
import { BillingPage, useMayManage } from './BillingPage';
import { OverageCard } from './OverageCard';
import { PendingNotice } from './PendingNotice';
import { usePlans } from './use-plans';
import { actsIn, isChangeable, situationOf, titleOf, type Act } from './standing';
import { StandingCard } from './StandingCard';

const ActDialog = lazy(() => import('./ActDialog').then((module) => ({ default: module.ActDialog })));
const ChangeDialog = lazy(() => import('./ChangeDialog').then((module) => ({ default: module.ChangeDialog })));
const ConfigureDialog = lazy(() => import('./ConfigureDialog').then((module) => ({ default: module.ConfigureDialog })));

const route = getRouteApi('/member/o/$org/billing/');

export function SubscriptionPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const { data, error, refetch } = useQuery(subscriptionQuery(org));
  const plans = usePlans(org);
  return (
    <BillingPage org={org} title={t('billing.subscription')} lead={t('billing.subscriptionLead')}>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={5} height={30} label={t('app.loading')} />
      ) : (
        <Subscribed key={org} org={org} subscription={data} plans={plans} />
      )}
    </BillingPage>
  );
}

function Subscribed({ org, subscription, plans }: { org: string; subscription: Subscription; plans: readonly Plan[] | undefined }) {
  const { t } = useI18n();
  const mayManage = useMayManage(org);
  const [acting, setActing] = useState<Act>();
  const [configuring, setConfiguring] = useState(false);
  const [wanted, setWanted] = useState<ChangeRequest>();
  const plan = plans?.find((each) => each.key === subscription.plan);
  const canConfigure = plan !== undefined && (plan.seats !== null || plan.addons.length > 0) && isChangeable(subscription);
  const acts = actsIn(situationOf(subscription));

  return (
    <div className="stack">
      <PendingNotice org={org} subscription={subscription} plans={plans} mayManage={mayManage} />
      <div className="beside">
        <div className="stack">
          <StandingCard org={org} subscription={subscription} plan={plan} plans={plans}>
            {mayManage ? (
              <div className="row">
                {acts
                  .filter((act) => act !== 'cancel' && act !== 'pause')
                  .map((act) => (
                    <Button key={act} type="primary" onClick={() => setActing(act)}>
                      {t(subscription.status !== 'canceled' && act === 'reactivate' ? 'billing.act.keep' : `billing.act.${act}`)}
                    </Button>
                  ))}
                {isChangeable(subscription) ? (
                  <Link to="/o/$org/billing/plans" params={{ org }} className="button-link quiet">
                    {t('billing.changePlan')}
                  </Link>
                ) : null}
                {canConfigure ? <Button onClick={() => setConfiguring(true)}>{t('billing.configure')}</Button> : null}
                {acts.includes('pause') ? <Button onClick={() => setActing('pause')}>{t('billing.act.pause')}</Button> : null}
                {acts.includes('cancel') ? (
                  <Button type="text" onClick={() => setActing('cancel')}>
                    {t('billing.act.cancel')}
                  </Button>
                ) : null}
              </div>
            ) : (
              <p className="muted small">{t('billing.readOnly')}</p>
            )}
          </StandingCard>
          <OverageCard org={org} subscription={subscription} plan={plan} mayManage={mayManage} />
        </div>
        <NextInvoiceCard org={org} zone={subscription.time_zone} />
      </div>
      <Suspense fallback={null}>
        {acting === undefined ? null : (
          <ActDialog org={org} act={acting} subscription={subscription} title={titleOf(subscription.plan, plans)} onClose={() => setActing(undefined)} />
        )}
        {configuring && plan !== undefined ? (
          <ConfigureDialog
            subscription={subscription}
            plan={plan}
            onClose={() => setConfiguring(false)}
            onWanted={(request) => {
              setConfiguring(false);
              setWanted(request);
            }}
          />
        ) : null}
        {wanted === undefined ? null : <ChangeDialog org={org} wanted={wanted} subscription={subscription} plans={plans} onClose={() => setWanted(undefined)} />}
      </Suspense>
    </div>
  );
}

function NextInvoiceCard({ org, zone }: { org: string; zone: string }) {
  const { t, format } = useI18n();
  const { data, error, refetch } = useQuery(upcomingInvoiceQuery(org));
  return (
    <Card title={t('billing.nextInvoice')}>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={2} height={24} label={t('app.loading')} />
      ) : data === null ? (
        <p className="muted">{t('billing.noUpcoming')}</p>
      ) : (
        <>
          <p className="sum nums">{format.amount(data.total)}</p>
          <p className="muted">{t('billing.nextInvoiceOn', { date: format.dateIn(data.created_at, zone) })}</p>
          <p className="small muted">{t(data.kind === 'statement' ? 'billing.upcomingFree' : 'billing.upcomingHint')}</p>
          <p>
            <Link to="/o/$org/billing/invoices/upcoming" params={{ org }}>
              {t('billing.whatIsOnIt')}
            </Link>
          </p>
        </>
      )}
    </Card>
  );
}
