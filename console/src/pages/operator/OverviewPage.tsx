import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { allOffersQuery, blueprintQuery, healthQuery, operatorOrganizationsQuery, overviewQuery } from '../../api/operator-queries';
import type { OrganizationWithUsage, Overview } from '../../api/types';
import { Page } from '../../app/Page';
import { ORGANIZATION_STATUSES } from '../../app/search';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { Loaded } from '../../problem/Loaded';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { isWell } from './HealthPage';
import '../usage/usage.css';
import './operator.css';

/** How the installation stands at a glance. */
export function OverviewPage() {
  const { t } = useI18n();
  const overview = useQuery(overviewQuery);
  const busiest = useQuery(busiestQuery);
  return (
    <Page title={t('nav.overview')} lead={t('operator.overviewLead')}>
      <div className="stack">
        <Loaded query={overview}>{(data) => <Figures overview={data} />}</Loaded>
        <Loaded query={busiest}>{({ items }) => <Busiest organizations={items} />}</Loaded>
        <Standing />
      </div>
    </Page>
  );
}

function Figures({ overview: { organizations, users, api_keys: keys, usage_today: today, usage_meter: meter, as_of: asOf } }: { overview: Overview }) {
  const { t, word, format } = useI18n();
  const figures = [
    [t('operator.count'), organizations.total],
    [t('operator.users.title'), users],
    [t('limit.api_keys'), keys],
    ...(today === null || meter === null ? [] : [[t('operator.usedToday', { meter: word('meter', meter) }), today] as const]),
  ] as const;
  return (
    <Card title={t('operator.title')} aside={<span className="muted small">{t('overview.asOf', { time: format.dateTime(asOf) })}</span>}>
      <dl className="figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="nums">{format.number(value)}</dd>
          </div>
        ))}
      </dl>
      <div className="two">
        <Tallies title={t('operator.byStatus')} counts={organizations.by_status} name={(status) => <Badge status={status}>{word('status', status)}</Badge>} search={(status) => ({ status: ORGANIZATION_STATUSES.find((each) => each === status) })} />
        <Tallies title={t('operator.byPlan')} counts={organizations.by_plan} name={humanize} search={(plan) => ({ plan })} />
      </div>
    </Card>
  );
}

interface TalliesProps {
  title: string;
  counts: Record<string, number>;
  name: (key: string) => ReactNode;
  /** What narrows the list of organizations to these. */
  search: (key: string) => { status?: OrganizationWithUsage['status'] | undefined; plan?: string };
}

/** How many there are of each, the most first. */
function Tallies({ title, counts, name, search }: TalliesProps) {
  const { format } = useI18n();
  const rows = Object.entries(counts).filter(([, count]) => count > 0).toSorted(([a, many], [b, few]) => few - many || a.localeCompare(b));
  return (
    <section aria-label={title}>
      <h3 className="small-heading">{title}</h3>
      <ul className="tallies">
        {rows.map(([key, count]) => {
          const { status, plan } = search(key);
          return (
            <li key={key}>
              <Link to="/operator/orgs" search={{ ...(status === undefined ? {} : { status }), ...(plan === undefined ? {} : { plan }) }}>
                {name(key)}
              </Link>
              <span className="nums">{format.number(count)}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const BUSIEST = 5;
const busiestQuery = operatorOrganizationsQuery({ q: '' });

function Busiest({ organizations }: { organizations: readonly OrganizationWithUsage[] }) {
  const { t, format } = useI18n();
  const busiest = organizations.filter((each) => each.usage_today > 0).toSorted((a, b) => b.usage_today - a.usage_today).slice(0, BUSIEST);
  if (busiest.length === 0) return null;
  return (
    <Card title={t('operator.busiest')} aside={<Link to="/operator/orgs">{t('operator.all')}</Link>}>
      <DataTable
        label={t('operator.busiest')}
        rows={busiest}
        rowKey={({ id }) => id}
        columns={[
          {
            id: 'name',
            title: t('operator.name'),
            render: ({ name, slug }) => (
              <Link to="/operator/orgs/$org" params={{ org: slug }}>
                {name}
              </Link>
            ),
          },
          { id: 'plan', title: t('operator.plan'), render: ({ plan }) => humanize(plan) },
          { id: 'today', title: t('operator.today'), end: true, render: ({ usage_today: today }) => <span className="nums">{format.number(today)}</span> },
        ]}
      />
    </Card>
  );
}

function Standing() {
  const { t, format } = useI18n();
  const health = useQuery(healthQuery);
  const offers = useQuery(allOffersQuery('requested'));
  const blueprint = useQuery(blueprintQuery);
  const well = health.data === undefined ? undefined : isWell(health.data);
  return (
    <Card title={t('operator.standing.title')}>
      <dl className="facts">
        <div>
          <dt>
            <Link to="/operator/health">{t('health.title')}</Link>
          </dt>
          <dd>{well === undefined ? '…' : <Badge status={well ? 'active' : 'suspended'}>{t(well ? 'health.well' : 'health.unwell')}</Badge>}</dd>
        </div>
        <div>
          <dt>
            <Link to="/operator/offers">{t('operator.offers.waiting')}</Link>
          </dt>
          <dd className="nums">{offers.data === undefined ? '…' : format.number(offers.data.items.length)}</dd>
        </div>
        <div>
          <dt>
            <Link to="/operator/blueprint">{t('blueprint.inForce')}</Link>
          </dt>
          <dd>{blueprint.data === undefined ? '…' : t('overview.version', { version: blueprint.data.version })}</dd>
        </div>
      </dl>
    </Card>
  );
}
