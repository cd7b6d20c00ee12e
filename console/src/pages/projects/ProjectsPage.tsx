import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button, Select } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { projectsQuery, teamsQuery } from '../../api/queries';
import type { Project, Team } from '../../api/types';
import { Page } from '../../app/Page';
import { PROJECT_COLUMNS, PROJECT_STATUSES } from '../../app/search';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { ActionsMenu } from '../../ui/ActionsMenu';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { SearchBox } from '../../ui/SearchBox';
import { useTyped } from '../../ui/use-debounced';

const ProjectDialog = lazy(() => import('./ProjectDialog').then((module) => ({ default: module.ProjectDialog })));
const ArchiveDialog = lazy(() => import('./ArchiveDialog').then((module) => ({ default: module.ArchiveDialog })));

const route = getRouteApi('/member/o/$org/projects/');

type Acting = { act: 'create' } | { act: 'rename' | 'archive'; project: Project };

function matching(projects: readonly Project[], q: string, status: Project['status'] | undefined): Project[] {
  const words = q.trim().toLowerCase();
  return projects.filter((each) => (status === undefined || each.status === status) && (words === '' || [each.name, each.slug, each.id].some((text) => text.toLowerCase().includes(words))));
}

export function ProjectsPage() {
  const { t, word } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const projects = useQuery(projectsQuery(org));
  const teams = useQuery(teamsQuery(org));
  const mayManage = useMay(org, 'projects:manage');
  const [typed, type] = useTyped(search.q ?? '', (text) => void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true }));
  const [acting, setActing] = useState<Acting>();
  const done = () => setActing(undefined);
  const columns = useColumns(org, teams.data?.items ?? [], mayManage, (act, project) => setActing({ act, project }));
  const shown = matching(projects.data?.items ?? [], typed, search.status);

  const create = mayManage ? (
    <Button type="primary" icon={<Icon name="plus" size={16} />} onClick={() => setActing({ act: 'create' })}>
      {t('projects.create')}
    </Button>
  ) : undefined;
  return (
    <Page title={t('projects.title')} lead={t('projects.lead')} actions={create}>
      <div className="stack">
        <div className="filters">
          <SearchBox label={t('projects.search')} value={typed} onChange={type} />
          <Select<Project['status'] | ''>
            aria-label={t('keys.filterStatus')}
            value={search.status ?? ''}
            onChange={(value) => void navigate({ search: ({ status: _, ...rest }) => (value === '' ? rest : { ...rest, status: value }), replace: true })}
            options={[{ value: '', label: t('keys.anyStatus') }, ...PROJECT_STATUSES.map((value) => ({ value, label: word('status', value) }))]}
            style={{ minWidth: 150 }}
          />
        </div>
        <Loaded query={projects}>
          {({ items, truncated }) =>
            items.length === 0 ? (
              <div className="card">
                <EmptyState icon="folder" title={t('projects.empty')} hint={t('projects.emptyHint')} />
              </div>
            ) : shown.length === 0 ? (
              <div className="card">
                <EmptyState icon="search" title={t('projects.noMatch')} hint={t('projects.noMatchHint')} />
              </div>
            ) : (
              <>
                <DataTable
                  label={t('projects.title')}
                  rows={shown}
                  rowKey={(row) => row.id}
                  columns={columns}
                  sorting={{ column: search.sort ?? 'created', descending: search.sort === undefined || search.desc === true }}
                  onSort={({ column, descending }) =>
                    void navigate({
                      search: ({ desc: _, ...rest }) => ({ ...rest, sort: PROJECT_COLUMNS.find((each) => each === column) ?? 'created', ...(descending ? { desc: true } : {}) }),
                      replace: true,
                    })
                  }
                />
                {truncated ? <p className="muted small">{t('app.truncated', { count: items.length })}</p> : null}
              </>
            )
          }
        </Loaded>
      </div>
      <Suspense fallback={null}>
        {acting?.act === 'create' ? <ProjectDialog org={org} teams={teams.data?.items ?? []} onClose={done} /> : null}
        {acting?.act === 'rename' ? <ProjectDialog org={org} teams={teams.data?.items ?? []} project={acting.project} onClose={done} /> : null}
        {acting?.act === 'archive' ? <ArchiveDialog org={org} project={acting.project} onClose={done} /> : null}
      </Suspense>
    </Page>
  );
}

function useColumns(org: string, teams: readonly Team[], mayManage: boolean, onAct: (act: 'rename' | 'archive', project: Project) => void): Column<Project>[] {
  const { t, word, format } = useI18n();
  return [
    {
      id: 'name',
      title: t('keys.name'),
      sortBy: (row) => row.name,
      render: (row) => (
        <Link to="/o/$org/projects/$project" params={{ org, project: row.slug }}>
          {row.name}
        </Link>
      ),
    },
    { id: 'slug', title: t('operator.slug'), sortBy: (row) => row.slug, render: (row) => <code>{row.slug}</code> },
    ...(teams.length === 0 ? [] : [{ id: 'team', title: t('projects.team'), render: (row: Project) => teams.find(({ id }) => id === row.team)?.name ?? <span className="muted">–</span> }]),
    { id: 'status', title: t('keys.status'), sortBy: (row) => row.status, render: (row) => <Badge status={row.status}>{word('status', row.status)}</Badge> },
    { id: 'created', title: t('keys.created'), end: true, sortBy: (row) => row.created_at, render: (row) => <time dateTime={row.created_at}>{format.date(row.created_at)}</time> },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (row) =>
        mayManage && row.status === 'active' ? (
          <ActionsMenu
            label={t('keys.actionsFor', { name: row.name })}
            items={[
              { key: 'rename', label: t('projects.change') },
              { key: 'archive', label: t('projects.archive'), danger: true },
            ]}
            onAct={(key) => onAct(key === 'archive' ? 'archive' : 'rename', row)}
          />
        ) : null,
    },
  ];
}
