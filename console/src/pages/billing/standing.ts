// Where a subscription stands, in terms of what can be done about it.
import type { PlainAct, TimedAct } from '../../api/operations/billing';
import type { Plan, Subscription } from '../../api/types';

export type Act = PlainAct | TimedAct;
export type Situation = 'trialing' | 'trial_pays' | 'active' | 'ending' | 'trial_over' | 'past_due' | 'paused' | 'canceled';

export function situationOf({ status, pays, trial_end, cancel_at }: Subscription): Situation {
  switch (status) {
    case 'trialing':
      return cancel_at !== null ? 'ending' : pays ? 'trial_pays' : 'trialing';
    case 'active':
      return cancel_at !== null ? 'ending' : 'active';
    case 'past_due':
      // What is past due for want of a way to pay has no invoice to be paid.
      return trial_end !== null ? 'trial_over' : 'past_due';
    default:
      return status;
  }
}

const ACTS: Record<Situation, readonly Act[]> = {
  trialing: ['activate', 'cancel'],
  trial_pays: ['activate', 'cancel'],
  active: ['pause', 'cancel'],
  ending: ['reactivate'],
  trial_over: ['activate', 'cancel'],
  past_due: ['cancel'],
  paused: ['resume', 'cancel'],
  canceled: ['reactivate'],
};

export function actsIn(situation: Situation): readonly Act[] {
  return ACTS[situation];
}

/** Whether the plan, the seats and the add-ons can be changed as things stand. */
export function isChangeable({ status }: Subscription): boolean {
  return status === 'trialing' || status === 'active';
}

const DAY_MS = 86_400_000;

/** Started days until an instant; 0 once it has passed. */
export function daysUntil(instant: string, now: number): number {
  return Math.max(0, Math.ceil((Date.parse(instant) - now) / DAY_MS));
}

/** The organization's own time, in milliseconds. */
export function timeOf(subscription: Subscription, now = Date.now()): number {
  return subscription.test_clock === null ? now : Date.parse(subscription.test_clock);
}

/** What is subscribed to, or would be. */
export interface Terms {
  plan: string;
  interval: Subscription['interval'];
  currency: string;
  seats: number;
  add_ons: Record<string, number>;
}

/** What differs between two configurations, add-ons each by itself. */
export function differences(before: Terms, after: Terms): { what: 'plan' | 'interval' | 'currency' | 'seats' | 'add_on'; name: string; before: string; after: string }[] {
  const plain = (['plan', 'interval', 'currency', 'seats'] as const).map((what) => ({ what, name: what, before: String(before[what]), after: String(after[what]) }));
  const names = [...new Set([...Object.keys(before.add_ons), ...Object.keys(after.add_ons)])];
  const addOns = names.map((name) => ({ what: 'add_on' as const, name, before: String(before.add_ons[name] ?? 0), after: String(after.add_ons[name] ?? 0) }));
  return [...plain, ...addOns].filter((each) => each.before !== each.after);
}

/** The plan's title, or for one that isn't offered any more its key. */
export function titleOf(key: string, plans: readonly Plan[] | undefined): string {
  return plans?.find((plan) => plan.key === key)?.name ?? key;
}
