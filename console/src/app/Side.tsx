import { Link } from '@tanstack/react-router';
import { useSyncExternalStore, type ReactNode } from 'react';
import { session } from '../auth/session';
import type { Key } from '../i18n/en';
import { useI18n } from '../i18n/i18n';
import type { Area } from '../theme/palette';
import { Icon, type IconName } from '../ui/Icon';
import { OrganizationSwitcher } from './OrganizationSwitcher';
import { PersonMenu } from './PersonMenu';

const OF_AN_ORGANIZATION = [
  ['/o/$org', 'home', 'nav.overview'],
  ['/o/$org/projects', 'folder', 'nav.projects'],
  ['/o/$org/team', 'people', 'nav.team'],
  ['/o/$org/keys', 'key', 'nav.keys'],
  ['/o/$org/usage', 'chart', 'nav.usage'],
  ['/o/$org/billing', 'receipt', 'nav.billing'],
] as const satisfies readonly (readonly [string, IconName, Key])[];

const OF_THE_OPERATOR = [
  ['/operator', 'home', 'nav.overview'],
  ['/operator/orgs', 'building', 'nav.operatorOrgs'],
  ['/operator/usage', 'chart', 'nav.usage'],
  ['/operator/users', 'people', 'nav.operatorUsers'],
  ['/operator/keys', 'key', 'nav.operatorKeys'],
  ['/operator/offers', 'tag', 'nav.operatorOffers'],
  ['/operator/blueprint', 'plan', 'nav.operatorBlueprint'],
  ['/operator/health', 'pulse', 'nav.operatorHealth'],
] as const satisfies readonly (readonly [string, IconName, Key])[];

/** `onLeave` is called when a link was followed: the phone's drawer closes then. */
export function Side({ area, onLeave }: { area: Area; onLeave?: () => void }) {
  const { t } = useI18n();
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  const org = state.status === 'in' ? state.organization?.slug : undefined;
  const shared = { className: 'nav-link', onClick: onLeave };
  return (
    <div className="side" data-area={area}>
      <OrganizationSwitcher area={area} />
      <nav aria-label={t('nav.label')}>
        <ul>
          {area === 'operator'
            ? OF_THE_OPERATOR.map(([to, icon, name]) => (
                <Entry key={to} icon={icon} name={t(name)}>
                  {(content) => (
                    <Link to={to} {...shared} activeOptions={{ includeSearch: false, exact: to === '/operator' }}>
                      {content}
                    </Link>
                  )}
                </Entry>
              ))
            : org === undefined
              ? null
              : OF_AN_ORGANIZATION.map(([to, icon, name]) => (
                  <Entry key={to} icon={icon} name={t(name)}>
                    {(content) => (
                      <Link to={to} params={{ org }} {...shared} activeOptions={{ includeSearch: false, exact: to === '/o/$org' }}>
                        {content}
                      </Link>
                    )}
                  </Entry>
                ))}
        </ul>
      </nav>
      <PersonMenu onLeave={onLeave} />
    </div>
  );
}

function Entry({ icon, name, children }: { icon: IconName; name: string; children: (content: ReactNode) => ReactNode }) {
  return (
    <li>
      {children(
        <>
          <Icon name={icon} />
          {name}
        </>,
      )}
    </li>
  );
}
