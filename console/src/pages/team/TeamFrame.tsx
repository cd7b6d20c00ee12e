import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import '../keys/keys.css';

interface Props {
  org: string;
  title: string;
  lead: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of every page about who belongs to an organization. */
export function TeamFrame({ org, title, lead, actions, children }: Props) {
  const { t } = useI18n();
  const to = { params: { org }, className: 'section-link', activeOptions: { includeSearch: false } };
  return (
    <Page title={title} lead={lead} actions={actions}>
      <nav className="sections" aria-label={t('nav.team')}>
        <Link to="/o/$org/team" {...to} activeOptions={{ exact: true, includeSearch: false }}>
          {t('team.members')}
        </Link>
        <Link to="/o/$org/team/invitations" {...to}>
          {t('team.invitations')}
        </Link>
        <Link to="/o/$org/team/teams" {...to}>
          {t('team.teams')}
        </Link>
      </nav>
      {children}
    </Page>
  );
}
