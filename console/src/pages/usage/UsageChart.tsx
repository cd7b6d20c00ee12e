import { useI18n } from '../../i18n/i18n';
import { BarChart, MOST_PARTS } from '../../ui/BarChart';
import { partsOf, type Group } from './groups';
import { totalOf, type Bar, type WindowName } from './range';

interface Props {
  bars: readonly Bar[];
  window: WindowName;
  height: number;
  /** What is counted; requests, if it isn't said. */
  what?: string;
  /** What the bars are made of, and what each part is called. */
  groups?: readonly Group[];
  nameOf?: (value: string | null) => string;
}

/** How a window is called, in UTC, short as under a bar or long as in a table. */
export function useWindowName(window: WindowName): { short: (start: string) => string; long: (start: string) => string } {
  const { format } = useI18n();
  if (window === 'hour') return { short: format.utcTime, long: format.utcHour };
  if (window === 'month') return { short: format.utcMonth, long: format.utcMonth };
  return { short: format.utcDay, long: format.utcDay };
}

export function UsageChart({ bars, window, height, what, groups = [], nameOf = (value) => value ?? '–' }: Props) {
  const { t, format } = useI18n();
  const { short, long } = useWindowName(window);
  const first = bars[0];
  const last = bars.at(-1);
  if (first === undefined || last === undefined) return null;
  const parts = partsOf(groups, MOST_PARTS);
  return (
    <BarChart
      height={height}
      formatValue={format.number}
      summary={t('usage.summary', { what: what ?? t('usage.value'), total: format.number(totalOf(bars)), from: long(first.start), to: long(last.start) })}
      legend={parts.map(({ group }) => (group === undefined ? t('usage.others') : nameOf(group.value)))}
      bars={bars.map((bar, index) => ({
        id: bar.start,
        label: bars.length > MANY && window === 'hour' ? format.utcDay(bar.start) : short(bar.start),
        value: bar.value,
        text: `${long(bar.start)}: ${format.number(bar.value)}`,
        ...(parts.length === 0 ? {} : { parts: parts.map(({ values }) => values[index] ?? 0) }),
      }))}
    />
  );
}

/** Hours of more than a day are found by their date. */
const MANY = 24;
