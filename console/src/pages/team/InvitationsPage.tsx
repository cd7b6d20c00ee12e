import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { cancelInvitation, resendInvitation } from '../../api/operations/team';
import { invitationsQuery, limitsQuery, membersQuery, teamsQuery } from '../../api/queries';
import type { Invitation, SentInvitation } from '../../api/types';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { ActionsMenu } from '../../ui/ActionsMenu';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { useToast } from '../../ui/Toasts';
import { InviteButton } from './InviteButton';
import { LinkModal } from './LinkModal';
import { TeamFrame } from './TeamFrame';

const route = getRouteApi('/member/o/$org/team/invitations');

export function InvitationsPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const toast = useToast();
  const queryClient = useQueryClient();
  const invitations = useQuery(invitationsQuery(org));
  const [sent, setSent] = useState<SentInvitation>();
  const renew = () => {
    for (const { queryKey } of [invitationsQuery(org), limitsQuery(org)]) void queryClient.invalidateQueries({ queryKey });
  };
  const resend = useMutation({
    mutationFn: ({ id }: Invitation) => resendInvitation(org, id),
    onSuccess: (made) => {
      renew();
      setSent(made);
    },
  });
  const cancel = useMutation({
    mutationFn: ({ id }: Invitation) => cancelInvitation(org, id),
    onSuccess: (_, { email }) => {
      renew();
      toast.done(t('team.invitationCanceled', { email }));
    },
  });
  const columns = useColumns(org, { onResend: (each) => resend.mutate(each), onCancel: (each) => cancel.mutate(each) });
  const failed = resend.error ?? cancel.error;
  return (
    <TeamFrame org={org} title={t('team.invitations')} lead={t('team.invitationsLead')} actions={<InviteButton org={org} />}>
      <div className="stack">
        {failed === null ? null : <ProblemAlert error={failed} />}
        <Loaded query={invitations}>
          {({ items }) =>
            items.length === 0 ? (
              <div className="card">
                <EmptyState icon="people" title={t('team.noInvitations')} hint={t('team.noInvitationsHint')} />
              </div>
            ) : (
              <DataTable label={t('team.invitations')} columns={columns} rows={items} rowKey={({ id }) => id} />
            )
          }
        </Loaded>
      </div>
      {sent === undefined ? null : <LinkModal link={sent.link} email={sent.invitation.email} expiresAt={sent.invitation.expires_at} onClose={() => setSent(undefined)} />}
    </TeamFrame>
  );
}

function useColumns(org: string, { onResend, onCancel }: { onResend: (invitation: Invitation) => void; onCancel: (invitation: Invitation) => void }): Column<Invitation>[] {
  const { t, word, format } = useI18n();
  const mayManage = useMay(org, 'members:manage');
  const { data: teams } = useQuery(teamsQuery(org));
  const { data: members } = useQuery(membersQuery(org));
  const teamOf = (id: string) => teams?.items.find((team) => team.id === id)?.name ?? id;
  const memberOf = (id: string | null) => members?.items.find(({ user }) => user.id === id)?.user.display_name ?? '–';
  return [
    { id: 'email', title: t('register.email'), render: ({ email }) => <span className="breakable">{email}</span> },
    { id: 'role', title: t('team.role'), render: ({ role }) => word('role', role) },
    { id: 'teams', title: t('team.teams'), render: (row) => (row.teams.length === 0 ? <span className="muted">–</span> : row.teams.map(teamOf).join(', ')) },
    { id: 'status', title: t('keys.status'), render: ({ status }) => <Badge status={status}>{word('status', status)}</Badge> },
    { id: 'by', title: t('team.invitedBy'), render: ({ invited_by: by }) => memberOf(by) },
    {
      id: 'expires',
      title: t('keys.expires'),
      end: true,
      render: ({ expires_at: at }) => (
        <time dateTime={at} title={format.dateTime(at)}>
          {format.relative(at)}
        </time>
      ),
    },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (row) =>
        mayManage ? (
          <ActionsMenu
            label={t('keys.actionsFor', { name: row.email })}
            items={[
              { key: 'resend', label: t('team.resend'), icon: 'rotate' },
              { key: 'cancel', label: t('team.cancelInvitation'), icon: 'trash', danger: true },
            ]}
            onAct={(key) => (key === 'resend' ? onResend(row) : onCancel(row))}
          />
        ) : null,
    },
  ];
}
