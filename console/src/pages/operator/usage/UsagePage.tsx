import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button, Segmented, Select } from 'antd';
import { MOST_ORGANIZATIONS } from '../../../api/operations/operator';
import { METER_OF_REQUESTS, type UsageRange } from '../../../api/operations/usage';
import { overviewQuery, usageOfAllQuery } from '../../../api/operator-queries';
import type { OrganizationShare, UsageOfAll } from '../../../api/types';
import { Page } from '../../../app/Page';
import { RANGES } from '../../../app/search';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { Card } from '../../../ui/Card';
import { DataTable } from '../../../ui/DataTable';
import { EmptyState } from '../../../ui/EmptyState';
import { Meter } from '../../../ui/Meter';
import { SearchBox } from '../../../ui/SearchBox';
import { useTyped } from '../../../ui/use-debounced';
import { barsOf, totalOf, usageRange, type RangeName } from '../../usage/range';
import { UsageChart } from '../../usage/UsageChart';
import { Figures } from '../../usage/UsageFigures';
import { matching, pageOf } from './shares';
import '../../usage/usage.css';

const route = getRouteApi('/member/operator/usage');

/** What all organizations used together, and which of them most. */
export function UsagePage() {
  const { t, word } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const overview = useQuery(overviewQuery);
  const meter = search.meter ?? overview.data?.usage_meter ?? METER_OF_REQUESTS;
  const meters = [...new Set([...(overview.data?.meters ?? []), meter])];
  const name = search.range ?? '7d';
  const range = usageRange(name);
  // Which meter is meant isn't known before the overview is.
  const known = search.meter !== undefined || !overview.isPending;
  const usage = useQuery({ ...usageOfAllQuery(range, meter), enabled: known });
  const fresh = usage.isPlaceholderData ? undefined : usage.data;
  return (
    <Page title={t('operator.usage.title')} lead={t('operator.usage.lead')}>
      <div className="stack">
        <div className="choices-row">
          <Select
            aria-label={t('usage.meter')}
            value={meter}
            onChange={(value) => void navigate({ search: ({ page: _, ...rest }) => ({ ...rest, meter: value }), replace: true })}
            options={meters.map((value) => ({ value, label: word('meter', value) }))}
          />
          <Segmented<RangeName>
            aria-label={t('usage.range')}
            value={name}
            onChange={(value) => void navigate({ search: ({ page: _, ...rest }) => ({ ...rest, range: value }), replace: true })}
            options={RANGES.map((value) => ({ value, label: t(`usage.${value}`) }))}
          />
        </div>
        <Loaded query={{ data: fresh, error: usage.error, refetch: usage.refetch }} lines={2} height={300}>
          {(data) => <Answer key={`${meter} ${name}`} usage={data} range={range} what={word('meter', meter)} />}
        </Loaded>
      </div>
    </Page>
  );
}

function Answer({ usage, range, what }: { usage: UsageOfAll; range: UsageRange; what: string }) {
  const { t, format } = useI18n();
  const { window } = range;
  const bars = barsOf(range, usage.buckets.map((bucket) => ({ ...bucket, group: {} })));
  return (
    <>
      <Card title={what} aside={<span className="muted small">{t('overview.asOf', { time: format.dateTime(usage.as_of) })}</span>}>
        <Figures bars={bars} window={window} addsUp unit={usage.unit} />
        {totalOf(bars) === 0 ? null : <UsageChart bars={bars} window={window} height={240} what={what} />}
        <p className="muted small">{t('usage.zone')}</p>
      </Card>
      <Organizations shares={usage.organizations ?? []} total={totalOf(bars)} />
    </>
  );
}

function Organizations({ shares, total }: { shares: readonly OrganizationShare[]; total: number }) {
  const { t } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, type] = useTyped(search.q ?? '', (q) => void navigate({ search: ({ q: _, page: __, ...rest }) => (q === '' ? rest : { ...rest, q }), replace: true }));
  const found = matching(shares, typed);
  return (
    <Card title={t('operator.usage.most')} aside={<SearchBox label={t('operator.searchLabel')} value={typed} onChange={type} />}>
      {shares.length === 0 ? (
        <p className="muted">{t('operator.usage.empty')}</p>
      ) : found.length === 0 ? (
        <EmptyState icon="search" title={t('operator.noMatch')} hint={t('operator.noMatchHint')} />
      ) : (
        <Shares shares={found} total={total} page={search.page ?? 1} onPage={(page) => void navigate({ search: ({ page: _, ...rest }) => (page === 1 ? rest : { ...rest, page }) })} />
      )}
      {shares.length < MOST_ORGANIZATIONS ? null : <p className="muted small pager">{t('app.truncated', { count: shares.length })}</p>}
    </Card>
  );
}

function Shares({ shares, total, page, onPage }: { shares: readonly OrganizationShare[]; total: number; page: number; onPage: (page: number) => void }) {
  const { t, format } = useI18n();
  const { rows, from, to, current, last } = pageOf(shares, page);
  return (
    <>
      <DataTable
        label={t('operator.usage.most')}
        rows={rows}
        rowKey={({ org }) => org}
        columns={[
          {
            id: 'name',
            title: t('operator.name'),
            render: ({ name, slug }) => (
              <Link to="/operator/orgs/$org" params={{ org: slug }}>
                {name}
              </Link>
            ),
          },
          { id: 'slug', title: t('operator.slug'), render: ({ slug }) => <code>{slug}</code> },
          {
            id: 'share',
            title: t('report.share'),
            render: ({ name, value }) => {
              const text = format.percent(total === 0 ? 0 : Number(value) / total);
              return (
                <span className="share">
                  <Meter label={name} text={text} value={Number(value)} max={total} level="ok" />
                  <span className="nums small">{text}</span>
                </span>
              );
            },
          },
          { id: 'value', title: t('report.quantity'), end: true, render: ({ value }) => <span className="nums">{format.exact(value)}</span> },
        ]}
      />
      {last === 1 ? null : (
        <nav className="row row-end pager" aria-label={t('operator.usage.pages')}>
          <span className="muted small nums">{t('operator.usage.place', { from: format.number(from), to: format.number(to), count: format.number(shares.length) })}</span>
          <Button size="small" disabled={current === 1} onClick={() => onPage(current - 1)}>
            {t('operator.usage.before')}
          </Button>
          <Button size="small" disabled={current === last} onClick={() => onPage(current + 1)}>
            {t('operator.usage.next')}
          </Button>
        </nav>
      )}
    </>
  );
}
