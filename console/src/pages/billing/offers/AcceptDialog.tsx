import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Form, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../../api/idempotency';
import { acceptOffer } from '../../../api/operations/offers';
import { offersQuery, plansQuery, subscriptionQuery } from '../../../api/queries';
import type { Offer, When } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { useToast } from '../../../ui/Toasts';
import { renewBilling } from '../renew';
import { PER } from '../terms';
import { OfferTermsList } from './OfferTermsList';

/** Says once more what it will cost; then the subscription changes to it. */
export function AcceptDialog({ org, offer, onClose }: { org: string; offer: Offer; onClose: () => void }) {
  const { t, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const { data: plans } = useQuery(plansQuery);
  const { data: subscription } = useQuery(subscriptionQuery(org));
  const [when, setWhen] = useState<When>('now');
  const accept = useMutation({
    mutationFn: () => acceptOffer(org, offer.id, when, idempotency.keyFor({ offer: offer.id, when })),
    onSuccess: (changed) => {
      idempotency.done();
      queryClient.setQueryData(subscriptionQuery(org).queryKey, changed);
      void queryClient.invalidateQueries({ queryKey: offersQuery(org).queryKey });
      toast.done(t('offers.accepted'));
      onClose();
      void renewBilling(queryClient, org);
    },
  });
  const { terms } = offer;
  if (terms === null) return null;
  // One that begins with a trial begins at once.
  const canWait = terms.trial_days === null && subscription !== undefined;
  return (
    <Modal
      open
      width={600}
      title={t('offers.acceptTitle', { plan: terms.title ?? offer.plan })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => accept.mutate()}
      okText={t('offers.acceptFor', { amount: format.amount(terms.price), per: t(PER[terms.interval]) })}
      cancelText={t('billing.back')}
      confirmLoading={accept.isPending}
    >
      <div className="stack tight">
        <OfferTermsList terms={terms} plan={plans?.find(({ key }) => key === offer.plan)} />
        {canWait ? (
          <Form.Item label={t('billing.when')} htmlFor="accept-when" layout="vertical" style={{ marginBottom: 0 }}>
            <Radio.Group
              id="accept-when"
              aria-label={t('billing.when')}
              className="choices"
              value={when}
              onChange={(event) => setWhen(event.target.value as When)}
              options={[
                { value: 'now', label: t('offers.now') },
                { value: 'period_end', label: t('billing.when.periodEnd', { date: format.dateIn(subscription.period.end, subscription.time_zone) }) },
              ]}
            />
          </Form.Item>
        ) : null}
        <p className="muted small">{t(terms.trial_days === null ? 'offers.charge' : 'offers.chargeAfterTrial')}</p>
        {accept.error === null ? null : <ProblemAlert error={accept.error} />}
      </div>
    </Modal>
  );
}
