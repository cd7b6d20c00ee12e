import type { Interval, OfferQuote } from '../../../api/types';

/** The quote form's values, as its fields hold them. */
export interface QuoteForm {
  price: string;
  currency: string;
  interval: Interval;
  /** In the operator's own time zone, as the browser's field has it. */
  expires_at: string;
  title?: string;
  minimum?: string;
  trial_days?: number | null;
  seats?: { included?: number | null; price?: string };
  limits?: Record<string, number | null>;
  /** Limits that are to have no bound. */
  unlimited?: string[];
  /** Features and prices of usage, as JSON. */
  further?: string;
}

/** Reads the further terms; undefined if they aren't a JSON object. */
export function furtherTerms(text: string | undefined): Pick<OfferQuote, 'features' | 'usage' | 'overage'> | undefined {
  if (text === undefined || text.trim() === '') return {};
  try {
    const read = JSON.parse(text) as unknown;
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What is sent. What was left empty is absent: then it is as the plan has it. */
export function toQuote(form: QuoteForm): OfferQuote {
  const { currency } = form;
  const limits: Record<string, number | null> = {};
  for (const [name, bound] of Object.entries(form.limits ?? {})) if (typeof bound === 'number') limits[name] = bound;
  for (const name of form.unlimited ?? []) limits[name] = null;
  const title = form.title?.trim() ?? '';
  const minimum = form.minimum?.trim() ?? '';
  const seatPrice = form.seats?.price?.trim() ?? '';
  return {
    ...furtherTerms(form.further),
    price: { amount: form.price.trim(), currency },
    currency,
    interval: form.interval,
    expires_at: new Date(form.expires_at).toISOString(),
    ...(title === '' ? {} : { title }),
    ...(minimum === '' ? {} : { minimum: { amount: minimum, currency } }),
    ...(typeof form.trial_days === 'number' ? { trial_days: form.trial_days } : {}),
    ...(seatPrice === '' ? {} : { seats: { included: form.seats?.included ?? 0, price: { amount: seatPrice, currency } } }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}
