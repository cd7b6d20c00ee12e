import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Segmented } from 'antd';
import { usageReportQuery } from '../../api/queries';
import type { OperationCost, Recommendation, UsageReport } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { BreakdownCard } from './BreakdownCard';
import { MetersTable } from './MetersTable';
import { cutAt, usageRange } from './range';
import { RetentionNote } from './RetentionNote';
import { UsageFrame } from './UsageFrame';

const route = getRouteApi('/member/o/$org/usage/report');

type Period = 'billing' | '7d' | '30d' | '90d';

/** The stretch that is reported; the billing period so far is what the server takes if none is named. */
export function stretchOf(period: Period, now = Date.now()): { from: string; to: string } | undefined {
  if (period === 'billing') return undefined;
  const { from, to } = usageRange(period, 'day', now);
  return { from, to };
}

export function ReportPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const period = search.period ?? 'billing';
  const report = useQuery(usageReportQuery(org, stretchOf(period)));
  const actions = (
    <Segmented<Period>
      aria-label={t('report.period')}
      value={period}
      onChange={(value) => void navigate({ search: (before) => ({ ...before, period: value }), replace: true })}
      options={[
        { value: 'billing', label: t('report.billing') },
        { value: '7d', label: t('usage.7d') },
        { value: '30d', label: t('usage.30d') },
        { value: '90d', label: t('usage.90d') },
      ]}
    />
  );
  return (
    <UsageFrame org={org} title={t('report.title')} lead={t('report.lead')} actions={actions}>
      <Loaded query={report} lines={6}>
        {(data) => <Report org={org} report={data} missing={missingOf(data, stretchOf(period)?.from)} />}
      </Loaded>
    </UsageFrame>
  );
}

/** What the plan doesn't show of a report that was to begin at `from`; at the billing period's beginning, if that isn't said. */
export function missingOf({ retained_from, billing_period, period, previous }: UsageReport, from = billing_period.start): 'range' | 'comparison' | undefined {
  if (cutAt(from, retained_from) !== undefined) return 'range';
  const lasts = ({ start, end }: UsageReport['period']) => Date.parse(end) - Date.parse(start);
  return retained_from !== null && lasts(previous) < lasts(period) ? 'comparison' : undefined;
}

function Report({ org, report, missing }: { org: string; report: UsageReport; missing: ReturnType<typeof missingOf> }) {
  const { t, format } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <div className="stack">
      <Card title={t('report.cost')} aside={<span className="muted small">{t('overview.asOf', { time: format.dateTime(report.as_of) })}</span>}>
        <dl className="figures">
          <div>
            <dt>{t('report.total')}</dt>
            <dd className="nums" data-testid="report-cost">
              {report.cost === null ? t('report.noCost') : format.amount(report.cost.amount)}
            </dd>
          </div>
          <div>
            <dt>{t('report.stretch')}</dt>
            <dd className="unit">{format.spanIn(report.period, 'UTC')} (UTC)</dd>
          </div>
        </dl>
        {missing === undefined || report.retained_from === null ? null : <RetentionNote from={report.retained_from} missing={missing} />}
        <MetersTable meters={report.meters} />
      </Card>
      <Advice recommendations={report.recommendations} />
      <BreakdownCard
        org={org}
        report={report}
        meter={search.meter}
        by={search.by ?? 'operation'}
        onChoose={(change) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true })}
      />
      <Operations operations={report.operations} currency={report.currency} />
    </div>
  );
}

function Advice({ recommendations }: { recommendations: readonly Recommendation[] }) {
  const { t, word } = useI18n();
  return (
    <Card title={t('report.advice')}>
      {recommendations.length === 0 ? (
        <p className="muted">{t('report.noAdvice')}</p>
      ) : (
        <ul className="advice">
          {recommendations.map(({ code, subject, text }) => (
            <li key={code + subject}>
              <Icon name="bulb" />
              <div>
                <strong>{word('advice', code)}</strong> <code className="chip">{subject}</code>
                <p>{text}</p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Operations({ operations, currency }: { operations: readonly OperationCost[]; currency: string | null }) {
  const { t, format } = useI18n();
  const unknown = <span className="muted">–</span>;
  return (
    <Card title={t('report.operations')}>
      {operations.length === 0 ? (
        <EmptyState icon="chart" title={t('usage.empty')} hint={t('usage.emptyHint')} />
      ) : (
        <DataTable
          label={t('report.operations')}
          rows={operations}
          rowKey={({ operation }) => operation}
          columns={[
            { id: 'operation', title: t('group.operation'), render: ({ operation }) => <code>{operation}</code> },
            { id: 'events', title: t('report.events'), end: true, render: ({ events }) => <span className="nums">{format.number(events)}</span> },
            { id: 'each', title: t('report.each'), end: true, render: ({ cost_per_event: each }) => (each === null || currency === null ? unknown : <span className="nums">{format.unitPrice(each, currency)}</span>) },
            { id: 'cost', title: t('report.cost'), end: true, render: ({ cost }) => (cost === null ? unknown : <span className="nums">{format.amount(cost.amount)}</span>) },
            { id: 'share', title: t('report.share'), end: true, render: ({ share }) => (share === null ? unknown : <span className="nums">{t('report.percent', { percent: format.exact(share) })}</span>) },
          ]}
        />
      )}
    </Card>
  );
}
