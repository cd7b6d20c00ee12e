export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

const TONES: Record<string, Tone> = {
  active: 'good',
  trialing: 'good',
  rotating: 'warn',
  pending: 'warn',
  past_due: 'warn',
  paused: 'warn',
  suspended: 'bad',
};

/** A state of an organization, a subscription or a key. The word says it; the colour only helps. */
export function Badge({ status, children }: { status: string; children: string }) {
  return (
    <span className="badge" data-tone={TONES[status] ?? 'quiet'}>
      {children}
    </span>
  );
}
