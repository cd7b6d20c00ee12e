import type { ReactNode } from 'react';
import { Link } from '@tanstack/react-router';
import type { Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { priceFor } from './catalogue';
import { daysUntil, situationOf, timeOf, titleOf } from './standing';
import { PER } from './terms';

interface Props {
  org: string;
  subscription: Subscription;
  plan: Plan | undefined;
  plans: readonly Plan[] | undefined;
  children: ReactNode;
}

/** The plan, where it stands, and what to do about that. */
export function StandingCard({ org, subscription, plan, plans, children }: Props) {
  const { t, word, format } = useI18n();
  const zone = subscription.time_zone;
  const price = plan === undefined ? undefined : priceFor(plan.prices, subscription);
  const isOn = subscription.status !== 'canceled';
  return (
    <Card title={titleOf(subscription.plan, plans)} aside={<Badge status={subscription.status}>{word('status', subscription.status)}</Badge>}>
      <div className="stack tight">
        <Standing org={org} subscription={subscription} plan={plan} plans={plans} />
        <dl className="facts">
          {price?.interval === subscription.interval ? (
            <div>
              <dt>{t('overview.price')}</dt>
              <dd>
                {format.money(price.price)} <span className="muted small">{t(PER[price.interval])}</span>
              </dd>
            </div>
          ) : null}
          {isOn ? (
            <div>
              <dt>{t('billing.period')}</dt>
              <dd>
                {format.spanIn(subscription.period, zone)}
                <div className="muted small">{zone}</div>
              </dd>
            </div>
          ) : null}
          {plan === undefined || plan.seats === null ? null : (
            <div>
              <dt>{t('billing.seats')}</dt>
              <dd className="nums">{format.number(subscription.seats)}</dd>
            </div>
          )}
          <AddOns subscription={subscription} plan={plan} />
          <div>
            <dt>{t('overview.since')}</dt>
            <dd>{format.dateIn(subscription.started_at, zone)}</dd>
          </div>
        </dl>
        {children}
      </div>
    </Card>
  );
}

function AddOns({ subscription, plan }: { subscription: Subscription; plan: Plan | undefined }) {
  const { t, format } = useI18n();
  const taken = Object.entries(subscription.add_ons);
  if (taken.length === 0) return null;
  const name = (key: string) => plan?.addons.find((each) => each.key === key)?.name ?? humanize(key);
  return (
    <div>
      <dt>{t('billing.addOns')}</dt>
      <dd>
        {taken.map(([key, quantity]) => (
          <div key={key}>{quantity === 1 ? name(key) : `${name(key)} × ${format.number(quantity)}`}</div>
        ))}
      </dd>
    </div>
  );
}

function Standing({ org, subscription, plan, plans }: Omit<Props, 'children'>) {
  const { t, format } = useI18n();
  const on = (instant: string | null) => (instant === null ? '' : format.dateIn(instant, subscription.time_zone));
  const situation = situationOf(subscription);
  switch (situation) {
    case 'trialing':
    case 'trial_pays': {
      const days = format.number(daysUntil(subscription.trial_end ?? subscription.period.end, timeOf(subscription)));
      const then = plan?.trial?.then;
      const advice = situation === 'trial_pays' ? t('billing.trialPays') : then === undefined || then === 'past_due' ? t('billing.trialThenPastDue') : t('billing.trialThen', { plan: titleOf(then, plans) });
      return (
        <p>
          <strong>{t('billing.trialDays', { days, date: on(subscription.trial_end) })}</strong> {advice}
        </p>
      );
    }
    case 'active':
      return <p>{t('billing.renews', { date: on(subscription.period.end) })}</p>;
    case 'ending':
      return (
        <p>
          <strong>{t('billing.ends', { date: on(subscription.cancel_at) })}</strong> {t('billing.endsHint')}
        </p>
      );
    case 'trial_over':
      return (
        <p>
          <strong>{t('billing.trialOver', { date: on(subscription.past_due_since) })}</strong> {t('billing.trialOverHint')}
        </p>
      );
    case 'past_due':
      return (
        <p>
          <strong>{t('billing.pastDue', { date: on(subscription.past_due_since) })}</strong> {t('billing.pastDueHint')}{' '}
          <Link to="/o/$org/billing/invoices" params={{ org }} search={{ status: 'open' }}>
            {t('billing.openInvoices')}
          </Link>
        </p>
      );
    case 'paused':
      return (
        <p>
          <strong>{t('billing.paused', { date: on(subscription.paused_at) })}</strong> {t('billing.pausedHint')}
        </p>
      );
    case 'canceled':
      return (
        <p>
          <strong>{t('billing.canceled', { date: on(subscription.canceled_at) })}</strong> {t('billing.canceledHint')}
        </p>
      );
  }
}
