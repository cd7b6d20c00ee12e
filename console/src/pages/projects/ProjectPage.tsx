import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useRef, useState } from 'react';
import { apiKeysQuery, projectQuery, teamsQuery, usageQuery, usageReportQuery } from '../../api/queries';
import type { Project } from '../../api/types';
import { Page } from '../../app/Page';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { KeysTable } from '../keys/KeysTable';
import { useKeyActs } from '../keys/use-key-acts';
import { barsOf, shownRange, totalOf, usageRange } from '../usage/range';
import { UsageChart } from '../usage/UsageChart';
import '../keys/keys.css';

const CreateKeyDrawer = lazy(() => import('../keys/CreateKeyDrawer').then((module) => ({ default: module.CreateKeyDrawer })));
const ProjectDialog = lazy(() => import('./ProjectDialog').then((module) => ({ default: module.ProjectDialog })));
const ArchiveDialog = lazy(() => import('./ArchiveDialog').then((module) => ({ default: module.ArchiveDialog })));

const route = getRouteApi('/member/o/$org/projects/$project');

export function ProjectPage() {
  const { t } = useI18n();
  const { org, project: named } = route.useParams();
  const query = useQuery(projectQuery(org, named));
  return query.data === undefined ? (
    <Page title={t('projects.one')}>
      <Loaded query={query}>{() => null}</Loaded>
    </Page>
  ) : (
    <OneProject key={query.data.id} org={org} project={query.data} />
  );
}

function OneProject({ org, project }: { org: string; project: Project }) {
  const { t, word, format } = useI18n();
  const navigate = route.useNavigate();
  const teams = useQuery(teamsQuery(org));
  const mayManage = useMay(org, 'projects:manage');
  const [acting, setActing] = useState<'rename' | 'archive'>();
  const team = teams.data?.items.find(({ id }) => id === project.team);
  const actions =
    mayManage && project.status === 'active' ? (
      <>
        <Button onClick={() => setActing('rename')}>{t('projects.change')}</Button>
        <Button danger onClick={() => setActing('archive')}>
          {t('projects.archive')}
        </Button>
      </>
    ) : undefined;
  return (
    <Page title={project.name} actions={actions}>
      <div className="stack">
        <p className="row">
          <Link to="/o/$org/projects" params={{ org }}>
            {t('projects.all')}
          </Link>
          <Badge status={project.status}>{word('status', project.status)}</Badge>
          <code>{project.slug}</code>
          {team === undefined ? null : <span className="muted">{t('projects.ofTeam', { team: team.name })}</span>}
          <span className="muted small">{t('projects.since', { date: format.date(project.created_at) })}</span>
        </p>
        <KeysCard org={org} project={project} />
        <UsageCard org={org} project={project} />
        <MetersCard org={org} project={project} />
      </div>
      <Suspense fallback={null}>
        {acting === 'rename' ? (
          <ProjectDialog
            org={org}
            teams={teams.data?.items ?? []}
            project={project}
            onClose={() => setActing(undefined)}
            onSaved={({ slug }) => void navigate({ params: { org, project: slug }, replace: true })}
          />
        ) : null}
        {acting === 'archive' ? <ArchiveDialog org={org} project={project} onClose={() => setActing(undefined)} /> : null}
      </Suspense>
    </Page>
  );
}

function KeysCard({ org, project }: { org: string; project: Project }) {
  const { t } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const keys = useQuery(apiKeysQuery(org, project.id));
  const mayManage = useMay(org, 'keys:manage') && project.status === 'active';
  const opener = useRef<HTMLButtonElement>(null);
  const [drawerUsed, setDrawerUsed] = useState(search.create === true);
  const acts = useKeyActs(org);
  function setDrawer(open: boolean) {
    if (open) setDrawerUsed(true);
    void navigate({ search: open ? { create: true } : {}, replace: true });
  }
  return (
    <Card
      title={t('keys.title')}
      aside={
        mayManage ? (
          <Button ref={opener} type="primary" icon={<Icon name="plus" size={16} />} onClick={() => setDrawer(true)}>
            {t('keys.create')}
          </Button>
        ) : null
      }
    >
      <Loaded query={keys}>
        {({ items }) =>
          items.length === 0 ? <EmptyState icon="key" title={t('keys.empty')} hint={t('projects.noKeysHint')} /> : <KeysTable keys={items} onAct={acts.act} />
        }
      </Loaded>
      <Suspense fallback={null}>
        {drawerUsed ? (
          <CreateKeyDrawer
            org={org}
            project={project.id}
            open={search.create === true}
            onClose={() => setDrawer(false)}
            opener={opener}
            onCreated={(made) => {
              acts.show(made);
              setDrawer(false);
            }}
          />
        ) : null}
      </Suspense>
      {acts.dialogs}
    </Card>
  );
}

function UsageCard({ org, project }: { org: string; project: Project }) {
  const { t } = useI18n();
  const range = usageRange('7d');
  const usage = useQuery(usageQuery(org, range, { meter: 'requests', project: project.id }));
  return (
    <Card
      title={t('overview.week')}
      aside={
        <Link to="/o/$org/usage" params={{ org }} search={{ project: project.id }}>
          {t('overview.allUsage')}
        </Link>
      }
    >
      <Loaded query={usage} lines={1} height={170}>
        {({ buckets, retained_from }) => {
          const bars = barsOf(shownRange(range, retained_from), buckets);
          return totalOf(bars) === 0 ? <EmptyState icon="chart" title={t('usage.empty')} hint={t('usage.emptyHint')} /> : <UsageChart bars={bars} window="day" height={190} />;
        }}
      </Loaded>
    </Card>
  );
}

/** What the project used of every meter in this billing period, out of what the organization did. */
function MetersCard({ org, project }: { org: string; project: Project }) {
  const { t, word, format } = useI18n();
  const report = useQuery(usageReportQuery(org));
  return (
    <Card title={t('projects.meters')} aside={report.data === undefined ? null : <span className="muted small">{t('projects.metersSince', { date: format.dateTime(report.data.period.start) })}</span>}>
      <Loaded query={report}>
        {({ meters }) => (
          <DataTable
            label={t('projects.meters')}
            rows={meters.filter(({ breakdown }) => breakdown !== null)}
            rowKey={({ meter }) => meter}
            columns={[
              {
                id: 'meter',
                title: t('usage.meter'),
                render: ({ meter, unit }) => (
                  <>
                    {word('meter', meter)} <span className="muted small">({unit})</span>
                  </>
                ),
              },
              ...(['quantity', 'share', 'cost'] as const).map((figure) => ({
                id: figure,
                title: t(`report.${figure}`),
                end: true,
                render: ({ breakdown }: (typeof meters)[number]) => {
                  const share = breakdown?.project.items.find(({ value }) => value === project.id);
                  const cost = share?.cost?.amount;
                  const text =
                    figure === 'quantity'
                      ? format.exact(share?.quantity ?? '0')
                      : figure === 'share'
                        ? t('report.percent', { percent: format.exact(share?.share ?? '0') })
                        : cost === undefined
                          ? '–'
                          : format.amount(cost);
                  return <span className="nums">{text}</span>;
                },
              })),
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}
