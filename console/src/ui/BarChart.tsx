import './chart.css';

export interface ChartBar {
  id: string;
  label: string;
  value: number;
  /** What it is made of, from the bottom up; each in the colour of its place in the legend. */
  parts?: readonly number[];
  /** "21 Nov: 12 requests", for the pointer. */
  text: string;
}

/** How many parts a bar may have: as many as the palette tells apart. */
export const MOST_PARTS = 5;

interface Props {
  bars: readonly ChartBar[];
  /** The whole chart in one sentence; the figures themselves stand in a table beside it. */
  summary: string;
  /** What the parts of bars are called. */
  legend?: readonly string[];
  height?: number;
  formatValue: (value: number) => string;
}

/** The next of 1, 2, 5, 10, 20, … so that the axis carries round numbers. */
export function roundUp(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value) ?? value;
}

const LABELS_SHOWN = 8;

export function BarChart({ bars, summary, legend = [], height = 180, formatValue }: Props) {
  const top = roundUp(Math.max(0, ...bars.map((bar) => bar.value)));
  const every = Math.ceil(bars.length / LABELS_SHOWN);
  return (
    <>
      <div className="chart" role="img" aria-label={summary} style={{ height }}>
        <div className="axis nums" aria-hidden="true">
          <span>{formatValue(top)}</span>
          <span>{top > 1 ? formatValue(top / 2) : ''}</span>
          <span>0</span>
        </div>
        <div className="bars" aria-hidden="true">
          {bars.map((bar, index) => (
            <div key={bar.id} className="slot" title={bar.text}>
              <div className="bar" style={{ height: `${(bar.value / top) * 100}%` }} data-empty={bar.value === 0}>
                {bar.parts?.map((part, place) => (part === 0 ? null : <div key={place} className="part" data-place={place + 1} style={{ flexGrow: part }} />))}
              </div>
              <span className="tick" data-minor={(bars.length - 1 - index) % (every * 2) !== 0}>
                {(bars.length - 1 - index) % every === 0 ? bar.label : ''}
              </span>
            </div>
          ))}
        </div>
      </div>
      {legend.length === 0 ? null : (
        <ul className="legend small" aria-hidden="true">
          {legend.map((name, place) => (
            <li key={name}>
              <span className="part" data-place={place + 1} />
              {name}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
