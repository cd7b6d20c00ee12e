import { Link } from '@tanstack/react-router';
import { useSyncExternalStore } from 'react';
import { session } from '../auth/session';
import { useI18n } from '../i18n/i18n';
import type { Area } from '../theme/palette';
import { Icon } from '../ui/Icon';
import { OrganizationSwitcher } from './OrganizationSwitcher';
import { PersonMenu } from './PersonMenu';

/** `onLeave` is called when a link was followed: the phone's drawer closes then. */
export function Side({ area, onLeave }: { area: Area; onLeave?: () => void }) {
  const { t } = useI18n();
  const state = useSyncExternalStore(session.subscribe, session.snapshot);
  const org = state.status === 'in' ? state.organization?.slug : undefined;
  return (
    <div className="side" data-area={area}>
      <OrganizationSwitcher area={area} />
      <nav aria-label={t('nav.label')}>
        <ul>
          {area === 'operator' ? (
            <li>
              <Link to="/operator" className="nav-link" onClick={onLeave}>
                <Icon name="building" />
                {t('nav.operatorOrgs')}
              </Link>
            </li>
          ) : org === undefined ? null : (
            <>
              <li>
                <Link to="/o/$org" params={{ org }} activeOptions={{ exact: true }} className="nav-link" onClick={onLeave}>
                  <Icon name="home" />
                  {t('nav.overview')}
                </Link>
              </li>
              <li>
                <Link to="/o/$org/keys" params={{ org }} className="nav-link" onClick={onLeave} activeOptions={{ includeSearch: false }}>
                  <Icon name="key" />
                  {t('nav.keys')}
                </Link>
              </li>
              <li>
                <Link to="/o/$org/usage" params={{ org }} className="nav-link" onClick={onLeave} activeOptions={{ includeSearch: false }}>
                  <Icon name="chart" />
                  {t('nav.usage')}
                </Link>
              </li>
              <li>
                <Link to="/o/$org/billing" params={{ org }} className="nav-link" onClick={onLeave} activeOptions={{ includeSearch: false }}>
                  <Icon name="receipt" />
                  {t('nav.billing')}
                </Link>
              </li>
            </>
          )}
        </ul>
      </nav>
      <PersonMenu onLeave={onLeave} />
    </div>
  );
}
