import type { UsagePrice } from '../../api/types';
import { useI18n } from '../../i18n/i18n';

/** What usage costs, a line for each part of it. */
export function usePriceText(): (price: UsagePrice, currency: string, unit: string) => string[] {
  const { t, format } = useI18n();
  return (price, currency, unit) => {
    const money = (amount: string) => format.unitPrice(amount, currency);
    const lines: string[] = [];
    switch (price.model) {
      case 'flat':
        lines.push(t('price.flat', { amount: money(price.amount) }));
        break;
      case 'unit':
        lines.push(t('price.unit', { amount: money(price.unit), unit }));
        break;
      case 'package':
        lines.push(price.per === '1' ? t('price.each', { amount: money(price.unit) }) : t('price.package', { amount: money(price.unit), per: format.exact(price.per), unit }));
        break;
      case 'percentage': {
        const percent = format.exact(price.percent);
        lines.push(price.flat === null || price.flat === undefined ? t('price.percent', { percent }) : t('price.percentAnd', { percent, flat: money(price.flat) }));
        break;
      }
      case 'graduated':
      case 'volume':
        lines.push(t(price.model === 'volume' ? 'price.volume' : 'price.graduated'));
        for (const { up_to, unit: each, flat } of price.tiers) {
          const parts = [each, flat].map((part, index) => (typeof part === 'string' ? t(index === 0 ? 'price.unit' : 'price.flat', { amount: money(part), unit }) : undefined));
          const amount = parts.filter((part) => part !== undefined).join(' + ');
          lines.push(typeof up_to === 'string' ? t('price.upTo', { units: format.exact(up_to), amount }) : t('price.beyond', { amount }));
        }
        break;
    }
    if (typeof price.included === 'string') lines.push(t('price.included', { units: format.exact(price.included) }));
    if (typeof price.minimum === 'string') lines.push(t('price.minimum', { amount: money(price.minimum) }));
    return lines;
  };
}
