import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Dropdown, type MenuProps } from 'antd';
import { logout } from '../api/operations/public';
import { asProblem } from '../api/problem';
import { meQuery } from '../api/queries';
import { useI18n } from '../i18n/i18n';
import { Icon } from '../ui/Icon';
import { useToast } from '../ui/Toasts';

export function PersonMenu({ onLeave }: { onLeave?: (() => void) | undefined }) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const toast = useToast();
  const { data: me } = useQuery(meQuery);

  async function signOut() {
    try {
      await logout();
    } catch (error) {
      const problem = asProblem(error);
      toast.failed(problem.status === 0 ? t('problem.unreachable') : problem.message);
      return;
    }
    // A new document, so that nothing of the session is left in memory: tokens, answers, secrets.
    window.location.assign('/console/sign-in');
  }

  const items: NonNullable<MenuProps['items']> = [
    { key: 'account', label: t('nav.account'), icon: <Icon name="person" size={16} /> },
    ...(me?.is_operator === true ? [{ key: 'operator', label: t('nav.operator'), icon: <Icon name="shield" size={16} /> }] : []),
    { type: 'divider' },
    { key: 'sign-out', label: t('nav.signOut'), icon: <Icon name="signOut" size={16} /> },
  ];

  function choose(key: string) {
    onLeave?.();
    if (key === 'sign-out') void signOut();
    else void navigate({ to: key === 'operator' ? '/operator' : '/account' });
  }

  return (
    <Dropdown trigger={['click']} placement="topLeft" menu={{ items, onClick: ({ key }) => choose(key) }}>
      <button type="button" className="menu-button" aria-haspopup="menu">
        <span className="tile round" aria-hidden="true">
          {Array.from(me?.display_name ?? '')[0]?.toUpperCase()}
        </span>
        <span className="text">
          <span className="visually-hidden">{t('nav.person')}: </span>
          <span className="name">{me?.display_name}</span>
          <span className="muted small">{me?.email}</span>
        </span>
        <Icon name="chevrons" size={16} />
      </button>
    </Dropdown>
  );
}
