// Plans side by side: which price of each is shown, and what there is to compare.
import type { Interval, Money, Plan } from '../../api/types';
import { INTERVALS } from '../../app/search';

export interface Chosen {
  interval: Interval;
  currency: string;
}

type Priced = { interval: Interval; price: Money };

/** The intervals that any plan has a price for, the shortest first. */
export function intervalsOf(plans: readonly Plan[]): Interval[] {
  return INTERVALS.filter((interval) => plans.some((plan) => plan.prices.some((price) => price.interval === interval)));
}

/** The currencies that any plan has a price in, in the order in which they are first met. */
export function currenciesOf(plans: readonly Plan[]): string[] {
  return [...new Set(plans.flatMap((plan) => plan.prices.map(({ price }) => price.currency)))];
}

/** The price for what was chosen; where there is none for that interval, the first in the currency. */
export function priceFor(prices: readonly Priced[], { interval, currency }: Chosen): Priced | undefined {
  const inCurrency = prices.filter(({ price }) => price.currency === currency);
  return inCurrency.find((each) => each.interval === interval) ?? inCurrency[0];
}

/** What plans are compared by: every name that one of them knows, in the order of the first that does. */
export function namesIn(plans: readonly Plan[], of: (plan: Plan) => readonly string[]): string[] {
  return [...new Set(plans.flatMap(of))];
}

/** Limits that no plan bounds tell nothing. */
export function limitsOf(plans: readonly Plan[]): string[] {
  const keys = namesIn(plans, (plan) => plan.limits.map(({ key }) => key));
  return keys.filter((key) => plans.some((plan) => plan.limits.some((limit) => limit.key === key && limit.limit !== null)));
}
