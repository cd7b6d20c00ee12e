import { useI18n } from '../../i18n/i18n';
import type { Plan } from '../../api/types';
import { differences, titleOf, type Terms } from './standing';

export const PER = { month: 'plan.perMonth', quarter: 'plan.perQuarter', year: 'plan.perYear' } as const;
export const INTERVAL_NAMES = { month: 'plans.month', quarter: 'plans.quarter', year: 'plans.year' } as const;

/** What differs between two configurations, in words. The seats of a plan that isn't billed by them are nobody's concern. */
export function useDifferences(plans: readonly Plan[] | undefined): (before: Terms, after: Terms) => string[] {
  const { t, word, format } = useI18n();
  const named = ({ what, name, before, after }: ReturnType<typeof differences>[number]) => {
    switch (what) {
      case 'plan':
        return { label: t('overview.plan'), before: titleOf(before, plans), after: titleOf(after, plans) };
      case 'interval':
        return { label: t('plans.interval'), before: word('plans', before), after: word('plans', after) };
      case 'currency':
        return { label: t('plans.currency'), before, after };
      case 'seats':
        return { label: t('billing.seats'), before: format.exact(before), after: format.exact(after) };
      case 'add_on': {
        const addOn = plans?.flatMap((plan) => plan.addons).find((each) => each.key === name);
        return { label: addOn?.name ?? name, before: format.exact(before), after: format.exact(after) };
      }
    }
  };
  return (before, after) => {
    const bySeats = plans?.find((plan) => plan.key === after.plan)?.seats !== null;
    const shown = differences(before, after).filter(({ what }) => what !== 'seats' || bySeats);
    return shown.map((difference) => t('billing.difference', named(difference)));
  };
}
