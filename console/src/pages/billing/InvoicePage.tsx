import { useMutation, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button } from 'antd';
import { getInvoicePdf } from '../../api/operations/billing';
import { invoiceQuery, subscriptionQuery, upcomingInvoiceQuery } from '../../api/queries';
import type { Invoice } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { download, downloadFile } from '../../ui/download';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { Skeleton } from '../../ui/Skeleton';
import { useToast } from '../../ui/Toasts';
import { BillingPage } from './BillingPage';
import { csvOf, fileNameOf, jsonOf } from './invoice-files';
import { InvoiceSheet } from './InvoiceSheet';
import { useInvoiceName } from './InvoicesTable';
import './invoice.css';

const one = getRouteApi('/member/o/$org/billing/invoices/$invoice');
const upcoming = getRouteApi('/member/o/$org/billing/invoices/upcoming');

export function InvoicePage() {
  const params = one.useParams();
  const { data, error, refetch } = useQuery(invoiceQuery(params.org, params.invoice));
  return <Shown org={params.org} invoice={data} error={error} onRetry={() => void refetch()} />;
}

export function UpcomingInvoicePage() {
  const { org } = upcoming.useParams();
  const { data, error, refetch } = useQuery(upcomingInvoiceQuery(org));
  return <Shown org={org} invoice={data} error={error} onRetry={() => void refetch()} />;
}

interface Props {
  org: string;
  /** Null: there is none; undefined: it isn't known yet. */
  invoice: Invoice | null | undefined;
  error: Error | null;
  onRetry: () => void;
}

function Shown({ org, invoice, error, onRetry }: Props) {
  const { t } = useI18n();
  const nameOf = useInvoiceName();
  const { data: subscription } = useQuery(subscriptionQuery(org));
  const title = invoice === undefined || invoice === null ? t('billing.invoices') : nameOf(invoice);
  return (
    <BillingPage org={org} title={title} actions={invoice === undefined || invoice === null ? undefined : <Files org={org} invoice={invoice} />}>
      <div className="stack">
        <p className="no-print">
          <Link to="/o/$org/billing/invoices" params={{ org }}>
            {t('invoice.all')}
          </Link>
        </p>
        {error !== null && invoice === undefined ? (
          <ProblemAlert error={error} onRetry={onRetry} />
        ) : invoice === undefined ? (
          <Skeleton lines={8} height={26} label={t('app.loading')} />
        ) : invoice === null ? (
          <div className="card">
            <EmptyState icon="receipt" title={t('billing.nextInvoice')} hint={t('billing.noUpcoming')} />
          </div>
        ) : (
          <InvoiceSheet org={org} invoice={invoice} zone={subscription?.time_zone ?? 'UTC'} />
        )}
      </div>
    </BillingPage>
  );
}

function Files({ org, invoice }: { org: string; invoice: Invoice }) {
  const { t, language } = useI18n();
  const toast = useToast();
  const name = fileNameOf(invoice);
  const { mutate: fetchPdf, isPending } = useMutation({
    mutationFn: () => getInvoicePdf(org, invoice.id, language),
    onSuccess: (file) => downloadFile(`${name}.pdf`, file),
    onError: (error) => toast.failed(error.message),
  });
  return (
    <>
      {invoice.status !== 'upcoming' && (
        <Button icon={<Icon name="download" size={16} />} loading={isPending} onClick={() => fetchPdf()}>
          PDF
        </Button>
      )}
      <Button icon={<Icon name="print" size={16} />} onClick={() => window.print()}>
        {t('invoice.print')}
      </Button>
      <Button icon={<Icon name="download" size={16} />} onClick={() => download(`${name}.csv`, 'text/csv', csvOf(invoice))}>
        CSV
      </Button>
      <Button icon={<Icon name="download" size={16} />} onClick={() => download(`${name}.json`, 'application/json', jsonOf(invoice))}>
        JSON
      </Button>
    </>
  );
}
