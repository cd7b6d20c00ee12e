import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Select } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { withdrawOffer } from '../../../api/operations/offers';
import { allOffersQuery, operatorOrganizationsQuery } from '../../../api/operator-queries';
import { plansQuery } from '../../../api/queries';
import type { Offer, OrganizationWithUsage, Plan } from '../../../api/types';
import { OFFER_STATUSES } from '../../../app/search';
import { Page } from '../../../app/Page';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { ActionsMenu } from '../../../ui/ActionsMenu';
import { Badge } from '../../../ui/Badge';
import { DataTable, type Column } from '../../../ui/DataTable';
import { EmptyState } from '../../../ui/EmptyState';
import { useToast } from '../../../ui/Toasts';
import { PER } from '../../billing/terms';
import '../../keys/keys.css';
import '../operator.css';

const QuoteDialog = lazy(() => import('./QuoteDialog').then((module) => ({ default: module.QuoteDialog })));

const route = getRouteApi('/member/operator/offers');

/** What organizations asked for, to be answered with a quote. */
export function OffersPage() {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const { status } = route.useSearch();
  const navigate = route.useNavigate();
  const offers = useQuery(allOffersQuery(status));
  const organizations = useQuery(operatorOrganizationsQuery({ q: '' }));
  const plans = useQuery(plansQuery);
  const [quoting, setQuoting] = useState<Offer>();
  const withdraw = useMutation({
    mutationFn: (offer: Offer) => withdrawOffer(offer.id),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['operator', 'offers'] });
      toast.done(t('operator.offers.withdrawn'));
    },
  });
  const columns = useColumns(organizations.data?.items ?? [], plans.data ?? [], { onQuote: setQuoting, onWithdraw: (offer) => withdraw.mutate(offer) });
  return (
    <Page title={t('operator.offers.title')} lead={t('operator.offers.lead')}>
      <div className="stack">
        <div className="filters">
          <Select<Offer['status'] | ''>
            aria-label={t('keys.filterStatus')}
            value={status ?? ''}
            onChange={(value) => void navigate({ search: value === '' ? {} : { status: value }, replace: true })}
            options={[{ value: '', label: t('keys.anyStatus') }, ...OFFER_STATUSES.map((value) => ({ value, label: word('offer.status', value) }))]}
            style={{ minWidth: 170 }}
          />
        </div>
        {withdraw.error === null ? null : <ProblemAlert error={withdraw.error} />}
        <Loaded query={offers}>
          {({ items, truncated }) =>
            items.length === 0 ? (
              <div className="card">
                <EmptyState icon="tag" title={t('operator.offers.empty')} hint={t('operator.offers.emptyHint')} />
              </div>
            ) : (
              <>
                <DataTable label={t('operator.offers.title')} rows={items} rowKey={({ id }) => id} columns={columns} />
                {truncated ? <p className="muted small">{t('app.truncated', { count: items.length })}</p> : null}
              </>
            )
          }
        </Loaded>
      </div>
      <Suspense fallback={null}>
        {quoting === undefined ? null : <QuoteDialog offer={quoting} plan={plans.data?.find(({ key }) => key === quoting.plan)} onClose={() => setQuoting(undefined)} />}
      </Suspense>
    </Page>
  );
}

function useColumns(organizations: readonly OrganizationWithUsage[], plans: readonly Plan[], { onQuote, onWithdraw }: { onQuote: (offer: Offer) => void; onWithdraw: (offer: Offer) => void }): Column<Offer>[] {
  const { t, word, format } = useI18n();
  const organizationOf = ({ org }: Offer) => organizations.find(({ id }) => id === org);
  const nameOf = (offer: Offer) => organizationOf(offer)?.name ?? offer.org;
  return [
    {
      id: 'org',
      title: t('operator.name'),
      render: (offer) => (
        <Link to="/operator/orgs/$org" params={{ org: organizationOf(offer)?.slug ?? offer.org }}>
          {nameOf(offer)}
        </Link>
      ),
    },
    { id: 'plan', title: t('operator.plan'), render: ({ plan }) => plans.find(({ key }) => key === plan)?.name ?? plan },
    { id: 'message', title: t('offers.message'), render: ({ message }) => <span className="clamped" title={message}>{message === '' ? '–' : message}</span> },
    { id: 'status', title: t('operator.status'), render: ({ status }) => <Badge status={`offer_${status}`}>{word('offer.status', status)}</Badge> },
    { id: 'price', title: t('overview.price'), end: true, render: ({ terms }) => (terms === null ? <span className="muted">–</span> : <span className="nums">{format.amount(terms.price)} {t(PER[terms.interval])}</span>) },
    { id: 'created', title: t('offers.askedAt'), end: true, render: ({ created_at: at }) => <time dateTime={at}>{format.date(at)}</time> },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (offer) => {
        const items = [
          ...(offer.status === 'requested' ? [{ key: 'quote', label: t('operator.offers.quote') }] : []),
          ...(offer.status === 'requested' || offer.status === 'offered' ? [{ key: 'withdraw', label: t('operator.offers.withdraw'), danger: true }] : []),
        ];
        if (items.length === 0) return null;
        return <ActionsMenu label={t('keys.actionsFor', { name: nameOf(offer) })} items={items} onAct={(key) => (key === 'quote' ? onQuote(offer) : onWithdraw(offer))} />;
      },
    },
  ];
}
