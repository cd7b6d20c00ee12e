import { useQuery } from '@tanstack/react-query';
import { subscriptionQuery } from '../../api/queries';
import type { Plan } from '../../api/types';
import { usePlans } from '../billing/use-plans';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { Skeleton } from '../../ui/Skeleton';

export function SubscriptionCard({ org }: { org: string }) {
  const { t, word, format } = useI18n();
  const { data, error, refetch } = useQuery(subscriptionQuery(org));
  const plans = usePlans(org);
  const plan = plans?.find((each) => each.key === data?.plan);
  return (
    <Card title={t('overview.subscription')}>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={3} height={20} label={t('app.loading')} />
      ) : (
        <dl className="facts">
          <div>
            <dt>{t('overview.plan')}</dt>
            <dd>
              {plan?.name ?? humanize(data.plan)}
              <div className="muted small">{t('overview.version', { version: data.plan_version })}</div>
            </dd>
          </div>
          <Price plan={plan} />
          <div>
            <dt>{t('overview.status')}</dt>
            <dd>
              <Badge status={data.status}>{word('status', data.status)}</Badge>
            </dd>
          </div>
          <div>
            <dt>{t('overview.since')}</dt>
            <dd>{format.date(data.started_at)}</dd>
          </div>
        </dl>
      )}
    </Card>
  );
}

/** The monthly list price of the plan; what this organization is billed stands on its invoices. */
function Price({ plan }: { plan: Plan | undefined }) {
  const { t, format } = useI18n();
  const month = plan?.prices.find((each) => each.interval === 'month');
  if (month === undefined) return null;
  return (
    <div>
      <dt>{t('overview.price')}</dt>
      <dd>
        {format.money(month.price)} <span className="muted small">{t('plan.perMonth')}</span>
      </dd>
    </div>
  );
}
