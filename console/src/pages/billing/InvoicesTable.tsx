import { Link } from '@tanstack/react-router';
import type { Invoice } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column, type Sorting } from '../../ui/DataTable';

interface Props {
  org: string;
  invoices: readonly Invoice[];
  zone: string;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
}

/** What an invoice is called before it has a number. */
export function useInvoiceName(): (invoice: Invoice) => string {
  const { t } = useI18n();
  return ({ number, kind, status }) => number ?? (status === 'upcoming' ? t('billing.nextInvoice') : kind === 'statement' ? t('invoice.statement') : t('invoice.draftName'));
}

/** The day that stands on an invoice: when it became final, before that when it was made. */
export const dateOf = (invoice: Invoice): string => invoice.finalized_at ?? invoice.created_at;

export function InvoicesTable({ org, invoices, zone, sorting, onSort }: Props) {
  const { t, word, format } = useI18n();
  const nameOf = useInvoiceName();
  const columns: Column<Invoice>[] = [
    {
      id: 'number',
      title: t('invoice.number'),
      sortBy: (row) => row.number ?? '',
      render: (row) => (
        <Link to="/o/$org/billing/invoices/$invoice" params={{ org, invoice: row.id }}>
          {nameOf(row)}
        </Link>
      ),
    },
    { id: 'date', title: t('invoice.date'), sortBy: dateOf, render: (row) => <time dateTime={dateOf(row)}>{format.dateIn(dateOf(row), zone)}</time> },
    { id: 'reason', title: t('invoice.reason'), render: (row) => word('invoice.reason', row.reason) },
    { id: 'status', title: t('keys.status'), sortBy: (row) => row.status, render: (row) => <InvoiceBadge invoice={row} /> },
    { id: 'total', title: t('invoice.total'), end: true, sortBy: (row) => Number(row.total.amount), render: (row) => <span className="nums">{format.amount(row.total)}</span> },
    { id: 'due', title: t('invoice.due'), end: true, sortBy: (row) => Number(row.due.amount), render: (row) => <Due invoice={row} zone={zone} /> },
  ];
  return <DataTable label={t('billing.invoices')} columns={columns} rows={invoices} rowKey={(row) => row.id} sorting={sorting} onSort={onSort} />;
}

export function InvoiceBadge({ invoice }: { invoice: Invoice }) {
  const { word } = useI18n();
  return <Badge status={`invoice_${invoice.status}`}>{word('invoice.status', invoice.status)}</Badge>;
}

function Due({ invoice, zone }: { invoice: Invoice; zone: string }) {
  const { t, format } = useI18n();
  return (
    <span className="nums">
      {format.amount(invoice.due)}
      {invoice.status === 'open' && invoice.due_at !== null ? <span className="muted small due-by">{t('invoice.by', { date: format.dateIn(invoice.due_at, zone) })}</span> : null}
    </span>
  );
}
