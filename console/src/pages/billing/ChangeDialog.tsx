import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Modal } from 'antd';
import { useState } from 'react';
import { useIdempotency } from '../../api/idempotency';
import { changeSubscription, previewChange } from '../../api/operations/billing';
import { ProblemError } from '../../api/problem';
import { subscriptionQuery } from '../../api/queries';
import type { ChangeRequest, Plan, Preview, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Skeleton } from '../../ui/Skeleton';
import { useToast } from '../../ui/Toasts';
import { ChangeSummary } from './ChangeSummary';
import { renewBilling } from './renew';

/** What makes a preview worthless: too much time, or another change. A new one is asked for. */
const STALE = new Set(['subscription.preview_stale', 'subscription.changed_meanwhile']);

interface Props {
  org: string;
  subscription: Subscription;
  wanted: ChangeRequest;
  plans: readonly Plan[] | undefined;
  onClose: () => void;
  onChanged?: () => void;
}

function previewQuery(org: string, wanted: ChangeRequest) {
  // Beside what is kept of the organization: a change must not ask again for what it would have come to.
  return queryOptions({ queryKey: ['preview', org, wanted], queryFn: ({ signal }) => previewChange(org, wanted, signal), staleTime: Infinity, gcTime: 0, retry: false });
}

/** What a change would come to, to the cent; and then the change. */
export function ChangeDialog({ org, subscription, wanted, plans, onClose, onChanged }: Props) {
  const { t, format } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const idempotency = useIdempotency();
  const [renewed, setRenewed] = useState(false);
  const { data: preview, error, isFetching, refetch } = useQuery(previewQuery(org, wanted));

  const change = useMutation({
    mutationFn: ({ when, prorated_at }: Preview) => {
      const body = { ...wanted, when, prorated_at };
      return changeSubscription(org, body, idempotency.keyFor(body));
    },
    onMutate: () => setRenewed(false),
    onSuccess: (changed) => {
      idempotency.done();
      queryClient.setQueryData(subscriptionQuery(org).queryKey, changed);
      toast.done(t(changed.pending === null ? 'change.done' : 'change.planned'));
      onClose();
      onChanged?.();
      void renewBilling(queryClient, org);
    },
    onError: async (problem) => {
      if (!(problem instanceof ProblemError) || !STALE.has(problem.code)) return;
      await refetch();
      setRenewed(true);
    },
  });

  const isStale = change.error instanceof ProblemError && STALE.has(change.error.code);
  const due = preview?.invoice?.due;
  const charges = due !== undefined && Number(due.amount) > 0;
  return (
    <Modal
      open
      width={640}
      title={t('change.title')}
      closable={{ 'aria-label': t('app.close') }}
      onCancel={onClose}
      onOk={() => {
        if (preview !== undefined) change.mutate(preview);
      }}
      okText={charges ? t('change.confirmCharge', { amount: format.amount(due) }) : t('change.confirm')}
      okButtonProps={{ disabled: preview === undefined || isFetching }}
      cancelText={t('billing.back')}
      confirmLoading={change.isPending}
    >
      <div className="stack tight">
        {renewed ? <Alert type="warning" role="alert" title={t('change.renewed')} description={change.error?.message} /> : null}
        {error !== null ? (
          <ProblemAlert error={error} onRetry={() => void refetch()} />
        ) : preview === undefined ? (
          <Skeleton lines={5} height={22} label={t('app.loading')} />
        ) : (
          <ChangeSummary subscription={subscription} preview={preview} plans={plans} />
        )}
        {change.error === null || isStale ? null : <ProblemAlert error={change.error} />}
      </div>
    </Modal>
  );
}
