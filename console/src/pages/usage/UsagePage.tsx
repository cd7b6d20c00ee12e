import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Segmented, Select } from 'antd';
import { useEffect } from 'react';
import { METER_OF_REQUESTS } from '../../api/operations/usage';
import { projectsQuery, usageQuery, usageReportQuery } from '../../api/queries';
import type { MeterReport } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { Card } from '../../ui/Card';
import { download } from '../../ui/download';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { markUsageSeen } from '../overview/onboarding';
import { csvOf, GROUPINGS, groupsOf, type Grouping } from './groups';
import { LimitsCard } from './LimitsCard';
import { barsOf, cutAt, shownRange, totalOf, usageRange, windowOf, windowsOf, type RangeName, type WindowName } from './range';
import { RetentionNote } from './RetentionNote';
import { UsageChart } from './UsageChart';
import { Figures, GroupTable, WindowTable } from './UsageFigures';
import { UsageFrame } from './UsageFrame';
import { useNames } from './use-names';

const route = getRouteApi('/member/o/$org/usage/');

const ADDS_UP: readonly MeterReport['aggregate'][] = ['count', 'sum'];

export function UsagePage() {
  const { t, word, format } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const name = search.range ?? '7d';
  const range = usageRange(name, search.window);
  const report = useQuery(usageReportQuery(org));
  const meters = report.data?.meters ?? [];
  const meter = search.meter ?? (meters.some((each) => each.meter === METER_OF_REQUESTS) ? METER_OF_REQUESTS : (meters[0]?.meter ?? METER_OF_REQUESTS));
  const known = meters.find((each) => each.meter === meter);
  const addsUp = known === undefined || ADDS_UP.includes(known.aggregate);
  // Different values of several groups don't add up.
  const by = known?.aggregate === 'unique' ? undefined : search.group;
  const usage = useQuery(usageQuery(org, range, { meter, group_by: by, project: search.project }));
  const fresh = usage.isPlaceholderData ? undefined : usage.data;
  const shownOf = fresh === undefined ? range : shownRange(range, fresh.retained_from);
  const cut = fresh === undefined ? undefined : cutAt(range.from, fresh.retained_from);
  const bars = fresh === undefined ? undefined : barsOf(shownOf, fresh.buckets);
  const groups = fresh === undefined || by === undefined ? undefined : groupsOf(shownOf, fresh.buckets, by);
  const nameOf = useNames(org, by);

  // The last step of the checklist is a look at this page with something on it.
  const seen = bars !== undefined && totalOf(bars) > 0;
  useEffect(() => {
    if (seen) markUsageSeen(org);
  }, [seen, org]);

  function choose(change: { [K in keyof typeof search]?: (typeof search)[K] | undefined }) {
    void navigate({ search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined)), replace: true });
  }
  const actions = (
    <Button icon={<Icon name="download" size={16} />} disabled={bars === undefined} onClick={() => download(`usage-${org}-${meter}-${name}.csv`, 'text/csv', csvOf(bars ?? [], groups, by))}>
      {t('usage.csv')}
    </Button>
  );
  const view = search.view ?? 'chart';
  return (
    <UsageFrame org={org} title={t('usage.title')} lead={t('usage.lead')} actions={actions}>
      <div className="stack">
        <div className="choices-row">
          <Select aria-label={t('usage.meter')} value={meter} onChange={(value) => choose({ meter: value })} options={(meters.length === 0 ? [{ meter }] : meters).map((each) => ({ value: each.meter, label: word('meter', each.meter) }))} />
          <Segmented<RangeName> aria-label={t('usage.range')} value={name} onChange={(value) => choose({ range: value })} options={(['24h', '7d', '30d', '90d'] as const).map((value) => ({ value, label: t(`usage.${value}`) }))} />
          {windowsOf(name).length < 2 ? null : (
            <Select<WindowName> aria-label={t('usage.window')} value={windowOf(name, search.window)} onChange={(value) => choose({ window: value })} options={windowsOf(name).map((value) => ({ value, label: t(`usage.window.${value}`) }))} />
          )}
          <Select<Grouping | ''>
            aria-label={t('usage.groupBy')}
            value={by ?? ''}
            disabled={known?.aggregate === 'unique'}
            onChange={(value) => choose({ group: value === '' ? undefined : value })}
            options={[{ value: '', label: t('usage.group.none') }, ...GROUPINGS.map((value) => ({ value, label: t(`usage.group.${value}`) }))]}
          />
          <ProjectFilter org={org} value={search.project} onChange={(project) => choose({ project })} />
        </div>
        <Card
          title={word('meter', meter)}
          aside={
            <Segmented<'chart' | 'table'>
              aria-label={t('usage.view')}
              size="small"
              value={view}
              onChange={(value) => choose({ view: value })}
              options={[
                { value: 'chart', label: t('usage.chart') },
                { value: 'table', label: t('usage.table') },
              ]}
            />
          }
        >
          <Loaded query={{ data: bars, error: usage.error, refetch: usage.refetch }} lines={1} height={330}>
            {(shown) => (
              <>
                <Figures bars={shown} window={range.window} addsUp={addsUp} unit={fresh?.unit} />
                {totalOf(shown) === 0 ? (
                  <EmptyState icon="chart" title={t('usage.empty')} hint={t('usage.emptyHint')} />
                ) : view === 'table' ? (
                  <WindowTable bars={shown} window={range.window} groups={groups} by={by} nameOf={nameOf} what={word('meter', meter)} />
                ) : (
                  <UsageChart bars={shown} window={range.window} height={300} what={word('meter', meter)} nameOf={nameOf} {...(groups === undefined ? {} : { groups })} />
                )}
                {cut === undefined ? null : <RetentionNote from={cut} />}
                {view === 'table' ? null : (
                  <p className="muted small">
                    {t('usage.zone')} {fresh === undefined ? null : t('overview.asOf', { time: format.dateTime(fresh.as_of) })}
                  </p>
                )}
              </>
            )}
          </Loaded>
        </Card>
        {groups === undefined || by === undefined || groups.length === 0 ? null : (
          <Card title={t(`usage.group.${by}`)}>
            <GroupTable groups={groups} by={by} nameOf={nameOf} what={word('meter', meter)} />
          </Card>
        )}
        <LimitsCard org={org} />
      </div>
    </UsageFrame>
  );
}

function ProjectFilter({ org, value, onChange }: { org: string; value: string | undefined; onChange: (project: string | undefined) => void }) {
  const { t } = useI18n();
  const { data } = useQuery(projectsQuery(org));
  if (data === undefined || (data.items.length === 0 && value === undefined)) return null;
  return (
    <Select
      aria-label={t('keys.filterProject')}
      value={value ?? ''}
      onChange={(chosen) => onChange(chosen === '' ? undefined : chosen)}
      options={[{ value: '', label: t('keys.anyProject') }, ...data.items.map(({ id, name }) => ({ value: id, label: name }))]}
    />
  );
}
