import { Segmented, Select } from 'antd';
import type { MeterReport, ShareOfMeter, UsageReport } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Meter } from '../../ui/Meter';
import { useNames } from './use-names';

type By = 'operation' | 'project' | 'key';

interface Props {
  org: string;
  report: UsageReport;
  meter: string | undefined;
  by: By;
  onChoose: (change: { meter?: string; by?: By }) => void;
}

/** One meter, told apart, with what each part of it cost. */
export function BreakdownCard({ org, report, meter, by, onChoose }: Props) {
  const { t, word } = useI18n();
  const meters = report.meters.filter((each): each is MeterReport & { breakdown: NonNullable<MeterReport['breakdown']> } => each.breakdown !== null);
  const chosen = meters.find((each) => each.meter === meter) ?? meters[0];
  if (chosen === undefined) return null;
  const { items, other } = chosen.breakdown[by];
  return (
    <Card
      title={t('report.breakdown')}
      aside={
        <span className="row">
          <Select aria-label={t('usage.meter')} size="small" value={chosen.meter} onChange={(value) => onChoose({ meter: value })} options={meters.map((each) => ({ value: each.meter, label: word('meter', each.meter) }))} style={{ minWidth: 130 }} />
          <Segmented<By>
            aria-label={t('usage.groupBy')}
            size="small"
            value={by}
            onChange={(value) => onChoose({ by: value })}
            options={(['operation', 'project', 'key'] as const).map((value) => ({ value, label: t(`group.${value}`) }))}
          />
        </span>
      }
    >
      {items.length === 0 ? <EmptyState icon="chart" title={t('usage.empty')} hint={t('usage.emptyHint')} /> : <Shares org={org} by={by} items={items} other={other} />}
    </Card>
  );
}

interface Named {
  name: string;
  share: ShareOfMeter;
}

function Shares({ org, by, items, other }: { org: string; by: By; items: readonly ShareOfMeter[]; other: ShareOfMeter | null }) {
  const { t, format } = useI18n();
  const nameOf = useNames(org, by);
  const rows: Named[] = items.map((share) => ({ name: nameOf(share.value), share }));
  if (other !== null) rows.push({ name: t('usage.others'), share: other });
  return (
    <DataTable
      label={t('report.breakdown')}
      rows={rows}
      rowKey={({ name, share }) => share.value ?? name}
      columns={[
        { id: 'name', title: t(`group.${by}`), render: ({ name }) => name },
        {
          id: 'share',
          title: t('report.share'),
          render: ({ name, share }) => {
            const text = t('report.percent', { percent: format.exact(share.share) });
            return (
              <span className="share">
                <Meter label={name} text={text} value={Number(share.share)} max={100} level="ok" />
                <span className="nums small">{text}</span>
              </span>
            );
          },
        },
        { id: 'quantity', title: t('report.quantity'), end: true, render: ({ share }) => <span className="nums">{format.exact(share.quantity)}</span> },
        { id: 'events', title: t('report.events'), end: true, render: ({ share }) => <span className="nums">{format.number(share.events)}</span> },
        { id: 'cost', title: t('report.cost'), end: true, render: ({ share }) => (share.cost === null ? <span className="muted">–</span> : <span className="nums">{format.amount(share.cost.amount)}</span>) },
      ]}
    />
  );
}
