import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { permissionsQuery, subscriptionQuery } from '../../api/queries';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { Icon } from '../../ui/Icon';
import './billing.css';

interface Props {
  org: string;
  title: string;
  lead?: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of every page about what an organization is charged. */
export function BillingPage({ org, title, lead, actions, children }: Props) {
  const { t } = useI18n();
  const to = { params: { org }, className: 'section-link', activeOptions: { includeSearch: false } };
  return (
    <Page title={title} actions={actions} {...(lead === undefined ? {} : { lead })}>
      <nav className="sections no-print" aria-label={t('billing.sections')}>
        <Link to="/o/$org/billing" {...to} activeOptions={{ exact: true, includeSearch: false }}>
          {t('billing.subscription')}
        </Link>
        <Link to="/o/$org/billing/plans" {...to}>
          {t('billing.plans')}
        </Link>
        <Link to="/o/$org/billing/offers" {...to}>
          {t('offers.title')}
        </Link>
        <Link to="/o/$org/billing/invoices" {...to}>
          {t('billing.invoices')}
        </Link>
        <Link to="/o/$org/billing/profile" {...to}>
          {t('billing.profile')}
        </Link>
      </nav>
      <ClockNotice org={org} />
      {children}
    </Page>
  );
}

/** Says so where an organization's time isn't everybody's. */
function ClockNotice({ org }: { org: string }) {
  const { t, format } = useI18n();
  const { data } = useQuery(subscriptionQuery(org));
  if (data === undefined || data.test_clock === null) return null;
  return (
    <p className="clock no-print">
      <Icon name="clock" size={16} />
      <span>
        {t('billing.clock')}{' '}
        <time dateTime={data.test_clock}>{format.dateTimeIn(data.test_clock, data.time_zone)}</time> ({data.time_zone})
      </span>
    </p>
  );
}

/** Whether the caller may change what is subscribed to. The server decides; this spares others buttons that can't work. */
export function useMayManage(org: string): boolean {
  const { data } = useQuery(permissionsQuery(org));
  return data?.includes('billing:manage') ?? false;
}
