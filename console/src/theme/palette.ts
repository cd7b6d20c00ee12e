// The colours, once: Ant Design's tokens and the custom properties of our own style sheets both come from here.
// Text colours keep 4.5:1 against the surfaces they stand on, bars and borders of controls 3:1 (WCAG 2.2, 1.4.3 and 1.4.11).

export interface Palette {
  page: string;
  surface: string;
  raised: string;
  sunken: string;
  border: string;
  control: string;
  text: string;
  muted: string;
  accent: string;
  accentSoft: string;
  onAccent: string;
  good: string;
  goodSoft: string;
  warn: string;
  warnSoft: string;
  warnBar: string;
  bad: string;
  badSoft: string;
  badBar: string;
  track: string;
  /** Parts of one bar, told apart; each keeps 3:1 against the surface. */
  series1: string;
  series2: string;
  series3: string;
  series4: string;
  series5: string;
}

const light: Palette = {
  page: '#f5f7f8',
  surface: '#ffffff',
  raised: '#ffffff',
  sunken: '#eef2f3',
  border: '#e1e7ea',
  control: '#8698a1',
  text: '#14222a',
  muted: '#56656e',
  accent: '#0f5f6e',
  accentSoft: '#e2f0f1',
  onAccent: '#ffffff',
  good: '#17683f',
  goodSoft: '#e3f4ea',
  warn: '#8a4b06',
  warnSoft: '#fdf0db',
  warnBar: '#c97c0a',
  bad: '#b02a24',
  badSoft: '#fdeae8',
  badBar: '#d0342c',
  track: '#e6ecee',
  series1: '#0f5f6e',
  series2: '#c97c0a',
  series3: '#6a3d98',
  series4: '#3c8a4d',
  series5: '#7b8a93',
};

const dark: Palette = {
  page: '#0d1316',
  surface: '#141c20',
  raised: '#1a2429',
  sunken: '#10181b',
  border: '#25323a',
  control: '#627680',
  text: '#e5edf0',
  muted: '#9badb6',
  accent: '#58bcc6',
  accentSoft: '#12333a',
  onAccent: '#04252a',
  good: '#6ccb98',
  goodSoft: '#10301f',
  warn: '#f0b65c',
  warnSoft: '#37270b',
  warnBar: '#e0a03a',
  bad: '#f5938a',
  badSoft: '#3d1916',
  badBar: '#ee6a5f',
  track: '#26343b',
  series1: '#58bcc6',
  series2: '#e0a03a',
  series3: '#b590e0',
  series4: '#7bbf86',
  series5: '#8496a0',
};

/** The operator's own colour: nobody should take one area for the other. */
const operator = {
  light: { accent: '#6a3d98', accentSoft: '#f1e9f9', onAccent: '#ffffff' },
  dark: { accent: '#c1a2e8', accentSoft: '#2b1d3d', onAccent: '#231036' },
};

export type Area = 'organization' | 'operator';

export function paletteOf(mode: 'light' | 'dark', area: Area): Palette {
  const base = mode === 'dark' ? dark : light;
  return area === 'operator' ? { ...base, ...operator[mode] } : base;
}

/** As custom properties, `--page`, `--accent-soft`, …, for an element's `style`. */
export function customProperties(palette: Palette): Record<string, string> {
  return Object.fromEntries(
    Object.entries(palette).map(([name, value]: [string, string]) => [`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, value]),
  );
}
