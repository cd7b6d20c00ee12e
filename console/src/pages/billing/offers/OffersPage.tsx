import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { declineOffer } from '../../../api/operations/offers';
import { offersQuery, plansQuery, subscriptionQuery } from '../../../api/queries';
import type { Offer } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { Badge } from '../../../ui/Badge';
import { Card } from '../../../ui/Card';
import { EmptyState } from '../../../ui/EmptyState';
import { Icon } from '../../../ui/Icon';
import { useToast } from '../../../ui/Toasts';
import { BillingPage, useMayManage } from '../BillingPage';
import { OfferTermsList } from './OfferTermsList';

const AskDialog = lazy(() => import('./AskDialog').then((module) => ({ default: module.AskDialog })));
const AcceptDialog = lazy(() => import('./AcceptDialog').then((module) => ({ default: module.AcceptDialog })));

const route = getRouteApi('/member/o/$org/billing/offers');

/** Plans of the organization's own: asked for, offered, accepted. */
export function OffersPage() {
  const { t } = useI18n();
  const { org } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const offers = useQuery(offersQuery(org));
  const mayManage = useMayManage(org);
  const [accepting, setAccepting] = useState<Offer>();
  const ask = (plan: string | undefined) => void navigate({ search: plan === undefined ? {} : { ask: plan }, replace: true });
  const actions = mayManage ? (
    <Button type="primary" icon={<Icon name="plus" size={16} />} onClick={() => ask('')}>
      {t('offers.ask')}
    </Button>
  ) : undefined;
  return (
    <BillingPage org={org} title={t('offers.title')} lead={t('offers.lead')} actions={actions}>
      <Loaded query={offers}>
        {({ items }) =>
          items.length === 0 ? (
            <div className="card">
              <EmptyState icon="tag" title={t('offers.empty')} hint={t('offers.emptyHint')} />
            </div>
          ) : (
            <div className="stack">
              {items.map((offer) => (
                <OfferCard key={offer.id} org={org} offer={offer} mayManage={mayManage} onAccept={() => setAccepting(offer)} />
              ))}
            </div>
          )
        }
      </Loaded>
      <Suspense fallback={null}>
        {search.ask === undefined ? null : <AskDialog org={org} plan={search.ask} onClose={() => ask(undefined)} />}
        {accepting === undefined ? null : <AcceptDialog org={org} offer={accepting} onClose={() => setAccepting(undefined)} />}
      </Suspense>
    </BillingPage>
  );
}

interface CardProps {
  org: string;
  offer: Offer;
  mayManage: boolean;
  onAccept: () => void;
}

function OfferCard({ org, offer, mayManage, onAccept }: CardProps) {
  const { t, word, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const { data: plans } = useQuery(plansQuery);
  const { data: subscription } = useQuery(subscriptionQuery(org));
  const zone = subscription?.time_zone ?? 'UTC';
  const decline = useMutation({
    mutationFn: () => declineOffer(org, offer.id),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: offersQuery(org).queryKey });
      toast.done(t(offer.status === 'requested' ? 'offers.takenBack' : 'offers.declined'));
    },
  });
  const name = offer.terms?.title ?? plans?.find(({ key }) => key === offer.plan)?.name ?? offer.plan;
  return (
    <Card title={name} aside={<Badge status={`offer_${offer.status}`}>{word('offer.status', offer.status)}</Badge>}>
      <div className="stack tight">
        <p className="muted small">
          {t('offers.askedOn', { date: format.dateIn(offer.created_at, zone) })}
          {offer.status === 'offered' && offer.expires_at !== null ? <> · {t('offers.until', { time: format.dateTimeIn(offer.expires_at, zone) })}</> : null}
        </p>
        {offer.message === '' ? null : <blockquote className="message">{offer.message}</blockquote>}
        {offer.terms === null ? null : <OfferTermsList terms={offer.terms} plan={plans?.find(({ key }) => key === offer.plan)} />}
        {offer.status === 'requested' ? <p className="muted">{t('offers.waiting')}</p> : null}
        {decline.error === null ? null : <ProblemAlert error={decline.error} />}
        {mayManage && (offer.status === 'offered' || offer.status === 'requested') ? (
          <div className="row">
            {offer.status === 'offered' ? (
              <Button type="primary" onClick={onAccept}>
                {t('offers.accept')}
              </Button>
            ) : null}
            <Button loading={decline.isPending} onClick={() => decline.mutate()}>
              {t(offer.status === 'offered' ? 'offers.decline' : 'offers.takeBack')}
            </Button>
          </div>
        ) : null}
      </div>
    </Card>
  );
}
