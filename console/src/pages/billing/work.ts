// How the amount of a line came about. The document leaves `work` open, since every kind of line has its own; what is read
// here is what the billing engine writes, and whatever isn't there is left out.
import type { InvoiceLine, Money, RatingStep, UsagePrice } from '../../api/types';

export interface Work {
  /** What one costs, of something that recurs. */
  unit?: Money;
  /** What the whole period costs. */
  whole?: Money;
  /** The share of the period that the line is for, exactly. */
  share?: string;
  /** The same as counted: so many of so many. */
  counted?: { part: number; whole: number; by: 'day' | 'second' };
  /** What had been charged, of what is given back. */
  debited?: Money;
  creditedBefore?: Money;
  price?: UsagePrice;
  steps?: RatingStep[];
  /** The amount before it was rounded. */
  exact?: string;
  limit?: string;
  bound?: string;
  used?: string;
  windows?: { window: string; beyond: string }[];
  /** What a period comes to at least, and what there was of it. */
  minimum?: string;
  recurring?: string;
  usage?: string;
  /** What stood on earlier invoices, and what it is now, in minor units. */
  before?: number;
  now?: number;
  /** How what it is now came about. */
  rated?: Work;
}

type Raw = Record<string, unknown>;

const isRaw = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isMoney = (value: unknown): value is Money => isRaw(value) && isText(value['amount']) && isText(value['currency']);
const isPrice = (value: unknown): value is UsagePrice => isRaw(value) && isText(value['model']);
const isStep = (value: unknown): value is RatingStep => isRaw(value) && isText(value['what']) && isText(value['amount']);
const isWindow = (value: unknown): value is { window: string; beyond: string } => isRaw(value) && isText(value['window']) && isText(value['beyond']);

/** No period has more days than this, and none fewer seconds. */
const DAYS_OF_A_YEAR = 366;

export function readWork(value: unknown): Work {
  if (!isRaw(value)) return {};
  const work: Work = {};
  const take = <K extends keyof Work>(key: K, from: string, is: (read: unknown) => read is NonNullable<Work[K]>) => {
    const read = value[from];
    if (is(read)) work[key] = read;
  };
  for (const key of ['unit', 'whole', 'debited'] as const) take(key, key, isMoney);
  take('creditedBefore', 'credited_before', isMoney);
  for (const key of ['share', 'exact', 'limit', 'bound', 'used', 'minimum', 'recurring', 'usage'] as const) take(key, key, isText);
  for (const key of ['before', 'now'] as const) take(key, key, isNumber);
  take('price', 'price', isPrice);
  const { counted, steps, windows, rated } = value;
  if (Array.isArray(counted) && counted.length === 2 && counted.every(isNumber)) {
    const [part = 0, whole = 0] = counted;
    work.counted = { part, whole, by: whole > DAYS_OF_A_YEAR ? 'second' : 'day' };
  }
  if (Array.isArray(steps)) work.steps = steps.filter(isStep);
  if (Array.isArray(windows)) work.windows = windows.filter(isWindow);
  if (isRaw(rated)) work.rated = readWork(rated);
  return work;
}

/** An amount in minor units as money: -1234 of USD is -12.34. */
export function ofMinor(minor: number, currency: string): Money {
  const decimals = new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 0;
  const digits = String(Math.abs(minor)).padStart(decimals + 1, '0');
  const cut = digits.length - decimals;
  const amount = decimals === 0 ? digits : `${digits.slice(0, cut)}.${digits.slice(cut)}`;
  return { amount: minor < 0 ? `-${amount}` : amount, currency };
}

/** Whether a line says more than stands on it: how it came about, or which events are behind it. */
export function opens({ work, meter, events }: InvoiceLine): boolean {
  return (isRaw(work) && Object.keys(work).length > 0) || (meter !== null && meter !== '' && (events ?? 0) > 0);
}
