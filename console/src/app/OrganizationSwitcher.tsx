import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { Dropdown, type MenuProps } from 'antd';
import { useSyncExternalStore } from 'react';
import { meQuery, myOrganizationsQuery } from '../api/queries';
import { session } from '../auth/session';
import { useI18n } from '../i18n/i18n';
import type { Area } from '../theme/palette';
import { Icon } from '../ui/Icon';

/** No slug contains a `#`. */
const OPERATOR = '#operator';

export function OrganizationSwitcher({ area }: { area: Area }) {
  const { t, word } = useI18n();
  const navigate = useNavigate();
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  const { data: me } = useQuery(meQuery);
  const { data: memberships = [] } = useQuery(myOrganizationsQuery);
  const current = state.status === 'in' ? state.organization : null;

  const items: NonNullable<MenuProps['items']> = memberships.map(({ organization, role }) => ({
    key: organization.slug,
    label: organization.name,
    extra: word('role', role),
  }));
  if (me?.is_operator === true) {
    if (items.length > 0) items.push({ type: 'divider' });
    items.push({ key: OPERATOR, label: t('nav.operator'), icon: <Icon name="shield" size={16} /> });
  }

  function go(key: string) {
    // The route sees to the token.
    void (key === OPERATOR ? navigate({ to: '/operator' }) : navigate({ to: '/o/$org', params: { org: key } }));
  }

  const name = area === 'operator' ? t('operator.area') : (current?.name ?? t('nav.noOrganization'));
  return (
    <Dropdown trigger={['click']} menu={{ items, selectedKeys: [area === 'operator' ? OPERATOR : (current?.slug ?? '')], onClick: ({ key }) => go(key) }}>
      <button type="button" className="menu-button framed" aria-haspopup="menu">
        <span className="tile" aria-hidden="true">
          {area === 'operator' ? <Icon name="shield" /> : Array.from(name)[0]?.toUpperCase()}
        </span>
        <span className="text">
          <span className="visually-hidden">{t('nav.switch')}: </span>
          <span className="name">{name}</span>
          {area === 'operator' || current === null ? null : <span className="muted small">{current.slug}</span>}
        </span>
        <Icon name="chevrons" size={16} />
      </button>
    </Dropdown>
  );
}
