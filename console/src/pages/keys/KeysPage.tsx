import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button, Select } from 'antd';
import { lazy, Suspense, useRef, useState } from 'react';
import { apiKeysQuery, projectsQuery } from '../../api/queries';
import type { ApiKey } from '../../api/types';
import { Page } from '../../app/Page';
import { KEY_COLUMNS, KEY_STATUSES } from '../../app/search';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { SearchBox } from '../../ui/SearchBox';
import { Skeleton } from '../../ui/Skeleton';
import { useTyped } from '../../ui/use-debounced';
import { KeysTable } from './KeysTable';
import { useKeyActs } from './use-key-acts';
import './keys.css';

// The form comes when it is first needed; the list doesn't wait for it.
const loadDrawer = () => import('./CreateKeyDrawer');
const CreateKeyDrawer = lazy(() => loadDrawer().then((module) => ({ default: module.CreateKeyDrawer })));

const route = getRouteApi('/member/o/$org/keys');

type Status = (typeof KEY_STATUSES)[number];

function matching(keys: readonly ApiKey[], q: string, status: Status | undefined, project: string | undefined): ApiKey[] {
  const words = q.trim().toLowerCase();
  return keys.filter(
    (key) =>
      (status === undefined || key.status === status) &&
      (project === undefined || key.project === project) &&
      (words === '' || [key.name, key.id, key.environment, ...key.scopes].some((text) => text.toLowerCase().includes(words))),
  );
}

export function KeysPage() {
  const { t, word } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { data, error, refetch } = useQuery(apiKeysQuery(org));
  const projects = useQuery(projectsQuery(org));
  const [typed, type] = useTyped(search.q ?? '', (text) => void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true }));
  const createRef = useRef<HTMLButtonElement>(null);
  // Once used the drawer stays, so that it can slide out again.
  const [drawerUsed, setDrawerUsed] = useState(search.create === true);
  const acts = useKeyActs(org);

  function clearFilters() {
    type('');
    void navigate({ search: {}, replace: true });
  }
  function setDrawer(open: boolean) {
    if (open) setDrawerUsed(true);
    void navigate({ search: ({ create: _, ...rest }) => (open ? { ...rest, create: true } : rest), replace: true });
  }

  const createButton = (
    <Button ref={createRef} type="primary" icon={<Icon name="plus" size={16} />} onPointerEnter={() => void loadDrawer()} onClick={() => setDrawer(true)}>
      {t('keys.create')}
    </Button>
  );
  const shown = matching(data?.items ?? [], typed, search.status, search.project);

  return (
    <Page title={t('keys.title')} lead={t('keys.lead')} actions={createButton}>
      <div className="stack">
        <div className="filters">
          <SearchBox label={t('keys.searchLabel')} value={typed} onChange={type} />
          <Select<Status | ''>
            aria-label={t('keys.filterStatus')}
            value={search.status ?? ''}
            onChange={(value) => void navigate({ search: ({ status: _, ...rest }) => (value === '' ? rest : { ...rest, status: value }), replace: true })}
            options={[{ value: '', label: t('keys.anyStatus') }, ...KEY_STATUSES.map((value) => ({ value, label: word('status', value) }))]}
            style={{ minWidth: 150 }}
          />
          {(projects.data?.items.length ?? 0) === 0 ? null : (
            <Select
              aria-label={t('keys.filterProject')}
              value={search.project ?? ''}
              onChange={(value) => void navigate({ search: ({ project: _, ...rest }) => (value === '' ? rest : { ...rest, project: value }), replace: true })}
              options={[{ value: '', label: t('keys.anyProject') }, ...(projects.data?.items ?? []).map(({ id, name }) => ({ value: id, label: name }))]}
              style={{ minWidth: 150 }}
            />
          )}
        </div>
        {error !== null && data === undefined ? (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        ) : data === undefined ? (
          <Skeleton lines={5} height={34} label={t('app.loading')} />
        ) : data.items.length === 0 ? (
          <div className="card">
            <EmptyState icon="key" title={t('keys.empty')} hint={t('keys.emptyHint')} />
          </div>
        ) : shown.length === 0 ? (
          <div className="card">
            <EmptyState icon="search" title={t('keys.noMatch')} hint={t('keys.noMatchHint')}>
              <Button onClick={clearFilters}>{t('app.clearFilters')}</Button>
            </EmptyState>
          </div>
        ) : (
          <KeysTable
            keys={shown}
            sorting={{ column: search.sort ?? 'created', descending: search.sort === undefined || search.desc === true }}
            onSort={({ column, descending }) =>
              void navigate({
                search: ({ desc: _, ...rest }) => ({ ...rest, sort: KEY_COLUMNS.find((each) => each === column) ?? 'created', ...(descending ? { desc: true } : {}) }),
                replace: true,
              })
            }
            projects={projects.data?.items ?? []}
            onAct={acts.act}
          />
        )}
        {data?.truncated === true ? <p className="muted small">{t('app.truncated', { count: data.items.length })}</p> : null}
      </div>
      <Suspense fallback={null}>
        {drawerUsed ? (
          <CreateKeyDrawer
            org={org}
            project={search.project}
            open={search.create === true}
            onClose={() => setDrawer(false)}
            opener={createRef}
            onCreated={(made) => {
              acts.show(made);
              setDrawer(false);
            }}
          />
        ) : null}
      </Suspense>
      {acts.dialogs}
    </Page>
  );
}
