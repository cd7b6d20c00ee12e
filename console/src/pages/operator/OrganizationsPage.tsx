import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Dropdown } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { operatorOrganizationsQuery } from '../../api/queries';
import type { OrganizationWithUsage } from '../../api/types';
import { ORGANIZATION_COLUMNS } from '../../app/search';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { SearchBox } from '../../ui/SearchBox';
import { Skeleton } from '../../ui/Skeleton';
import { useDebounced, useDebouncedCallback } from '../../ui/use-debounced';

const ClockDialog = lazy(() => import('./ClockDialog').then((module) => ({ default: module.ClockDialog })));
const InvoiceDialog = lazy(() => import('./InvoiceDialog').then((module) => ({ default: module.InvoiceDialog })));
const ItemDialog = lazy(() => import('./ItemDialog').then((module) => ({ default: module.ItemDialog })));

const ACTS = ['item', 'invoice', 'clock'] as const;
type OperatorAct = (typeof ACTS)[number];

const route = getRouteApi('/member/operator');

export function OrganizationsPage() {
  const { t } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(search.q ?? '');
  const q = useDebounced(typed.trim());
  const { data, error, refetch } = useQuery(operatorOrganizationsQuery(q));
  const [acting, setActing] = useState<{ act: OperatorAct; organization: OrganizationWithUsage }>();
  const columns = useColumns((act, organization) => setActing({ act, organization }));
  const done = () => setActing(undefined);

  const putIntoAddress = useDebouncedCallback((text: string) => {
    void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true });
  });
  function type(text: string) {
    setTyped(text);
    putIntoAddress(text);
  }

  return (
    <Page title={t('operator.title')} lead={t('operator.lead')}>
      <div className="stack">
        <SearchBox label={t('operator.searchLabel')} value={typed} onChange={type} />
        {error !== null ? (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        ) : data === undefined ? (
          <Skeleton lines={6} height={28} label={t('app.loading')} />
        ) : data.items.length === 0 ? (
          <div className="card">
            {q === '' ? (
              <EmptyState icon="building" title={t('operator.empty')} hint={t('operator.emptyHint')} />
            ) : (
              <EmptyState icon="search" title={t('operator.noMatch')} hint={t('operator.noMatchHint')} />
            )}
          </div>
        ) : (
          <>
            <DataTable
              label={t('operator.title')}
              rows={data.items}
              rowKey={(row) => row.id}
              columns={columns}
              sorting={{ column: search.sort ?? 'created', descending: search.sort === undefined || search.desc === true }}
              onSort={({ column, descending }) =>
                void navigate({
                  search: ({ desc: _, ...rest }) => ({
                    ...rest,
                    sort: ORGANIZATION_COLUMNS.find((each) => each === column) ?? 'created',
                    ...(descending ? { desc: true } : {}),
                  }),
                  replace: true,
                })
              }
            />
            {data.truncated ? <p className="muted small">{t('app.truncated', { count: data.items.length })}</p> : null}
          </>
        )}
      </div>
      <Suspense fallback={null}>
        {acting?.act === 'item' ? <ItemDialog organization={acting.organization} onClose={done} /> : null}
        {acting?.act === 'invoice' ? <InvoiceDialog organization={acting.organization} onClose={done} /> : null}
        {acting?.act === 'clock' ? <ClockDialog organization={acting.organization} onClose={done} /> : null}
      </Suspense>
    </Page>
  );
}

function useColumns(onAct: (act: OperatorAct, organization: OrganizationWithUsage) => void): Column<OrganizationWithUsage>[] {
  const { t, word, format } = useI18n();
  return [
    { id: 'name', title: t('operator.name'), sortBy: (row) => row.name, render: (row) => row.name },
    { id: 'slug', title: t('operator.slug'), sortBy: (row) => row.slug, render: (row) => <code>{row.slug}</code> },
    {
      id: 'status',
      title: t('operator.status'),
      sortBy: (row) => row.status,
      render: (row) => <Badge status={row.status}>{word('status', row.status)}</Badge>,
    },
    { id: 'plan', title: t('operator.plan'), sortBy: (row) => row.plan, render: (row) => humanize(row.plan) },
    {
      id: 'today',
      title: t('operator.today'),
      end: true,
      sortBy: (row) => row.usage_today,
      render: (row) => <span className="nums">{format.number(row.usage_today)}</span>,
    },
    {
      id: 'created',
      title: t('operator.created'),
      end: true,
      sortBy: (row) => row.created_at,
      render: (row) => <time dateTime={row.created_at}>{format.date(row.created_at)}</time>,
    },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (row) => (
        <Dropdown
          trigger={['click']}
          placement="bottomRight"
          menu={{
            items: ACTS.map((act) => ({ key: act, label: t(`operator.act.${act}`) })),
            onClick: ({ key }) => onAct(ACTS.find((act) => act === key) ?? 'item', row),
          }}
        >
          <Button type="text" aria-label={t('keys.actionsFor', { name: row.name })} aria-haspopup="menu" icon={<Icon name="more" />} />
        </Dropdown>
      ),
    },
  ];
}
