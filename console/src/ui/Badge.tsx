export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

const TONES: Record<string, Tone> = {
  active: 'good',
  trialing: 'good',
  rotating: 'warn',
  pending: 'warn',
  past_due: 'warn',
  paused: 'warn',
  suspended: 'bad',
  locked: 'bad',
  invoice_open: 'warn',
  invoice_paid: 'good',
  offer_requested: 'warn',
  offer_offered: 'good',
};

/** A state of an organization, a subscription, a key or an invoice. The word says it; the colour only helps. */
export function Badge({ status, children }: { status: string; children: string }) {
  return (
    <span className="badge" data-tone={TONES[status] ?? 'quiet'}>
      {children}
    </span>
  );
}
