import { useQuery } from '@tanstack/react-query';
import { offersQuery, plansQuery, subscriptionQuery } from '../../api/queries';
import type { Offer, Plan } from '../../api/types';

/** A plan of the organization's own, as if it were one of those that are offered; undefined if it isn't known what it is made of. */
export function ownPlan({ terms, plan: key }: Offer, plans: readonly Plan[]): Plan | undefined {
  const base = plans.find((plan) => plan.key === key);
  if (terms === null || base === undefined) return undefined;
  const { interval, price, title } = terms;
  return { ...base, key: terms.plan, name: title ?? base.name, prices: [{ interval, price }], is_default: false };
}

/** The plans that are offered and, where the organization is on one of its own, that one too. */
export function usePlans(org: string): readonly Plan[] | undefined {
  const { data: plans } = useQuery(plansQuery);
  const { data: subscription } = useQuery(subscriptionQuery(org));
  const isOwn = plans !== undefined && subscription !== undefined && !plans.some(({ key }) => key === subscription.plan);
  const { data: offers } = useQuery({ ...offersQuery(org), enabled: isOwn });
  const own = isOwn ? offers?.items.find(({ terms }) => terms?.plan === subscription.plan) : undefined;
  const made = own === undefined ? undefined : ownPlan(own, plans ?? []);
  return made === undefined ? plans : [...(plans ?? []), made];
}
