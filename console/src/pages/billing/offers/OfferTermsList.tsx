import type { ReactNode } from 'react';
import type { OfferTerms, Plan, UsagePrice } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { usePriceText } from '../price';
import { PER } from '../terms';

/** What one would get, and for what. */
export function OfferTermsList({ terms, plan }: { terms: OfferTerms; plan: Plan | undefined }) {
  const { t, word, format } = useI18n();
  const priceText = usePriceText();
  const { price, interval, minimum, seats, trial_days, limits, usage, overage } = terms;
  const features = Object.entries((terms.features ?? {}) as Record<string, unknown>);
  const priced = (prices: Record<string, UsagePrice>, name: (key: string) => string, unit: string) =>
    Object.entries(prices).map(([key, each]): [string, ReactNode] => [
      name(key),
      priceText(each, price.currency, unit).map((line) => (
        <div key={line}>{line}</div>
      )),
    ]);
  const rows: [string, ReactNode][] = [
    [t('overview.price'), `${format.amount(price)} ${t(PER[interval])}`],
    ...(minimum === null ? [] : ([[t('work.minimum'), format.amount(minimum)]] satisfies [string, ReactNode][])),
    ...(seats === null ? [] : ([[t('billing.seats'), `${t('billing.seatsIncluded', { count: format.number(seats.included) })} ${t('plans.seatPrice', { amount: format.amount(seats.price), per: t(PER[interval]) })}`]] satisfies [string, ReactNode][])),
    ...(trial_days === null ? [] : ([[t('offers.trial'), t('register.trial', { days: trial_days })]] satisfies [string, ReactNode][])),
    ...Object.entries(limits).map(([key, bound]): [string, ReactNode] => [word('limit', key), bound === null ? t('app.unlimited') : format.number(bound)]),
    ...priced(usage, (key) => word('meter', key), t('work.unit')),
    ...priced(overage, (key) => t('offers.beyond', { limit: word('limit', key) }), t('work.unit')),
    ...features.map(([key, value]): [string, ReactNode] => [humanize(key), typeof value === 'boolean' ? t(value ? 'plans.included' : 'plans.notIncluded') : String(value)]),
  ];
  return (
    <>
      {plan === undefined ? null : <p className="muted small">{t('offers.basedOn', { plan: plan.name })}</p>}
      <dl className="facts long offer-terms">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="nums">{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
