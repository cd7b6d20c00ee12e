import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { usersQuery } from '../../api/operator-queries';
import type { UserWithMemberships } from '../../api/types';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { Badge } from '../../ui/Badge';
import { DataTable, type Column } from '../../ui/DataTable';
import { EmptyState } from '../../ui/EmptyState';
import { SearchBox } from '../../ui/SearchBox';
import { useDebounced, useTyped } from '../../ui/use-debounced';

const route = getRouteApi('/member/operator/users');

/** Everybody who has an account, and where they belong. */
export function UsersPage() {
  const { t } = useI18n();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, type] = useTyped(search.q ?? '', (q) => void navigate({ search: q === '' ? {} : { q }, replace: true }));
  const users = useQuery(usersQuery(useDebounced(typed.trim())));
  const columns = useColumns();
  return (
    <Page title={t('operator.users.title')} lead={t('operator.users.lead')}>
      <div className="stack">
        <SearchBox label={t('operator.users.search')} value={typed} onChange={type} />
        <Loaded query={users} lines={6}>
          {({ items, truncated }) =>
            items.length === 0 ? (
              <div className="card">
                <EmptyState icon="search" title={t('team.noMatch')} hint={t('team.noMatchHint')} />
              </div>
            ) : (
              <>
                <DataTable label={t('operator.users.title')} columns={columns} rows={items} rowKey={({ id }) => id} />
                {truncated ? <p className="muted small">{t('app.truncated', { count: items.length })}</p> : null}
              </>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}

function useColumns(): Column<UserWithMemberships>[] {
  const { t, word, format } = useI18n();
  return [
    {
      id: 'name',
      title: t('team.name'),
      render: ({ display_name: name, is_operator: staff }) => (
        <>
          {name} {staff ? <Badge status="rotating">{t('operator.area')}</Badge> : null}
        </>
      ),
    },
    { id: 'email', title: t('register.email'), render: ({ email }) => <span className="breakable">{email}</span> },
    {
      id: 'organizations',
      title: t('operator.users.organizations'),
      render: ({ memberships }) =>
        memberships.length === 0 ? (
          <span className="muted">–</span>
        ) : (
          <ul>
            {memberships.map(({ org, slug, name, role }) => (
              <li key={org} className="row">
                <Link to="/operator/orgs/$org" params={{ org: slug }}>
                  {name}
                </Link>
                <span className="muted small">{word('role', role)}</span>
              </li>
            ))}
          </ul>
        ),
    },
    { id: 'signIn', title: t('operator.users.signIn'), end: true, render: ({ last_sign_in_at: at }) => (at === null ? <span className="muted">{t('app.never')}</span> : <time dateTime={at} title={format.dateTime(at)}>{format.relative(at)}</time>) },
    { id: 'created', title: t('keys.created'), end: true, render: ({ created_at: at }) => <time dateTime={at}>{format.date(at)}</time> },
  ];
}
