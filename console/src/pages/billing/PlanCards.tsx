import { Link } from '@tanstack/react-router';
import { Button } from 'antd';
import type { ChangeRequest, Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { priceFor, type Chosen } from './catalogue';
import { PER } from './terms';

interface Props {
  org: string;
  plans: readonly Plan[];
  subscription: Subscription;
  chosen: Chosen;
  canChoose: boolean;
  onWanted: (request: ChangeRequest) => void;
}

/** What each plan costs, and how to get it. */
export function PlanCards({ org, plans, subscription, chosen, canChoose, onWanted }: Props) {
  return (
    <ul className="plan-cards">
      {plans.map((plan) => (
        <PlanCard key={plan.key} org={org} plan={plan} subscription={subscription} chosen={chosen} canChoose={canChoose} onWanted={onWanted} />
      ))}
    </ul>
  );
}

function PlanCard({ org, plan, subscription, chosen, canChoose, onWanted }: Omit<Props, 'plans'> & { plan: Plan }) {
  const { t, format } = useI18n();
  const price = priceFor(plan.prices, chosen);
  const isCurrent = plan.key === subscription.plan;
  const seats = plan.seats === null ? undefined : priceFor(plan.seats.prices, chosen);
  const minimum = plan.minimum.find((each) => each.currency === chosen.currency);
  return (
    <li className="card plan-card" data-current={isCurrent}>
      <h2>{plan.name}</h2>
      {isCurrent ? <p className="current-mark">{t('plans.current')}</p> : null}
      {plan.description === null ? null : <p className="muted">{plan.description}</p>}
      <p className="plan-price nums">
        {price !== undefined ? (
          <>
            {format.money(price.price)} <small>{t(PER[price.interval])}</small>
          </>
        ) : plan.prices.length > 0 ? (
          <small>{t('plans.notInCurrency', { currency: chosen.currency })}</small>
        ) : (
          t('register.planContact')
        )}
      </p>
      <ul className="small muted">
        {plan.seats === null ? null : <li>{t('billing.seatsIncluded', { count: format.number(plan.seats.included) })}</li>}
        {seats === undefined ? null : <li>{t('plans.seatPrice', { amount: format.money(seats.price), per: t(PER[seats.interval]) })}</li>}
        {minimum === undefined ? null : <li>{t('price.minimum', { amount: format.money(minimum) })}</li>}
        {plan.trial === null ? null : <li>{t('register.trial', { days: plan.trial.days })}</li>}
      </ul>
      <div className="plan-act">
        <Choose org={org} plan={plan} subscription={subscription} price={price} canChoose={canChoose} onWanted={onWanted} />
      </div>
    </li>
  );
}

function Choose({ org, plan, subscription, price, canChoose, onWanted }: Omit<Props, 'plans' | 'chosen'> & { plan: Plan; price: ReturnType<typeof priceFor> }) {
  const { t } = useI18n();
  const isCurrent = plan.key === subscription.plan;
  const isSame = isCurrent && price?.interval === subscription.interval && price.price.currency === subscription.currency;
  if (isSame || (isCurrent && price === undefined)) return null;
  if (!plan.self_service && !isCurrent) {
    return canChoose ? (
      <Link className="button-link quiet" to="/o/$org/billing/offers" params={{ org }} search={{ ask: plan.key }}>
        {t('offers.ask')}
      </Link>
    ) : (
      <p className="muted">{t('plans.contact')}</p>
    );
  }
  if (price === undefined && plan.prices.length > 0) return null;
  const terms = price === undefined ? {} : { interval: price.interval, currency: price.price.currency };
  return (
    <Button
      type={isCurrent ? 'default' : 'primary'}
      block
      disabled={!canChoose}
      aria-label={isCurrent ? t('plans.switchTerms', { plan: plan.name }) : t('plans.choosePlan', { plan: plan.name })}
      onClick={() => onWanted({ plan: plan.key, ...terms })}
    >
      {isCurrent ? t('plans.switch') : t('plans.choose')}
    </Button>
  );
}
