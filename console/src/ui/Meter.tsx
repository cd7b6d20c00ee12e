import './meter.css';

export type Level = 'ok' | 'warn' | 'full';

interface Props {
  label: string;
  /** What the bar says in words. */
  text: string;
  value: number;
  max: number;
  level: Level;
  /** Where it warns, in percent. */
  marks?: readonly number[];
}

/** A share of a bound. The colour repeats what the words beside it say. */
export function Meter({ label, text, value, max, level, marks = [] }: Props) {
  const share = max <= 0 ? 1 : Math.min(1, value / max);
  return (
    <div className="meter" role="meter" aria-label={label} aria-valuenow={Math.min(value, max)} aria-valuemin={0} aria-valuemax={max} aria-valuetext={text} data-level={level}>
      <div style={{ width: `${(share * 100).toFixed(2)}%` }} />
      {marks
        .filter((percent) => percent > 0 && percent < 100)
        .map((percent) => (
          <span key={percent} className="mark" style={{ left: `${percent}%` }} />
        ))}
    </div>
  );
}
