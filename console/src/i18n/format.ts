// Numbers, money and times in the reader's locale. Nothing else in the console formats them.
import type { Money, Span } from '../api/types';

export type Language = 'en' | 'ja';

export interface Format {
  number: (value: number) => string;
  /** A price as one reads it on a card: whole amounts without decimals. */
  money: (value: Money) => string;
  /** An amount as it stands on an invoice, with all decimals of its currency. */
  amount: (value: Money) => string;
  /** What one of something costs, which may be less than the smallest amount of the currency. */
  unitPrice: (amount: string, currency: string) => string;
  /** An exact number as the API writes it: a decimal, or a fraction that has no end. */
  exact: (value: string) => string;
  date: (instant: string) => string;
  dateTime: (instant: string) => string;
  /** In the calendar of an organization. */
  dateIn: (instant: string, zone: string) => string;
  dateTimeIn: (instant: string, zone: string) => string;
  spanIn: (span: Span, zone: string) => string;
  utcDay: (instant: string) => string;
  utcHour: (instant: string) => string;
  utcTime: (instant: string) => string;
  utcMonth: (instant: string) => string;
  /** A share, 0 to 1. */
  percent: (share: number) => string;
  /** How long something took, of microseconds. */
  duration: (microseconds: number) => string;
  bytes: (count: number) => string;
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
  const inZone = zoned(locale);
  const decimals = new Intl.NumberFormat(locale, { maximumFractionDigits: FINEST });
  const utcDay = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  const utcHour = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
  const utcTime = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
  const utcMonth = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', timeZone: 'UTC' });
  const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 });
  const unit = (name: string) => new Intl.NumberFormat(locale, { style: 'unit', unit: name, maximumFractionDigits: 1 });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  return {
    number: (value) => number.format(value),
    money: ({ amount, currency }) => formatMoney(locale, amount, currency),
    amount: ({ amount, currency }) => exactly(new Intl.NumberFormat(locale, { style: 'currency', currency }), amount),
    unitPrice: (amount, currency) => exactly(new Intl.NumberFormat(locale, { style: 'currency', currency, maximumFractionDigits: FINEST }), amount),
    exact: (value) => value.split('/').map((part) => exactly(decimals, part)).join(' / '),
    date: (instant) => date.format(new Date(instant)),
    dateTime: (instant) => dateTime.format(new Date(instant)),
    dateIn: (instant, zone) => inZone(zone).date.format(new Date(instant)),
    dateTimeIn: (instant, zone) => inZone(zone).dateTime.format(new Date(instant)),
    spanIn({ start, end }, zone) {
      const [from, to] = [new Date(start), new Date(end)];
      const isShort = to.getTime() - from.getTime() < 2 * DAY_MS;
      return inZone(zone)[isShort ? 'dateTime' : 'date'].formatRange(from, to);
    },
    utcDay: (instant) => utcDay.format(new Date(instant)),
    utcHour: (instant) => utcHour.format(new Date(instant)),
    utcTime: (instant) => utcTime.format(new Date(instant)),
    utcMonth: (instant) => utcMonth.format(new Date(instant)),
    percent: (share) => percent.format(share),
    duration: (microseconds) => (microseconds < SECOND_US ? unit('millisecond').format(microseconds / 1_000) : unit('second').format(microseconds / SECOND_US)),
    bytes: (count) => (count < KILOBYTE ? unit('byte') : unit('kilobyte')).format(count < KILOBYTE ? count : count / KILOBYTE),
    relative(instant, now = Date.now()) {
      const difference = new Date(instant).getTime() - now;
      const [unit, size] = STEPS.find(([, step]) => Math.abs(difference) >= step) ?? (['second', 1_000] as const);
      return relative.format(Math.trunc(difference / size), unit);
    },
  };
}

/** The most decimals that a price of the blueprint has. */
const FINEST = 12;
const DAY_MS = 86_400_000;
const SECOND_US = 1_000_000;
const KILOBYTE = 1_000;

/** Intl formats a decimal string exactly, without a float in between; its types don't say so yet. */
function exactly(format: Intl.NumberFormat, decimal: string): string {
  return (format.format as (value: string) => string)(decimal);
}

function zoned(locale: string) {
  const made = new Map<string, { date: Intl.DateTimeFormat; dateTime: Intl.DateTimeFormat }>();
  return (timeZone: string) => {
    const known = made.get(timeZone) ?? {
      date: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone }),
      dateTime: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone }),
    };
    made.set(timeZone, known);
    return known;
  };
}

function formatMoney(locale: string, amount: string, currency: string): string {
  // Whole prices drop their zeros, since "$29" reads better on a card than "$29.00"; JPY has none by itself.
  const whole = /^-?\d+(\.0+)?$/.test(amount);
  const format = new Intl.NumberFormat(locale, { style: 'currency', currency, ...(whole ? { maximumFractionDigits: 0 } : {}) });
  return exactly(format, amount);
}
