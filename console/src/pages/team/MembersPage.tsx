import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { meQuery, membersQuery } from '../../api/queries';
import type { Member } from '../../api/types';
import { MEMBER_COLUMNS } from '../../app/search';
import { useMay } from '../../app/use-may';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { ActionsMenu } from '../../ui/ActionsMenu';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { SearchBox } from '../../ui/SearchBox';
import { useTyped } from '../../ui/use-debounced';
import { InviteButton } from './InviteButton';
import { TeamFrame } from './TeamFrame';

const RoleDialog = lazy(() => import('./RoleDialog').then((module) => ({ default: module.RoleDialog })));
const RemoveDialog = lazy(() => import('./RemoveDialog').then((module) => ({ default: module.RemoveDialog })));

const route = getRouteApi('/member/o/$org/team/');

type Act = 'role' | 'remove';

export function MembersPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const members = useQuery(membersQuery(org));
  const [typed, type] = useTyped(search.q ?? '', (text) => void navigate({ search: ({ q: _, ...rest }) => (text === '' ? rest : { ...rest, q: text }), replace: true }));
  const [acting, setActing] = useState<{ act: Act; member: Member }>();
  const columns = useColumns(org, (act, member) => setActing({ act, member }));
  const words = typed.trim().toLowerCase();
  const shown = (members.data?.items ?? []).filter(({ user, role }) => [user.display_name, user.email, role].some((text) => text.toLowerCase().includes(words)));
  return (
    <TeamFrame org={org} title={t('team.members')} lead={t('team.lead')} actions={<InviteButton org={org} />}>
      <div className="stack">
        <SearchBox label={t('team.search')} value={typed} onChange={type} />
        <Loaded query={members}>
          {({ items, truncated }) =>
            shown.length === 0 ? (
              <div className="card">
                <EmptyState icon="search" title={t('team.noMatch')} hint={t('team.noMatchHint')} />
              </div>
            ) : (
              <>
                <DataTable
                  label={t('team.members')}
                  rows={shown}
                  rowKey={({ user }) => user.id}
                  columns={columns}
                  sorting={{ column: search.sort ?? 'joined', descending: search.desc === true }}
                  onSort={({ column, descending }) =>
                    void navigate({
                      search: ({ desc: _, ...rest }) => ({ ...rest, sort: MEMBER_COLUMNS.find((each) => each === column) ?? 'joined', ...(descending ? { desc: true } : {}) }),
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
        {acting?.act === 'role' ? <RoleDialog org={org} member={acting.member} onClose={() => setActing(undefined)} /> : null}
        {acting?.act === 'remove' ? <RemoveDialog org={org} member={acting.member} onClose={() => setActing(undefined)} /> : null}
      </Suspense>
    </TeamFrame>
  );
}

function useColumns(org: string, onAct: (act: Act, member: Member) => void): Column<Member>[] {
  const { t, word, format } = useI18n();
  const mayManage = useMay(org, 'members:manage');
  const { data: me } = useQuery(meQuery);
  return [
    {
      id: 'name',
      title: t('team.name'),
      sortBy: ({ user }) => user.display_name,
      render: ({ user }) => (
        <>
          {user.display_name} {user.id === me?.id ? <span className="muted small">({t('team.you')})</span> : null}
        </>
      ),
    },
    { id: 'email', title: t('register.email'), sortBy: ({ user }) => user.email, render: ({ user }) => <span className="breakable">{user.email}</span> },
    { id: 'role', title: t('team.role'), sortBy: ({ role }) => role, render: ({ role }) => word('role', role) },
    { id: 'status', title: t('keys.status'), sortBy: ({ status }) => status, render: ({ status }) => <Badge status={status}>{word('status', status)}</Badge> },
    { id: 'joined', title: t('team.joined'), end: true, sortBy: ({ joined_at: at }) => at, render: ({ joined_at: at }) => <time dateTime={at}>{format.date(at)}</time> },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (member) => {
        const isMe = member.user.id === me?.id;
        // Everyone may leave.
        const items = [
          ...(mayManage ? [{ key: 'role', label: t('team.changeRole') }] : []),
          ...(mayManage || isMe ? [{ key: 'remove', label: t(isMe ? 'team.leave' : 'team.remove'), danger: true }] : []),
        ];
        if (items.length === 0) return null;
        return <ActionsMenu label={t('keys.actionsFor', { name: member.user.display_name })} items={items} onAct={(key) => onAct(key === 'remove' ? 'remove' : 'role', member)} />;
      },
    },
  ];
}
