// An invoice as a file, made of what is on the screen.
import type { Invoice } from '../../api/types';
import { csv } from '../../ui/csv';

/** What the file is called: by the number, once there is one. */
export function fileNameOf(invoice: Invoice): string {
  return invoice.number ?? (invoice.status === 'upcoming' ? 'upcoming-invoice' : invoice.id);
}

export function jsonOf(invoice: Invoice): string {
  return `${JSON.stringify(invoice, null, 2)}\n`;
}

/** A row for each line and for each tax that prices don't contain, so that `amount` adds up to the total. */
export function csvOf(invoice: Invoice): string {
  const { currency } = invoice.total;
  const name = invoice.number ?? invoice.id;
  const head = ['invoice', 'position', 'kind', 'item', 'description', 'period_start', 'period_end', 'quantity', 'amount', 'currency', 'meter', 'events', 'digest'];
  const lines = invoice.lines.map((line) => [
    name,
    line.position,
    line.kind,
    line.item,
    line.description,
    line.period.start,
    line.period.end,
    line.quantity,
    line.amount.amount,
    currency,
    line.meter,
    line.events,
    line.digest,
  ]);
  const taxes = invoice.taxes
    .filter((tax) => !tax.inclusive)
    .map((tax) => [name, null, 'tax', null, `${tax.name} ${tax.percent}%`, null, null, null, tax.amount.amount, currency, null, null, null]);
  return csv(head, [...lines, ...taxes]);
}

export function csvOfList(invoices: readonly Invoice[]): string {
  const head = ['number', 'id', 'kind', 'status', 'reason', 'created_at', 'finalized_at', 'due_at', 'paid_at', 'subtotal', 'total', 'balance_used', 'credited', 'due', 'currency'];
  const rows = invoices.map((each) => [
    each.number,
    each.id,
    each.kind,
    each.status,
    each.reason,
    each.created_at,
    each.finalized_at,
    each.due_at,
    each.paid_at,
    each.subtotal.amount,
    each.total.amount,
    each.balance_used.amount,
    each.credited.amount,
    each.due.amount,
    each.total.currency,
  ]);
  return csv(head, rows);
}
