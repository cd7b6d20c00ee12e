import type { Invoice, Plan, Preview, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Totals } from './Totals';
import { useDifferences } from './terms';

interface Props {
  subscription: Subscription;
  preview: Preview;
  plans: readonly Plan[] | undefined;
}

/** What changes, when, what is given back and charged now, and what comes next. */
export function ChangeSummary({ subscription, preview, plans }: Props) {
  const { t, format } = useI18n();
  const differencesOf = useDifferences(plans);
  const zone = subscription.time_zone;
  const after = preview.subscription.pending ?? preview.subscription;
  const next = preview.next_invoice;
  return (
    <>
      <ul className="differences">
        {differencesOf(subscription, after).map((difference) => (
          <li key={difference}>{difference}</li>
        ))}
      </ul>
      <p>
        <strong>{preview.when === 'now' ? t('change.atOnce') : t('change.atPeriodEnd', { date: format.dateIn(preview.subscription.pending?.at ?? subscription.period.end, zone) })}</strong>
      </p>
      <section aria-label={t('change.now')} data-testid="change-now">
        <h3 className="small-heading">{t('change.now')}</h3>
        {preview.invoice === null ? <p className="muted">{t('change.nothingNow')}</p> : <Charged invoice={preview.invoice} zone={zone} />}
      </section>
      {next === null ? null : (
        <section aria-label={t('change.next')}>
          <h3 className="small-heading">{t('change.next')}</h3>
          <dl className="sums">
            <div>
              <dt>{t('billing.nextInvoiceOn', { date: format.dateIn(next.created_at, zone) })}</dt>
              <dd className="nums">{format.amount(next.total)}</dd>
            </div>
          </dl>
          <p className="muted small">{t(next.kind === 'statement' ? 'billing.upcomingFree' : 'billing.upcomingHint')}</p>
        </section>
      )}
    </>
  );
}

function Charged({ invoice, zone }: { invoice: Invoice; zone: string }) {
  const { format } = useI18n();
  return (
    <>
      <dl className="sums">
        {invoice.lines.map((line) => (
          <div key={line.position}>
            <dt>
              {line.description}
              <div className="muted small">{format.spanIn(line.period, zone)}</div>
            </dt>
            <dd className="nums">{format.amount(line.amount)}</dd>
          </div>
        ))}
      </dl>
      <Totals invoice={invoice} />
    </>
  );
}
