import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import type { InvoiceAct } from '../../../api/operations/operator';
import { invoicesOfQuery } from '../../../api/operator-queries';
import type { Invoice, OrganizationDetail } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { ActionsMenu } from '../../../ui/ActionsMenu';
import { Card } from '../../../ui/Card';
import { DataTable, type Column } from '../../../ui/DataTable';
import { EmptyState } from '../../../ui/EmptyState';
import { dateOf, InvoiceBadge, useInvoiceName } from '../../billing/InvoicesTable';

const InvoiceDialog = lazy(() => import('./InvoiceDialog').then((module) => ({ default: module.InvoiceDialog })));

/** What may be done with an invoice as it stands. Only one that is final can be paid, withdrawn or credited. */
export function actsOn({ status }: Pick<Invoice, 'status'>): InvoiceAct[] {
  if (status === 'open') return ['pay', 'void', 'credit'];
  return status === 'paid' ? ['credit'] : [];
}

export function InvoicesCard({ organization }: { organization: OrganizationDetail }) {
  const { t } = useI18n();
  const invoices = useQuery(invoicesOfQuery(organization.id));
  const [acting, setActing] = useState<{ act: InvoiceAct; invoice: Invoice }>();
  const columns = useColumns((act, invoice) => setActing({ act, invoice }));
  return (
    <Card title={t('billing.invoices')}>
      <Loaded query={invoices}>
        {({ items }) =>
          items.length === 0 ? <EmptyState icon="receipt" title={t('invoices.empty')} hint={t('operator.noInvoicesHint')} /> : <DataTable label={t('billing.invoices')} columns={columns} rows={items} rowKey={({ id }) => id} />
        }
      </Loaded>
      <Suspense fallback={null}>
        {acting === undefined ? null : <InvoiceDialog organization={organization} invoice={acting.invoice} act={acting.act} onClose={() => setActing(undefined)} />}
      </Suspense>
    </Card>
  );
}

function useColumns(onAct: (act: InvoiceAct, invoice: Invoice) => void): Column<Invoice>[] {
  const { t, word, format } = useI18n();
  const nameOf = useInvoiceName();
  return [
    { id: 'number', title: t('invoice.number'), render: nameOf },
    { id: 'date', title: t('invoice.date'), render: (row) => <time dateTime={dateOf(row)}>{format.date(dateOf(row))}</time> },
    { id: 'reason', title: t('invoice.reason'), render: (row) => word('invoice.reason', row.reason) },
    { id: 'status', title: t('keys.status'), render: (row) => <InvoiceBadge invoice={row} /> },
    { id: 'total', title: t('invoice.total'), end: true, render: (row) => <span className="nums">{format.amount(row.total)}</span> },
    { id: 'due', title: t('invoice.due'), end: true, render: (row) => <span className="nums">{format.amount(row.due)}</span> },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (row) => {
        const acts = actsOn(row);
        if (acts.length === 0) return null;
        return (
          <ActionsMenu
            label={t('keys.actionsFor', { name: nameOf(row) })}
            items={acts.map((act) => ({ key: act, label: t(`operator.invoice.${act}`), danger: act === 'void' }))}
            onAct={(key) => onAct(acts.find((act) => act === key) ?? 'pay', row)}
          />
        );
      },
    },
  ];
}
