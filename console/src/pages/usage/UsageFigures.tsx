import { useI18n } from '../../i18n/i18n';
import { DataTable } from '../../ui/DataTable';
import type { Group, Grouping } from './groups';
import { totalOf, type Bar, type WindowName } from './range';
import { useWindowName } from './UsageChart';

/** The figures that stand for the whole range. */
export function Figures({ bars, window, addsUp, unit }: { bars: readonly Bar[]; window: WindowName; addsUp: boolean; unit: string | undefined }) {
  const { t, format } = useI18n();
  const { long } = useWindowName(window);
  const peak = bars.reduce<Bar | undefined>((best, bar) => (bar.value > (best?.value ?? 0) ? bar : best), undefined);
  return (
    <dl className="figures">
      {addsUp ? (
        <div>
          <dt>{t('usage.total')}</dt>
          <dd className="nums" data-testid="usage-total">
            {format.number(totalOf(bars))}
          </dd>
        </div>
      ) : null}
      {peak === undefined ? null : (
        <div>
          <dt>{addsUp ? t('usage.peak') : t('usage.highest')}</dt>
          <dd className="nums">
            {format.number(peak.value)} <small>{long(peak.start)}</small>
          </dd>
        </div>
      )}
      {unit === undefined ? null : (
        <div>
          <dt>{t('usage.unit')}</dt>
          <dd className="unit">{unit}</dd>
        </div>
      )}
    </dl>
  );
}

interface WindowTableProps {
  bars: readonly Bar[];
  window: WindowName;
  groups: readonly Group[] | undefined;
  by: Grouping | undefined;
  nameOf: (value: string | null) => string;
  what: string;
}

interface Row {
  bar: Bar;
  group: Group | undefined;
}

/** The chart's figures, the latest window first; told apart, only what isn't zero. */
export function WindowTable({ bars, window, groups, by, nameOf, what }: WindowTableProps) {
  const { t, format } = useI18n();
  const { long } = useWindowName(window);
  const rows: Row[] =
    groups === undefined
      ? bars.toReversed().map((bar) => ({ bar, group: undefined }))
      : bars.flatMap((_, index) => groups.flatMap((group) => (group.bars[index] === undefined || group.bars[index].value === 0 ? [] : [{ bar: group.bars[index], group }]))).toReversed();
  return (
    <DataTable
      label={`${what}. ${t('usage.zone')}`}
      rows={rows}
      rowKey={({ bar, group }) => `${bar.start} ${group?.value ?? ''}`}
      columns={[
        { id: 'from', title: `${t('usage.from')} (UTC)`, render: ({ bar }) => long(bar.start) },
        { id: 'to', title: `${t('usage.to')} (UTC)`, render: ({ bar }) => long(bar.end) },
        ...(by === undefined ? [] : [{ id: 'group', title: t(`group.${by}`), render: ({ group }: Row) => nameOf(group?.value ?? null) }]),
        { id: 'value', title: what, end: true, render: ({ bar }) => <span className="nums">{format.number(bar.value)}</span> },
      ]}
    />
  );
}

/** Each group over the whole range, with its share. */
export function GroupTable({ groups, by, nameOf, what }: { groups: readonly Group[]; by: Grouping; nameOf: (value: string | null) => string; what: string }) {
  const { t, format } = useI18n();
  const all = groups.reduce((sum, group) => sum + group.total, 0);
  return (
    <DataTable
      label={t(`usage.group.${by}`)}
      rows={groups}
      rowKey={({ value }) => value ?? ''}
      columns={[
        { id: 'name', title: t(`group.${by}`), render: ({ value }) => nameOf(value) },
        { id: 'value', title: what, end: true, render: ({ total }) => <span className="nums">{format.number(total)}</span> },
        { id: 'share', title: t('report.share'), end: true, render: ({ total }) => <span className="nums">{format.percent(all === 0 ? 0 : total / all)}</span> },
      ]}
    />
  );
}
