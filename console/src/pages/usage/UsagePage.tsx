import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Segmented } from 'antd';
import { useEffect } from 'react';
import { usageQuery } from '../../api/queries';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { download } from '../../ui/download';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { Skeleton } from '../../ui/Skeleton';
import { markUsageSeen } from '../overview/onboarding';
import { barsOf, csvOf, totalOf, usageRange, type Bar, type RangeName } from './range';
import { UsageChart } from './UsageChart';
import './usage.css';

const route = getRouteApi('/member/o/$org/usage');

export function UsagePage() {
  const { t, format } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const name = search.range ?? '7d';
  const range = usageRange(name);
  const { data, error, refetch, isPlaceholderData } = useQuery(usageQuery(org, range));
  const bars = data === undefined || isPlaceholderData ? undefined : barsOf(range, data.buckets);

  // The last step of the checklist is a look at this page with something on it.
  const seen = bars !== undefined && totalOf(bars) > 0;
  useEffect(() => {
    if (seen) markUsageSeen(org);
  }, [seen, org]);

  const actions = (
    <>
      <Segmented<RangeName>
        aria-label={t('usage.range')}
        value={name}
        onChange={(value) => void navigate({ search: (before) => ({ ...before, range: value }), replace: true })}
        options={[
          { value: '24h', label: t('usage.24h') },
          { value: '7d', label: t('usage.7d') },
          { value: '30d', label: t('usage.30d') },
        ]}
      />
      <Button icon={<Icon name="download" size={16} />} disabled={bars === undefined} onClick={() => download(`usage-${org}-${name}.csv`, 'text/csv', csvOf(bars ?? []))}>
        {t('usage.csv')}
      </Button>
    </>
  );

  return (
    <Page title={t('usage.title')} lead={t('usage.lead')} actions={actions}>
      <Card
        title={t('usage.value')}
        aside={
          <Segmented<'chart' | 'table'>
            aria-label={t('usage.view')}
            size="small"
            value={search.view ?? 'chart'}
            onChange={(value) => void navigate({ search: (before) => ({ ...before, view: value }), replace: true })}
            options={[
              { value: 'chart', label: t('usage.chart') },
              { value: 'table', label: t('usage.table') },
            ]}
          />
        }
      >
        {error !== null && bars === undefined ? (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        ) : bars === undefined ? (
          <Skeleton lines={1} height={330} label={t('app.loading')} />
        ) : (
          <>
            <Figures bars={bars} window={range.window} />
            {totalOf(bars) === 0 ? (
              <EmptyState icon="chart" title={t('usage.empty')} hint={t('usage.emptyHint')} />
            ) : search.view === 'table' ? (
              <UsageTable bars={bars} window={range.window} />
            ) : (
              <UsageChart bars={bars} window={range.window} height={300} />
            )}
            {search.view === 'table' ? null : (
              <p className="muted small">
                {t('usage.zone')} {data === undefined ? null : t('overview.asOf', { time: format.dateTime(data.as_of) })}
              </p>
            )}
          </>
        )}
      </Card>
    </Page>
  );
}

function Figures({ bars, window }: { bars: readonly Bar[]; window: 'hour' | 'day' }) {
  const { t, format } = useI18n();
  const peak = bars.reduce<Bar | undefined>((best, bar) => (bar.value > (best?.value ?? 0) ? bar : best), undefined);
  return (
    <dl className="figures">
      <div>
        <dt>{t('usage.total')}</dt>
        <dd className="nums" data-testid="usage-total">
          {format.number(totalOf(bars))}
        </dd>
      </div>
      {peak === undefined ? null : (
        <div>
          <dt>{t('usage.peak')}</dt>
          <dd className="nums">
            {format.number(peak.value)} <small>{(window === 'hour' ? format.utcHour : format.utcDay)(peak.start)}</small>
          </dd>
        </div>
      )}
    </dl>
  );
}

function UsageTable({ bars, window }: { bars: readonly Bar[]; window: 'hour' | 'day' }) {
  const { t, format } = useI18n();
  const label = window === 'hour' ? format.utcHour : format.utcDay;
  return (
    <DataTable
      label={`${t('usage.title')}. ${t('usage.zone')}`}
      rows={bars.toReversed()}
      rowKey={(bar) => bar.start}
      columns={[
        { id: 'from', title: `${t('usage.from')} (UTC)`, render: (bar) => label(bar.start) },
        { id: 'to', title: `${t('usage.to')} (UTC)`, render: (bar) => label(bar.end) },
        { id: 'value', title: t('usage.value'), end: true, render: (bar) => <span className="nums">{format.number(bar.value)}</span> },
      ]}
    />
  );
}
