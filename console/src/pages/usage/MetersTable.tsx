import type { MeterReport } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { DataTable } from '../../ui/DataTable';

/** Each meter: how much, how that compares with the time before, and what it cost. */
export function MetersTable({ meters }: { meters: readonly MeterReport[] }) {
  const { t, word, format } = useI18n();
  const unknown = <span className="muted">–</span>;
  return (
    <DataTable
      label={t('usage.meters')}
      rows={meters}
      rowKey={({ meter }) => meter}
      columns={[
        {
          id: 'meter',
          title: t('usage.meter'),
          render: ({ meter, unit }) => (
            <>
              {word('meter', meter)} <span className="muted small">({unit})</span>
            </>
          ),
        },
        { id: 'quantity', title: t('report.quantity'), end: true, render: ({ quantity }) => <span className="nums">{format.exact(quantity)}</span> },
        { id: 'previous', title: t('report.previous'), end: true, render: ({ previous }) => <span className="nums">{format.exact(previous)}</span> },
        { id: 'trend', title: t('report.trend'), end: true, render: ({ trend }) => (trend === null ? unknown : <span className="nums">{t('report.percent', { percent: `${Number(trend) > 0 ? '+' : ''}${format.exact(trend)}` })}</span>) },
        {
          id: 'each',
          title: t('report.unitCost'),
          end: true,
          render: ({ unit_cost: each, cost }) => (each === null || cost === null ? unknown : <span className="nums">{format.unitPrice(each, cost.amount.currency)}</span>),
        },
        { id: 'cost', title: t('report.cost'), end: true, render: ({ cost }) => (cost === null ? unknown : <span className="nums">{format.amount(cost.amount)}</span>) },
      ]}
    />
  );
}
