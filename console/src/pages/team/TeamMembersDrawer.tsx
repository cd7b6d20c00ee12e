import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Drawer, Select } from 'antd';
import { useState } from 'react';
import { putTeamMember, removeTeamMember } from '../../api/operations/team';
import { membersQuery, teamMembersQuery } from '../../api/queries';
import type { Team, TeamMember, TeamRole } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { DataTable } from '../../ui/DataTable';
import { Icon } from '../../ui/Icon';

interface Props {
  org: string;
  team: Team;
  mayManage: boolean;
  onClose: () => void;
}

/** Who is in a team, and who leads it. */
export function TeamMembersDrawer({ org, team, mayManage, onClose }: Props) {
  const { t } = useI18n();
  const queryClient = useQueryClient();
  const inTeam = useQuery(teamMembersQuery(org, team.id));
  const members = useQuery(membersQuery(org));
  const renew = () => queryClient.invalidateQueries({ queryKey: teamMembersQuery(org, team.id).queryKey });
  const put = useMutation({ mutationFn: ({ user, role }: { user: string; role: TeamRole }) => putTeamMember(org, team.id, user, role), onSuccess: renew });
  const remove = useMutation({ mutationFn: (user: string) => removeTeamMember(org, team.id, user), onSuccess: renew });
  const failed = put.error ?? remove.error;
  const nameOf = (id: string) => members.data?.items.find(({ user }) => user.id === id)?.user.display_name ?? id;
  const roleSelect = ({ user, role }: TeamMember) =>
    mayManage ? (
      <Select<TeamRole> size="small" aria-label={t('team.roleOf', { name: nameOf(user) })} value={role} disabled={put.isPending} onChange={(chosen) => put.mutate({ user, role: chosen })} options={(['lead', 'member'] as const).map((value) => ({ value, label: t(`team.${value}Role`) }))} style={{ minWidth: 110 }} />
    ) : (
      t(`team.${role}Role`)
    );
  return (
    <Drawer open onClose={onClose} title={t('team.membersOf', { team: team.name })} size={520} closable={{ 'aria-label': t('app.close') }} styles={{ wrapper: { maxWidth: '100vw' } }}>
      <div className="stack">
        {mayManage ? (
          <Adder
            choices={(members.data?.items ?? []).filter(({ user }) => inTeam.data?.items.every((each) => each.user !== user.id) ?? false).map(({ user }) => ({ value: user.id, label: `${user.display_name} (${user.email})` }))}
            pending={put.isPending}
            onAdd={(user) => put.mutate({ user, role: 'member' })}
          />
        ) : null}
        {failed === null ? null : <ProblemAlert error={failed} />}
        <Loaded query={inTeam}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="muted">{t('team.nobodyInTeam')}</p>
            ) : (
              <DataTable
                label={t('team.membersOf', { team: team.name })}
                rows={items}
                rowKey={({ user }) => user}
                columns={[
                  { id: 'name', title: t('team.name'), render: ({ user }) => nameOf(user) },
                  { id: 'role', title: t('team.role'), render: roleSelect },
                  {
                    id: 'actions',
                    title: t('app.actions'),
                    quietTitle: true,
                    end: true,
                    render: ({ user }) =>
                      mayManage ? <Button type="text" size="small" disabled={remove.isPending} aria-label={t('team.takeOut', { name: nameOf(user) })} icon={<Icon name="trash" size={16} />} onClick={() => remove.mutate(user)} /> : null,
                  },
                ]}
              />
            )
          }
        </Loaded>
      </div>
    </Drawer>
  );
}

function Adder({ choices, pending, onAdd }: { choices: { value: string; label: string }[]; pending: boolean; onAdd: (user: string) => void }) {
  const { t } = useI18n();
  const [chosen, setChosen] = useState<string>();
  return (
    <div className="row">
      <Select<string> aria-label={t('team.addToTeam')} placeholder={t('team.addToTeam')} value={chosen ?? null} onChange={setChosen} options={choices} showSearch={{ optionFilterProp: 'label' }} style={{ flex: '1 1 220px' }} />
      <Button
        type="primary"
        disabled={chosen === undefined}
        loading={pending}
        onClick={() => {
          if (chosen === undefined) return;
          onAdd(chosen);
          setChosen(undefined);
        }}
      >
        {t('team.add')}
      </Button>
    </div>
  );
}
