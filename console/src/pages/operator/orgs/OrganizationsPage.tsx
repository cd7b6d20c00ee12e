import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button, Select } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { operatorOrganizationsQuery, overviewQuery } from '../../../api/operator-queries';
import type { CreatedOrganization, OrganizationWithUsage } from '../../../api/types';
import { ORGANIZATION_COLUMNS, ORGANIZATION_STATUSES } from '../../../app/search';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { Loaded } from '../../../problem/Loaded';
import { Badge } from '../../../ui/Badge';
import { csv } from '../../../ui/csv';
import { DataTable, type Column } from '../../../ui/DataTable';
import { download } from '../../../ui/download';
import { EmptyState } from '../../../ui/EmptyState';
import { Icon } from '../../../ui/Icon';
import { SearchBox } from '../../../ui/SearchBox';
import { useDebounced, useTyped } from '../../../ui/use-debounced';
import '../../keys/keys.css';

const CreateDialog = lazy(() => import('./CreateDialog').then((module) => ({ default: module.CreateDialog })));
const LinkModal = lazy(() => import('../../team/LinkModal').then((module) => ({ default: module.LinkModal })));

const route = getRouteApi('/member/operator/orgs');

function csvOf(organizations: readonly OrganizationWithUsage[]): string {
  return csv(['id', 'slug', 'name', 'status', 'plan', 'usage_today', 'created_at'], organizations.map((each) => [each.id, each.slug, each.name, each.status, each.plan, each.usage_today, each.created_at]));
}

export function OrganizationsPage() {
  const { t, word } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, type] = useTyped(search.q ?? '', (text) => void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true }));
  const q = useDebounced(typed.trim());
  const organizations = useQuery(operatorOrganizationsQuery({ q, status: search.status, plan: search.plan }));
  const shown = organizations.data?.items ?? [];
  const overview = useQuery(overviewQuery);
  const plans = [...new Set([...Object.keys(overview.data?.organizations.by_plan ?? {}), ...(search.plan === undefined ? [] : [search.plan])])].toSorted();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedOrganization>();
  const columns = useColumns();
  const actions = (
    <>
      <Button icon={<Icon name="download" size={16} />} disabled={shown.length === 0} onClick={() => download('organizations.csv', 'text/csv', csvOf(shown))}>
        {t('usage.csv')}
      </Button>
      <Button type="primary" icon={<Icon name="plus" size={16} />} onClick={() => setCreating(true)}>
        {t('operator.create.title')}
      </Button>
    </>
  );
  return (
    <Page title={t('operator.title')} lead={t('operator.lead')} actions={actions}>
      <div className="stack">
        <div className="filters">
          <SearchBox label={t('operator.searchLabel')} value={typed} onChange={type} />
          <Select<OrganizationWithUsage['status'] | ''>
            aria-label={t('keys.filterStatus')}
            value={search.status ?? ''}
            onChange={(value) => void navigate({ search: ({ status: _, ...rest }) => (value === '' ? rest : { ...rest, status: value }), replace: true })}
            options={[{ value: '', label: t('keys.anyStatus') }, ...ORGANIZATION_STATUSES.map((value) => ({ value, label: word('status', value) }))]}
            style={{ minWidth: 150 }}
          />
          <Select
            aria-label={t('operator.filterPlan')}
            value={search.plan ?? ''}
            onChange={(value) => void navigate({ search: ({ plan: _, ...rest }) => (value === '' ? rest : { ...rest, plan: value }), replace: true })}
            options={[{ value: '', label: t('operator.anyPlan') }, ...plans.map((value) => ({ value, label: humanize(value) }))]}
            style={{ minWidth: 150 }}
          />
        </div>
        <Loaded query={organizations} lines={6}>
          {({ truncated }) =>
            shown.length === 0 ? (
              <div className="card">
                {q === '' && search.status === undefined && search.plan === undefined ? (
                  <EmptyState icon="building" title={t('operator.empty')} hint={t('operator.emptyHint')} />
                ) : (
                  <EmptyState icon="search" title={t('operator.noMatch')} hint={t('operator.noMatchHint')} />
                )}
              </div>
            ) : (
              <>
                <DataTable
                  label={t('operator.title')}
                  rows={shown}
                  rowKey={(row) => row.id}
                  columns={columns}
                  sorting={{ column: search.sort ?? 'created', descending: search.sort === undefined || search.desc === true }}
                  onSort={({ column, descending }) =>
                    void navigate({
                      search: ({ desc: _, ...rest }) => ({ ...rest, sort: ORGANIZATION_COLUMNS.find((each) => each === column) ?? 'created', ...(descending ? { desc: true } : {}) }),
                      replace: true,
                    })
                  }
                />
                {truncated ? <p className="muted small">{t('app.truncated', { count: shown.length })}</p> : null}
              </>
            )
          }
        </Loaded>
      </div>
      <Suspense fallback={null}>
        {creating ? (
          <CreateDialog
            onClose={() => setCreating(false)}
            onCreated={(made) => {
              setCreating(false);
              setCreated(made);
            }}
          />
        ) : null}
        {created === undefined ? null : <LinkModal link={created.link} email={created.invitation.email} expiresAt={created.invitation.expires_at} onClose={() => setCreated(undefined)} />}
      </Suspense>
    </Page>
  );
}

function useColumns(): Column<OrganizationWithUsage>[] {
  const { t, word, format } = useI18n();
  return [
    {
      id: 'name',
      title: t('operator.name'),
      sortBy: (row) => row.name,
      render: (row) => (
        <Link to="/operator/orgs/$org" params={{ org: row.slug }}>
          {row.name}
        </Link>
      ),
    },
    { id: 'slug', title: t('operator.slug'), sortBy: (row) => row.slug, render: (row) => <code>{row.slug}</code> },
    { id: 'status', title: t('operator.status'), sortBy: (row) => row.status, render: (row) => <Badge status={row.status}>{word('status', row.status)}</Badge> },
    { id: 'plan', title: t('operator.plan'), sortBy: (row) => row.plan, render: (row) => humanize(row.plan) },
    { id: 'subscription', title: t('overview.subscription'), render: ({ subscription }) => (subscription === null ? <span className="muted">–</span> : <Badge status={subscription.status}>{word('status', subscription.status)}</Badge>) },
    { id: 'today', title: t('operator.today'), end: true, sortBy: (row) => row.usage_today, render: (row) => <span className="nums">{format.number(row.usage_today)}</span> },
    { id: 'created', title: t('operator.created'), end: true, sortBy: (row) => row.created_at, render: (row) => <time dateTime={row.created_at}>{format.date(row.created_at)}</time> },
  ];
}
