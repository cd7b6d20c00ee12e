import type { Invoice } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { countryName } from './countries';
import { InvoiceLines } from './InvoiceLines';
import { dateOf, InvoiceBadge, useInvoiceName } from './InvoicesTable';
import { Totals } from './Totals';

interface Props {
  org: string;
  invoice: Invoice;
  zone: string;
}

/** An invoice as it would lie on a desk; printed, nothing else is on the page. */
export function InvoiceSheet({ org, invoice, zone }: Props) {
  const { t, format } = useI18n();
  const nameOf = useInvoiceName();
  return (
    <article className="card sheet" aria-label={nameOf(invoice)}>
      <header className="sheet-head">
        <div>
          <p className="sheet-name">{nameOf(invoice)}</p>
          <InvoiceBadge invoice={invoice} />
        </div>
        <Dates invoice={invoice} zone={zone} />
      </header>
      {invoice.status === 'draft' ? <p className="muted small">{t('invoice.draftHint', { time: format.dateTimeIn(invoice.finalize_at, zone) })}</p> : null}
      {invoice.status === 'upcoming' ? <p className="muted small">{t('billing.upcomingHint')}</p> : null}
      <Parties invoice={invoice} />
      {invoice.lines.length === 0 ? <p className="muted">{t('invoice.noLines')}</p> : <InvoiceLines org={org} invoice={invoice} zone={zone} />}
      <div className="sheet-foot">
        <Totals invoice={invoice} />
      </div>
      <CreditNotes invoice={invoice} zone={zone} />
      <p className="muted small">{t('invoice.zone', { zone })}</p>
    </article>
  );
}

function Dates({ invoice, zone }: { invoice: Invoice; zone: string }) {
  const { t, word, format } = useI18n();
  const dates = [
    [t('invoice.date'), dateOf(invoice)],
    [t('invoice.dueAt'), invoice.status === 'open' ? invoice.due_at : null],
    [t('invoice.paidAt'), invoice.paid_at],
    [t('invoice.voidedAt'), invoice.voided_at],
  ] as const;
  return (
    <dl className="dates">
      {dates.map(([label, at]) =>
        at === null ? null : (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <time dateTime={at} title={format.dateTimeIn(at, zone)}>
                {format.dateIn(at, zone)}
              </time>
            </dd>
          </div>
        ),
      )}
      <div>
        <dt>{t('invoice.reason')}</dt>
        <dd>{word('invoice.reason', invoice.reason)}</dd>
      </div>
      {invoice.usage_period === null ? null : (
        <div>
          <dt>{t('invoice.usagePeriod')}</dt>
          <dd>{format.spanIn(invoice.usage_period, zone)}</dd>
        </div>
      )}
    </dl>
  );
}

function Parties({ invoice: { seller, customer } }: { invoice: Invoice }) {
  const { t, language } = useI18n();
  return (
    <dl className="parties">
      {seller.name === '' ? null : (
        <div>
          <dt>{t('invoice.from')}</dt>
          <dd>{seller.name}</dd>
        </div>
      )}
      <div>
        <dt>{t('invoice.to')}</dt>
        {customer === null ? (
          <dd className="muted">{t('invoice.noCustomer')}</dd>
        ) : (
          <dd>
            {customer.name}
            <address>{customer.address}</address>
            {typeof customer.country === 'string' ? <div>{countryName(customer.country, language)}</div> : null}
            {typeof customer.tax_id === 'string' ? <div>{t('invoice.taxId', { id: customer.tax_id })}</div> : null}
            {typeof customer.email === 'string' ? <div>{customer.email}</div> : null}
          </dd>
        )}
      </div>
    </dl>
  );
}

function CreditNotes({ invoice, zone }: { invoice: Invoice; zone: string }) {
  const { t, format } = useI18n();
  if (invoice.credit_notes.length === 0) return null;
  return (
    <section aria-label={t('invoice.creditNotes')}>
      <h2 className="small-heading">{t('invoice.creditNotes')}</h2>
      <dl className="sums">
        {invoice.credit_notes.map((note) => (
          <div key={note.id}>
            <dt>
              {note.number}, {format.dateIn(note.created_at, zone)}
              <div className="muted small">{note.reason}</div>
            </dt>
            <dd className="nums">{format.amount(note.amount)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
