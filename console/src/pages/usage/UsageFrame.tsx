import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import './usage.css';

interface Props {
  org: string;
  title: string;
  lead?: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of every page about what was used. */
export function UsageFrame({ org, title, lead, actions, children }: Props) {
  const { t } = useI18n();
  const to = { params: { org }, className: 'section-link', activeOptions: { includeSearch: false } };
  return (
    <Page title={title} actions={actions} {...(lead === undefined ? {} : { lead })}>
      <nav className="sections" aria-label={t('usage.sections')}>
        <Link to="/o/$org/usage" {...to} activeOptions={{ exact: true, includeSearch: false }}>
          {t('usage.meters')}
        </Link>
        <Link to="/o/$org/usage/report" {...to}>
          {t('report.title')}
        </Link>
        <Link to="/o/$org/usage/explain" {...to}>
          {t('explain.title')}
        </Link>
      </nav>
      {children}
    </Page>
  );
}
