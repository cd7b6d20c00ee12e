import type { ReactNode } from 'react';
import type { Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { Icon } from '../../ui/Icon';
import { limitsOf, namesIn, priceFor, type Chosen } from './catalogue';
import { useOverageText } from './overage';
import { usePriceText } from './price';
import { PER } from './terms';

interface Props {
  plans: readonly Plan[];
  subscription: Subscription;
  chosen: Chosen;
}

interface Row {
  key: string;
  title: string;
  of: (plan: Plan) => ReactNode;
}

/** Everything that plans differ in, a row each. On a phone each row lists the plans below its name. */
export function PlanComparison({ plans, subscription, chosen }: Props) {
  const { t } = useI18n();
  const groups = useGroups(plans, chosen).filter(({ rows }) => rows.length > 0);
  return (
    <div className="compare-wrap">
      <table className="compare" aria-label={t('plans.compare')}>
        <thead>
          <tr>
            <td />
            {plans.map((plan) => (
              <th key={plan.key} scope="col" data-current={plan.key === subscription.plan}>
                {plan.name}
                {plan.key === subscription.plan ? <span className="visually-hidden"> ({t('plans.current')})</span> : null}
              </th>
            ))}
          </tr>
        </thead>
        {groups.map((group) => (
          <tbody key={group.title}>
            <tr className="group">
              <th scope="colgroup" colSpan={plans.length + 1}>
                {group.title}
              </th>
            </tr>
            {group.rows.map((row) => (
              <tr key={row.key}>
                <th scope="row">{row.title}</th>
                {plans.map((plan) => (
                  <td key={plan.key} data-label={plan.name} data-current={plan.key === subscription.plan}>
                    {row.of(plan) ?? <Without />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function useGroups(plans: readonly Plan[], chosen: Chosen): { title: string; rows: Row[] }[] {
  const { t, word, format } = useI18n();
  const overageText = useOverageText();
  const priceText = usePriceText();
  const { currency } = chosen;
  const addOns = plans.flatMap((plan) => plan.addons);

  const limit = (key: string): Row => ({
    key,
    title: word('limit', key),
    of(plan) {
      const found = plan.limits.find((each) => each.key === key);
      return found === undefined ? undefined : <span className="nums">{found.limit === null ? t('app.unlimited') : format.number(found.limit)}</span>;
    },
  });
  const feature = (key: string): Row => ({ key, title: humanize(key), of: (plan) => <Feature value={plan.features[key]} /> });
  const usage = (meter: string): Row => ({
    key: meter,
    title: humanize(meter),
    of(plan) {
      const found = plan.usage.find((each) => each.meter === meter);
      const price = found?.prices.find((each) => each.currency === currency);
      return found === undefined || price === undefined ? undefined : <Lines lines={priceText(price.price, currency, found.unit)} />;
    },
  });
  const overage = (key: string): Row => ({
    key,
    title: word('limit', key),
    of(plan) {
      const found = plan.overage.find((each) => each.limit === key);
      return found === undefined ? undefined : overageText(found, currency);
    },
  });
  const addOn = (key: string): Row => ({
    key,
    title: addOns.find((each) => each.key === key)?.name ?? key,
    of(plan) {
      const found = plan.addons.find((each) => each.key === key);
      if (found === undefined) return undefined;
      const price = priceFor(found.prices, chosen);
      const more = Object.entries(found.limits).map(([name, units]) => t('plans.adds', { units: format.number(units), limit: word('limit', name) }));
      return <Lines lines={[price === undefined ? t('plans.available') : `${format.money(price.price)} ${t(PER[price.interval])}`, ...more]} />;
    },
  });
  return [
    { title: t('plans.limits'), rows: limitsOf(plans).map(limit) },
    { title: t('plans.features'), rows: namesIn(plans, (plan) => Object.keys(plan.features)).map(feature) },
    { title: t('plans.usage'), rows: namesIn(plans, (plan) => plan.usage.map(({ meter }) => meter)).map(usage) },
    { title: t('plans.overage'), rows: namesIn(plans, (plan) => plan.overage.map((each) => each.limit)).map(overage) },
    { title: t('billing.addOns'), rows: namesIn(plans, (plan) => plan.addons.map(({ key }) => key)).map(addOn) },
  ];
}

function Lines({ lines }: { lines: readonly string[] }) {
  return lines.map((line) => <div key={line}>{line}</div>);
}

function Feature({ value }: { value: unknown }) {
  const { t } = useI18n();
  if (value === true) {
    return (
      <>
        <Icon name="check" size={16} />
        <span className="visually-hidden">{t('plans.included')}</span>
      </>
    );
  }
  if (typeof value === 'string' && value !== '' && value !== 'none') return humanize(value);
  if (typeof value === 'number') return String(value);
  return <Without />;
}

function Without() {
  const { t } = useI18n();
  return (
    <>
      <span aria-hidden="true" className="muted">
        –
      </span>
      <span className="visually-hidden">{t('plans.notIncluded')}</span>
    </>
  );
}
