import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Form, Modal, Radio } from 'antd';
import { useState } from 'react';
import { actOnSubscription, actOnSubscriptionWhen } from '../../api/operations/billing';
import { subscriptionQuery } from '../../api/queries';
import type { Subscription, When } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';
import { renewBilling } from './renew';
import type { Act } from './standing';

interface Props {
  org: string;
  act: Act;
  subscription: Subscription;
  /** Of the plan. */
  title: string;
  onClose: () => void;
}

/** Asks before a subscription is stopped, ended, or taken up again. */
export function ActDialog({ org, act, subscription, title, onClose }: Props) {
  const { t, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const isTrial = subscription.status === 'trialing';
  // An end or a charge with the period is the milder of the two; what doesn't run any more has no period to wait for.
  const asksWhen = act === 'cancel' ? subscription.status === 'active' || isTrial : act === 'activate' && isTrial;
  const canWait = !(act === 'activate' && subscription.pays);
  const [when, setWhen] = useState<When>(canWait ? 'period_end' : 'now');
  const keeps = act === 'reactivate' && subscription.status !== 'canceled';

  const perform = useMutation({
    mutationFn: () => (act === 'cancel' || act === 'activate' ? actOnSubscriptionWhen(org, act, asksWhen ? when : 'now') : actOnSubscription(org, act)),
    onSuccess: (changed) => {
      queryClient.setQueryData(subscriptionQuery(org).queryKey, changed);
      toast.done(t('billing.actDone'));
      onClose();
      void renewBilling(queryClient, org);
    },
  });

  const end = format.dateIn(subscription.cancel_at ?? subscription.trial_end ?? subscription.period.end, subscription.time_zone);
  const name = keeps ? 'keep' : act;
  const hint = act === 'cancel' && !asksWhen ? t('billing.ask.cancelNow') : keeps ? t('billing.ask.keep', { date: end }) : act === 'activate' ? t('billing.ask.activate') : t(`billing.ask.${act}`);
  return (
    <Modal
      open
      title={t('billing.ask.title', { act: t(`billing.act.${name}`), plan: title })}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => perform.mutate()}
      okText={t(`billing.act.${name}`)}
      okButtonProps={{ danger: act === 'cancel' }}
      cancelText={t('billing.back')}
      confirmLoading={perform.isPending}
    >
      <div className="stack tight">
        <p>{hint}</p>
        {asksWhen ? (
          <Form.Item label={t('billing.when')} htmlFor="act-when" layout="vertical" style={{ marginBottom: 0 }}>
            <Radio.Group
              id="act-when"
              aria-label={t('billing.when')}
              value={when}
              onChange={(event) => setWhen(event.target.value as When)}
              className="choices"
              options={[
                ...(canWait ? [{ value: 'period_end', label: t(isTrial ? 'billing.when.trialEnd' : 'billing.when.periodEnd', { date: end }) }] : []),
                { value: 'now', label: t(act === 'cancel' ? 'billing.when.cancelNow' : 'billing.when.activateNow') },
              ]}
            />
          </Form.Item>
        ) : null}
        {perform.error === null ? null : <ProblemAlert error={perform.error} />}
      </div>
    </Modal>
  );
}
