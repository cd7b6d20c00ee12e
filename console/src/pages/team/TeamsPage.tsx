import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { deleteTeam } from '../../api/operations/team';
import { limitsQuery, projectsQuery, teamsQuery } from '../../api/queries';
import type { Team } from '../../api/types';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { ActionsMenu } from '../../ui/ActionsMenu';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { Icon } from '../../ui/Icon';
import { NameToConfirm } from '../../ui/NameToConfirm';
import { useToast } from '../../ui/Toasts';
import { TeamFrame } from './TeamFrame';

const TeamDialog = lazy(() => import('./TeamDialog').then((module) => ({ default: module.TeamDialog })));
const TeamMembersDrawer = lazy(() => import('./TeamMembersDrawer').then((module) => ({ default: module.TeamMembersDrawer })));

const route = getRouteApi('/member/o/$org/team/teams');

type Acting = { act: 'create' } | { act: 'members' | 'change' | 'delete'; team: Team };

export function TeamsPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const teams = useQuery(teamsQuery(org));
  const mayManage = useMay(org, 'teams:manage');
  const [acting, setActing] = useState<Acting>();
  const done = () => setActing(undefined);
  const columns = useColumns(mayManage, (act, team) => setActing({ act, team }));
  const create = mayManage ? (
    <Button type="primary" icon={<Icon name="plus" size={16} />} onClick={() => setActing({ act: 'create' })}>
      {t('team.createTeam')}
    </Button>
  ) : undefined;
  return (
    <TeamFrame org={org} title={t('team.teams')} lead={t('team.teamsLead')} actions={create}>
      <Loaded query={teams}>
        {({ items }) =>
          items.length === 0 ? (
            <div className="card">
              <EmptyState icon="people" title={t('team.noTeams')} hint={t('team.noTeamsHint')} />
            </div>
          ) : (
            <DataTable label={t('team.teams')} columns={columns} rows={items} rowKey={({ id }) => id} />
          )
        }
      </Loaded>
      <Suspense fallback={null}>
        {acting?.act === 'create' ? <TeamDialog org={org} onClose={done} /> : null}
        {acting?.act === 'change' ? <TeamDialog org={org} team={acting.team} onClose={done} /> : null}
        {acting?.act === 'members' ? <TeamMembersDrawer org={org} team={acting.team} mayManage={mayManage} onClose={done} /> : null}
        {acting?.act === 'delete' ? <DeleteDialog org={org} team={acting.team} onClose={done} /> : null}
      </Suspense>
    </TeamFrame>
  );
}

function useColumns(mayManage: boolean, onAct: (act: 'members' | 'change' | 'delete', team: Team) => void): Column<Team>[] {
  const { t, format } = useI18n();
  return [
    {
      id: 'name',
      title: t('keys.name'),
      render: (team) => (
        <button type="button" className="link-button" onClick={() => onAct('members', team)}>
          {team.name}
        </button>
      ),
    },
    { id: 'description', title: t('team.description'), render: ({ description }) => description ?? <span className="muted">–</span> },
    { id: 'created', title: t('keys.created'), end: true, render: ({ created_at: at }) => <time dateTime={at}>{format.date(at)}</time> },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (team) => (
        <ActionsMenu
          label={t('keys.actionsFor', { name: team.name })}
          items={[
            { key: 'members', label: t('team.members'), icon: 'people' },
            ...(mayManage ? [{ key: 'change', label: t('team.changeTeam') }, { key: 'delete', label: t('team.deleteTeam'), icon: 'trash' as const, danger: true }] : []),
          ]}
          onAct={(key) => onAct(key === 'delete' ? 'delete' : key === 'change' ? 'change' : 'members', team)}
        />
      ),
    },
  ];
}

function DeleteDialog({ org, team, onClose }: { org: string; team: Team; onClose: () => void }) {
  const { t } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteTeam(org, team.id),
    onSuccess: () => {
      for (const { queryKey } of [teamsQuery(org), projectsQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
      toast.done(t('team.teamDeleted', { name: team.name }));
      onClose();
    },
  });
  return (
    <NameToConfirm
      title={t('team.deleteTitle', { name: team.name })}
      hint={t('team.deleteHint')}
      name={team.name}
      label={t('app.typeName', { name: team.name })}
      submit={t('team.deleteTeam')}
      cancel={t('app.cancel')}
      close={t('app.close')}
      pending={remove.isPending}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      {remove.error === null ? null : <ProblemAlert error={remove.error} />}
    </NameToConfirm>
  );
}
