import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button, Select, Switch } from 'antd';
import { useId, useState } from 'react';
import { invoicesQuery, subscriptionQuery, upcomingInvoiceQuery } from '../../api/queries';
import type { Invoice } from '../../api/types';
import { INVOICE_COLUMNS, INVOICE_STATUSES } from '../../app/search';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { download } from '../../ui/download';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { SearchBox } from '../../ui/SearchBox';
import { Skeleton } from '../../ui/Skeleton';
import { useDebouncedCallback } from '../../ui/use-debounced';
import { BillingPage } from './BillingPage';
import { csvOfList } from './invoice-files';
import { InvoicesTable } from './InvoicesTable';

const route = getRouteApi('/member/o/$org/billing/invoices');

type Status = (typeof INVOICE_STATUSES)[number];

function matching(invoices: readonly Invoice[], q: string, status: Status | undefined): Invoice[] {
  const words = q.trim().toLowerCase();
  return invoices.filter((each) => (status === undefined || each.status === status) && (words === '' || [each.number ?? '', each.id, each.total.amount].some((text) => text.toLowerCase().includes(words))));
}

export function InvoicesPage() {
  const { t, word } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const statementsId = useId();
  const statements = search.statements ?? false;
  const { data, error, refetch } = useQuery(invoicesQuery(org, statements));
  const { data: subscription } = useQuery(subscriptionQuery(org));
  const [typed, setTyped] = useState(search.q ?? '');
  const shown = matching(data?.items ?? [], typed, search.status);
  const zone = subscription?.time_zone ?? 'UTC';

  const putIntoAddress = useDebouncedCallback((text: string) => {
    void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true });
  });
  function type(text: string) {
    setTyped(text);
    putIntoAddress(text);
  }
  function clearFilters() {
    type('');
    void navigate({ search: {}, replace: true });
  }

  const actions = (
    <Button icon={<Icon name="download" size={16} />} disabled={shown.length === 0} onClick={() => download(`invoices-${org}.csv`, 'text/csv', csvOfList(shown))}>
      {t('usage.csv')}
    </Button>
  );
  return (
    <BillingPage org={org} title={t('billing.invoices')} lead={t('invoices.lead')} actions={actions}>
      <div className="stack">
        <Upcoming org={org} zone={zone} />
        <div className="bill-filters">
          <SearchBox label={t('invoices.search')} value={typed} onChange={type} />
          <Select<Status | ''>
            aria-label={t('keys.filterStatus')}
            value={search.status ?? ''}
            onChange={(value) => void navigate({ search: ({ status: _, ...rest }) => (value === '' ? rest : { ...rest, status: value }), replace: true })}
            options={[{ value: '', label: t('keys.anyStatus') }, ...INVOICE_STATUSES.map((value) => ({ value, label: word('invoice.status', value) }))]}
            style={{ minWidth: 150 }}
          />
          <span className="switch-row">
            <Switch
              aria-labelledby={statementsId}
              checked={statements}
              onChange={(on) => void navigate({ search: ({ statements: _, ...rest }) => (on ? { ...rest, statements: true } : rest), replace: true })}
            />
            <span id={statementsId}>{t('invoices.statements')}</span>
          </span>
        </div>
        {error !== null && data === undefined ? (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        ) : data === undefined ? (
          <Skeleton lines={5} height={34} label={t('app.loading')} />
        ) : data.items.length === 0 ? (
          <div className="card">
            <EmptyState icon="receipt" title={t('invoices.empty')} hint={t('invoices.emptyHint')} />
          </div>
        ) : shown.length === 0 ? (
          <div className="card">
            <EmptyState icon="search" title={t('invoices.noMatch')} hint={t('invoices.noMatchHint')}>
              <Button onClick={clearFilters}>{t('app.clearFilters')}</Button>
            </EmptyState>
          </div>
        ) : (
          <InvoicesTable
            org={org}
            invoices={shown}
            zone={zone}
            sorting={{ column: search.sort ?? 'date', descending: search.sort === undefined || search.desc === true }}
            onSort={({ column, descending }) =>
              void navigate({
                search: ({ desc: _, ...rest }) => ({ ...rest, sort: INVOICE_COLUMNS.find((each) => each === column) ?? 'date', ...(descending ? { desc: true } : {}) }),
                replace: true,
              })
            }
          />
        )}
        {data?.truncated === true ? <p className="muted small">{t('app.truncated', { count: data.items.length })}</p> : null}
      </div>
    </BillingPage>
  );
}

/** The next invoice, as it would be now; where none will come, there is nothing to say. */
function Upcoming({ org, zone }: { org: string; zone: string }) {
  const { t, format } = useI18n();
  const { data } = useQuery(upcomingInvoiceQuery(org));
  if (data === undefined || data === null) return null;
  return (
    <div className="card upcoming">
      <div>
        <h2>{t('billing.nextInvoice')}</h2>
        <p className="muted">{t('billing.nextInvoiceOn', { date: format.dateIn(data.created_at, zone) })}</p>
      </div>
      <p className="sum nums">{format.amount(data.total)}</p>
      <Link to="/o/$org/billing/invoices/upcoming" params={{ org }}>
        {t('billing.whatIsOnIt')}
      </Link>
    </div>
  );
}
