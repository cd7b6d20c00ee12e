import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link, notFound } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { operatorOrganizationsQuery, testClocksQuery } from '../../../api/operator-queries';
import type { OrganizationWithUsage } from '../../../api/types';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { Loaded } from '../../../problem/Loaded';
import { Badge } from '../../../ui/Badge';
import { Card } from '../../../ui/Card';
import { InvoicesCard } from './InvoicesCard';
import { OverridesCard } from './OverridesCard';

const ClockDialog = lazy(() => import('./ClockDialog').then((module) => ({ default: module.ClockDialog })));
const ItemDialog = lazy(() => import('./ItemDialog').then((module) => ({ default: module.ItemDialog })));
const StandingDialog = lazy(() => import('./StandingDialog').then((module) => ({ default: module.StandingDialog })));

const route = getRouteApi('/member/operator/orgs/$org');

/** One organization, with all that the operator can do about it. */
export function OrganizationPage() {
  const { t } = useI18n();
  const { org: slug } = route.useParams();
  const query = useQuery(operatorOrganizationsQuery(slug));
  const organization = query.data?.items.find((each) => each.slug === slug || each.id === slug);
  if (query.data !== undefined && organization === undefined && !query.isPlaceholderData) throw notFound();
  return organization === undefined ? (
    <Page title={t('operator.one')}>
      <Loaded query={{ ...query, data: undefined }}>{() => null}</Loaded>
    </Page>
  ) : (
    <OneOrganization key={organization.id} organization={organization} />
  );
}

type Act = 'clock' | 'item' | 'suspend' | 'reactivate';

function OneOrganization({ organization }: { organization: OrganizationWithUsage }) {
  const { t, word, format } = useI18n();
  const [acting, setActing] = useState<Act>();
  const clocks = useQuery(testClocksQuery);
  const clock = clocks.data?.items.find(({ org }) => org === organization.id);
  const done = () => setActing(undefined);
  const actions = (
    <>
      {clock === undefined ? null : <Button onClick={() => setActing('clock')}>{t('operator.act.clock')}</Button>}
      <Button onClick={() => setActing('item')}>{t('operator.act.item')}</Button>
      {organization.status === 'active' ? (
        <Button danger onClick={() => setActing('suspend')}>
          {t('operator.standing.suspend')}
        </Button>
      ) : organization.status === 'suspended' ? (
        <Button type="primary" onClick={() => setActing('reactivate')}>
          {t('operator.standing.reactivate')}
        </Button>
      ) : null}
    </>
  );
  const facts = [
    [t('operator.status'), <Badge key="status" status={organization.status}>{word('status', organization.status)}</Badge>],
    [t('operator.slug'), <code key="slug">{organization.slug}</code>],
    [t('operator.plan'), humanize(organization.plan)],
    [t('operator.today'), format.number(organization.usage_today)],
    [t('operator.created'), format.dateTime(organization.created_at)],
    ...(clock === undefined ? [] : [[t('operator.clock'), format.dateTime(clock.now)] as const]),
    [t('operator.id'), <code key="id">{organization.id}</code>],
  ] as const;
  return (
    <Page title={organization.name} actions={actions}>
      <div className="stack">
        <p>
          <Link to="/operator/orgs">{t('operator.all')}</Link>
        </p>
        <div className="beside">
          <div className="stack">
            <OverridesCard organization={organization} />
            <InvoicesCard organization={organization} />
          </div>
          <Card title={t('operator.one')}>
            <dl className="facts long">
              {facts.map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
            </dl>
          </Card>
        </div>
      </div>
      <Suspense fallback={null}>
        {acting === 'clock' ? <ClockDialog organization={organization} now={clock?.now} onClose={done} /> : null}
        {acting === 'item' ? <ItemDialog organization={organization} onClose={done} /> : null}
        {acting === 'suspend' || acting === 'reactivate' ? <StandingDialog organization={organization} standing={acting} onClose={done} /> : null}
      </Suspense>
    </Page>
  );
}
