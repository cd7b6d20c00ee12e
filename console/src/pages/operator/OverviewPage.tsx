import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { allOffersQuery, blueprintQuery, healthQuery, operatorOrganizationsQuery } from '../../api/operator-queries';
import type { OrganizationWithUsage } from '../../api/types';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { Loaded } from '../../problem/Loaded';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { isWell } from './HealthPage';
import '../usage/usage.css';

/** How many there are of each, the most first. */
export function countBy<T>(items: readonly T[], of: (item: T) => string): [name: string, count: number][] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(of(item), (counts.get(of(item)) ?? 0) + 1);
  return [...counts].toSorted(([a, most], [b, least]) => least - most || a.localeCompare(b));
}

/** How the installation stands at a glance. */
export function OverviewPage() {
  const { t } = useI18n();
  const organizations = useQuery(operatorOrganizationsQuery(''));
  return (
    <Page title={t('nav.overview')} lead={t('operator.overviewLead')}>
      <div className="stack">
        <Loaded query={organizations}>{({ items, truncated }) => <Organizations organizations={items} truncated={truncated} />}</Loaded>
        <Standing />
      </div>
    </Page>
  );
}

const BUSIEST = 5;

function Organizations({ organizations, truncated }: { organizations: readonly OrganizationWithUsage[]; truncated: boolean }) {
  const { t, word, format } = useI18n();
  const busiest = organizations.filter((each) => each.usage_today > 0).toSorted((a, b) => b.usage_today - a.usage_today).slice(0, BUSIEST);
  const count = (text: number) => (truncated ? t('operator.atLeast', { count: format.number(text) }) : format.number(text));
  return (
    <>
      <Card title={t('operator.title')} aside={<Link to="/operator/orgs">{t('operator.all')}</Link>}>
        <dl className="figures">
          <div>
            <dt>{t('operator.count')}</dt>
            <dd className="nums" data-testid="organizations">
              {count(organizations.length)}
            </dd>
          </div>
          <div>
            <dt>{t('operator.today')}</dt>
            <dd className="nums">{count(organizations.reduce((sum, each) => sum + each.usage_today, 0))}</dd>
          </div>
        </dl>
        <ul className="tallies">
          {countBy(organizations, ({ status }) => status).map(([status, many]) => (
            <li key={status}>
              <Link to="/operator/orgs" search={{ status: status as OrganizationWithUsage['status'] }}>
                <Badge status={status}>{word('status', status)}</Badge>
              </Link>
              <span className="nums">{format.number(many)}</span>
            </li>
          ))}
          {countBy(organizations, ({ plan }) => plan).map(([plan, many]) => (
            <li key={plan}>
              <Link to="/operator/orgs" search={{ plan }}>
                {humanize(plan)}
              </Link>
              <span className="nums">{format.number(many)}</span>
            </li>
          ))}
        </ul>
      </Card>
      {busiest.length === 0 ? null : (
        <Card title={t('operator.busiest')}>
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
      )}
    </>
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
