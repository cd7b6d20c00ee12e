import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import type { Standing } from '../../../api/operations/operator';
import { organizationDetailQuery, testClocksQuery } from '../../../api/operator-queries';
import type { Organization, OrganizationDetail, SentOwnerInvitation } from '../../../api/types';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { Loaded } from '../../../problem/Loaded';
import { Badge } from '../../../ui/Badge';
import { Card } from '../../../ui/Card';
import { InvoicesCard } from './InvoicesCard';
import { OverridesCard } from './OverridesCard';

const ClockDialog = lazy(() => import('./ClockDialog').then((module) => ({ default: module.ClockDialog })));
const EditDialog = lazy(() => import('./EditDialog').then((module) => ({ default: module.EditDialog })));
const ItemDialog = lazy(() => import('./ItemDialog').then((module) => ({ default: module.ItemDialog })));
const LinkModal = lazy(() => import('../../team/LinkModal').then((module) => ({ default: module.LinkModal })));
const OwnerDialog = lazy(() => import('./OwnerDialog').then((module) => ({ default: module.OwnerDialog })));
const StandingDialog = lazy(() => import('./StandingDialog').then((module) => ({ default: module.StandingDialog })));

const route = getRouteApi('/member/operator/orgs/$org');

/** One organization, with all that the operator can do about it. */
export function OrganizationPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const query = useQuery(organizationDetailQuery(org));
  return query.data === undefined ? (
    <Page title={t('operator.one')}>
      <Loaded query={query}>{() => null}</Loaded>
    </Page>
  ) : (
    <OneOrganization key={query.data.id} organization={query.data} />
  );
}

type Act = 'clock' | 'edit' | 'item' | 'owner' | Standing;

function isStanding(act: Act): act is Standing {
  return act === 'suspend' || act === 'reactivate' || act === 'deactivate';
}

function OneOrganization({ organization }: { organization: OrganizationDetail }) {
  const { t } = useI18n();
  const [acting, setActing] = useState<Act>();
  const clocks = useQuery(testClocksQuery);
  const clock = clocks.data?.items.find(({ org }) => org === organization.id);
  const done = () => setActing(undefined);
  const [sent, setSent] = useState<SentOwnerInvitation>();
  const navigate = route.useNavigate();
  const queryClient = useQueryClient();
  async function changed({ slug }: Organization) {
    done();
    // Under its old address there is nothing any more.
    await navigate({ params: { org: slug }, replace: true });
    await queryClient.invalidateQueries({ queryKey: ['operator'] });
  }
  const { status } = organization;
  const actions = (
    <>
      {status === 'deactivated' || status === 'erased' ? null : <Button onClick={() => setActing('edit')}>{t('operator.edit.act')}</Button>}
      {status === 'active' || status === 'pending' ? <Button onClick={() => setActing('owner')}>{t('operator.owner.act')}</Button> : null}
      {clock === undefined ? null : <Button onClick={() => setActing('clock')}>{t('operator.act.clock')}</Button>}
      <Button onClick={() => setActing('item')}>{t('operator.act.item')}</Button>
      {standingsOf(status).map((standing) => (
        <Button key={standing} danger={standing !== 'reactivate'} type={standing === 'reactivate' ? 'primary' : 'default'} onClick={() => setActing(standing)}>
          {t(`operator.standing.${standing}`)}
        </Button>
      ))}
    </>
  );
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
          <FactsCard organization={organization} clock={clock?.now} />
        </div>
      </div>
      <Suspense fallback={null}>
        {acting === 'clock' ? <ClockDialog organization={organization} now={clock?.now} onClose={done} /> : null}
        {acting === 'item' ? <ItemDialog organization={organization} onClose={done} /> : null}
        {acting === 'edit' ? <EditDialog organization={organization} onClose={done} onChanged={(now) => void changed(now)} /> : null}
        {acting === 'owner' ? (
          <OwnerDialog
            organization={organization}
            onClose={done}
            onInvited={(made) => {
              done();
              setSent(made);
            }}
          />
        ) : null}
        {sent === undefined ? null : <LinkModal link={sent.link} email={sent.invitation.email} expiresAt={sent.invitation.expires_at} onClose={() => setSent(undefined)} />}
        {acting !== undefined && isStanding(acting) ? <StandingDialog organization={organization} standing={acting} onClose={done} /> : null}
      </Suspense>
    </Page>
  );
}

/** What may be done about where it stands. Closed is closed. */
function standingsOf(status: OrganizationDetail['status']): Standing[] {
  if (status === 'active' || status === 'pending') return ['suspend', 'deactivate'];
  return status === 'suspended' ? ['reactivate', 'deactivate'] : [];
}

function FactsCard({ organization, clock }: { organization: OrganizationDetail; clock: string | undefined }) {
  const { t, word, format } = useI18n();
  const { subscription } = organization;
  const facts: [string, ReactNode][] = [
    [t('operator.status'), <Badge key="status" status={organization.status}>{word('status', organization.status)}</Badge>],
    [t('operator.slug'), <code key="slug">{organization.slug}</code>],
    [t('operator.plan'), humanize(organization.plan)],
    ...(subscription === null
      ? []
      : ([
          [t('overview.subscription'), <Badge key="subscription" status={subscription.status}>{word('status', subscription.status)}</Badge>],
          [t('billing.period'), format.spanIn(subscription.period, subscription.time_zone)],
        ] satisfies [string, ReactNode][])),
    ...(clock === undefined ? [] : ([[t('operator.clock'), format.dateTime(clock)]] satisfies [string, ReactNode][])),
    [t('operator.today'), format.number(organization.usage_today)],
    ...(organization.usage_month === null ? [] : ([[t('operator.month'), format.number(organization.usage_month)]] satisfies [string, ReactNode][])),
    ...(['members', 'invitations', 'teams', 'projects', 'api_keys'] as const).map((name): [string, ReactNode] => [name === 'invitations' ? t('team.invitations') : word('limit', name), format.number(organization[name])]),
    [t('operator.created'), format.dateTime(organization.created_at)],
    [t('operator.id'), <code key="id">{organization.id}</code>],
  ];
  return (
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
  );
}
