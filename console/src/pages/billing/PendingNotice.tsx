import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button } from 'antd';
import { useIdempotency } from '../../api/idempotency';
import { changeSubscription } from '../../api/operations/billing';
import type { Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { useToast } from '../../ui/Toasts';
import { renewBilling } from './renew';
import { useDifferences } from './terms';

interface Props {
  org: string;
  subscription: Subscription;
  plans: readonly Plan[] | undefined;
  mayManage: boolean;
}

/** A change that is to come, and how to call it off. */
export function PendingNotice({ org, subscription, plans, mayManage }: Props) {
  const { t, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const differencesOf = useDifferences(plans);
  const undo = useMutation({
    mutationFn: () => {
      // A change back to what it is: only the one that was to come is called off. The time tells it from another day's.
      const body = { plan: subscription.plan };
      return changeSubscription(org, body, idempotency.keyFor([body, subscription.pending]));
    },
    onSuccess: async () => {
      idempotency.done();
      toast.done(t('billing.pendingUndone'));
      await renewBilling(queryClient, org);
    },
  });
  const { pending } = subscription;
  if (pending === null) return null;
  return (
    <div className="stack tight">
      <Alert
        type="info"
        title={t('billing.pending', { date: format.dateIn(pending.at, subscription.time_zone) })}
        description={
          <ul>
            {differencesOf(subscription, pending).map((difference) => (
              <li key={difference}>{difference}</li>
            ))}
          </ul>
        }
        action={
          mayManage ? (
            <Button loading={undo.isPending} onClick={() => undo.mutate()}>
              {t('billing.pendingUndo')}
            </Button>
          ) : null
        }
      />
      {undo.error === null ? null : <ProblemAlert error={undo.error} />}
    </div>
  );
}
