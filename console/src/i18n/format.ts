// Numbers, money and times in the reader's locale. Nothing else in the console formats them.
import type { Money } from '../api/types';

export type Language = 'en' | 'ja';

export interface Format {
  number: (value: number) => string;
  money: (value: Money) => string;
  date: (instant: string) => string;
  dateTime: (instant: string) => string;
  utcDay: (instant: string) => string;
  utcHour: (instant: string) => string;
  utcTime: (instant: string) => string;
  /** "in 3 hours", "2 days ago". */
  relative: (instant: string, now?: number) => string;
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
];

/** The browser's own regional form of the language (en-GB writes dates unlike en-US), if it has one. */
function localeFor(language: Language): string {
  return navigator.languages.find((locale) => locale.toLowerCase().startsWith(language)) ?? language;
}

export function formatter(language: Language): Format {
  const locale = localeFor(language);
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const utcDay = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const utcHour = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
  const utcTime = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  return {
    number: (value) => number.format(value),
    money: ({ amount, currency }) => formatMoney(locale, amount, currency),
    date: (instant) => date.format(new Date(instant)),
    dateTime: (instant) => dateTime.format(new Date(instant)),
    utcDay: (instant) => utcDay.format(new Date(instant)),
    utcHour: (instant) => utcHour.format(new Date(instant)),
    utcTime: (instant) => utcTime.format(new Date(instant)),
    relative(instant, now = Date.now()) {
      const difference = new Date(instant).getTime() - now;
      const [unit, size] = STEPS.find(([, step]) => Math.abs(difference) >= step) ?? (['second', 1_000] as const);
      return relative.format(Math.trunc(difference / size), unit);
    },
  };
}

function formatMoney(locale: string, amount: string, currency: string): string {
  // A decimal string goes to Intl as it is: it formats it exactly, without a float in between. Whole prices drop
  // their zeros, since "$29" reads better on a card than "$29.00"; JPY has none by itself.
  const whole = /^-?\d+(\.0+)?$/.test(amount);
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, ...(whole ? { maximumFractionDigits: 0 } : {}) });
  return (format.format as (value: string) => string)(amount);
}
