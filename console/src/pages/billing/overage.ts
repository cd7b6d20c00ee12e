import type { Plan } from '../../api/types';
import { useI18n } from '../../i18n/i18n';

type Overage = Plan['overage'][number];

/** What it costs to go beyond a limit; nothing where that has no price in the currency. */
export function useOverageText(): (overage: Overage, currency: string) => string | undefined {
  const { t, format } = useI18n();
  return ({ per, prices }, currency) => {
    const price = prices.find((each) => each.currency === currency);
    if (price === undefined) return undefined;
    const amount = format.unitPrice(price.amount, currency);
    return per === 1 ? t('price.each', { amount }) : t('price.eachLot', { amount, per: format.number(per) });
  };
}
