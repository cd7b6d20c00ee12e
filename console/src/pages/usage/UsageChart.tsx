import { useI18n } from '../../i18n/i18n';
import { BarChart } from '../../ui/BarChart';
import { totalOf, type Bar } from './range';

export function UsageChart({ bars, window, height }: { bars: readonly Bar[]; window: 'hour' | 'day'; height: number }) {
  const { t, format } = useI18n();
  const label = window === 'hour' ? format.utcHour : format.utcDay;
  const first = bars[0];
  const last = bars.at(-1);
  if (first === undefined || last === undefined) return null;
  return (
    <BarChart
      height={height}
      formatValue={format.number}
      summary={t('usage.summary', { total: format.number(totalOf(bars)), from: label(first.start), to: label(last.start) })}
      bars={bars.map((bar) => ({
        id: bar.start,
        label: window === 'hour' ? format.utcTime(bar.start) : format.utcDay(bar.start),
        value: bar.value,
        text: `${label(bar.start)}: ${format.number(bar.value)}`,
      }))}
    />
  );
}
