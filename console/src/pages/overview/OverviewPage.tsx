import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { usageQuery } from '../../api/queries';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { Skeleton } from '../../ui/Skeleton';
import { barsOf, shownRange, usageRange } from '../usage/range';
import { UsageChart } from '../usage/UsageChart';
import { Checklist } from './Checklist';
import { LimitsCard } from '../usage/LimitsCard';
import { useOnboarding } from './onboarding';
import { SubscriptionCard } from './SubscriptionCard';
import './overview.css';

const route = getRouteApi('/member/o/$org/');

export function OverviewPage() {
  const { org } = route.useParams();
  // Another organization starts afresh, with its own list and its own polling.
  return <Overview key={org} org={org} />;
}

function Overview({ org }: { org: string }) {
  const { t } = useI18n();
  const onboarding = useOnboarding(org);
  return (
    <Page title={t('overview.title')}>
      <div className="stack">
        {onboarding === undefined ? null : <Checklist org={org} state={onboarding} />}
        <div className="beside">
          <div className="stack">
            <LimitsCard org={org} />
            <WeekCard org={org} />
          </div>
          <SubscriptionCard org={org} />
        </div>
      </div>
    </Page>
  );
}

function WeekCard({ org }: { org: string }) {
  const { t } = useI18n();
  const range = usageRange('7d');
  const { data, error, refetch } = useQuery(usageQuery(org, range));
  return (
    <Card
      title={t('overview.week')}
      aside={
        <Link to="/o/$org/usage" params={{ org }}>
          {t('overview.allUsage')}
        </Link>
      }
    >
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={1} height={170} label={t('app.loading')} />
      ) : (
        <UsageChart bars={barsOf(shownRange(range, data.retained_from), data.buckets)} window="day" height={190} />
      )}
    </Card>
  );
}
