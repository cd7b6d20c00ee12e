import { Fragment, useId, useState } from 'react';
import type { Invoice, InvoiceLine } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Icon } from '../../ui/Icon';
import { LineEvents } from './LineEvents';
import { LineWork } from './LineWork';
import { opens, readWork } from './work';

interface Props {
  org: string;
  invoice: Invoice;
  zone: string;
}

/** The lines, each of which opens to how its amount came about and to the events behind it. */
export function InvoiceLines({ org, invoice, zone }: Props) {
  const { t } = useI18n();
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  function toggle(position: number) {
    setOpen((before) => new Set(before.has(position) ? [...before].filter((each) => each !== position) : [...before, position]));
  }
  return (
    <table className="lines" aria-label={t('invoice.lines')}>
      <thead>
        <tr>
          <th scope="col">{t('invoice.description')}</th>
          <th scope="col">{t('invoice.linePeriod')}</th>
          <th scope="col" className="end">
            {t('invoice.quantity')}
          </th>
          <th scope="col" className="end">
            {t('invoice.amount')}
          </th>
        </tr>
      </thead>
      <tbody>
        {invoice.lines.map((line) => (
          <Line key={line.position} org={org} invoice={invoice} line={line} zone={zone} isOpen={open.has(line.position)} onToggle={() => toggle(line.position)} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ org, invoice, line, zone, isOpen, onToggle }: Props & { line: InvoiceLine; isOpen: boolean; onToggle: () => void }) {
  const { t, word, format } = useI18n();
  const id = useId();
  // Only what is final has a set of events that stays.
  const isFinal = invoice.status !== 'upcoming' && invoice.status !== 'draft';
  const hasEvents = line.meter !== null && line.meter !== '' && (line.events ?? 0) > 0;
  return (
    <Fragment>
      <tr>
        <th scope="row">
          {opens(line) ? (
            <button type="button" className="line-toggle" aria-expanded={isOpen} {...(isOpen ? { 'aria-controls': id } : {})} onClick={onToggle}>
              <Icon name="right" size={16} />
              <span>{line.description}</span>
            </button>
          ) : (
            <span className="line-plain">{line.description}</span>
          )}
          <span className="muted small line-kind">{word('invoice.kind', line.kind)}</span>
        </th>
        <td data-label={t('invoice.linePeriod')}>{format.spanIn(line.period, zone)}</td>
        <td className="end nums" data-label={t('invoice.quantity')}>
          {format.exact(line.quantity)}
        </td>
        <td className="end nums" data-label={t('invoice.amount')}>
          {format.amount(line.amount)}
        </td>
      </tr>
      {isOpen ? (
        <tr className="line-detail">
          <td colSpan={4} id={id}>
            <LineWork line={line} work={readWork(line.work)} zone={zone} />
            {hasEvents ? isFinal ? <LineEvents org={org} invoice={invoice.id} line={line} zone={zone} /> : <p className="muted small">{t('events.later', { count: format.number(line.events ?? 0) })}</p> : null}
          </td>
        </tr>
      ) : null}
    </Fragment>
  );
}
