import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Switch } from 'antd';
import { useId } from 'react';
import { allowOverage } from '../../api/operations/billing';
import { limitsQuery, subscriptionQuery } from '../../api/queries';
import type { Plan, Subscription } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { useOverageText } from './overage';

interface Props {
  org: string;
  subscription: Subscription;
  plan: Plan | undefined;
  mayManage: boolean;
}

/** Whether usage may go beyond limits that have a price for it. */
export function OverageCard({ org, subscription, plan, mayManage }: Props) {
  const { t, word } = useI18n();
  const id = useId();
  const queryClient = useQueryClient();
  const textOf = useOverageText();
  const allow = useMutation({
    mutationFn: (allowed: boolean) => allowOverage(org, allowed),
    onSuccess: (changed) => {
      queryClient.setQueryData(subscriptionQuery(org).queryKey, changed);
      void queryClient.invalidateQueries({ queryKey: limitsQuery(org).queryKey });
    },
  });
  const priced = plan?.overage ?? [];
  if (priced.length === 0 && !subscription.allows_overage) return null;
  return (
    <Card title={t('billing.overage')}>
      <div className="stack tight">
        <div className="switch-row">
          <Switch
            aria-labelledby={id}
            checked={allow.isPending ? allow.variables : subscription.allows_overage}
            loading={allow.isPending}
            disabled={!mayManage}
            onChange={(allowed) => allow.mutate(allowed)}
          />
          <span id={id}>{t('billing.overageAllow')}</span>
        </div>
        <p className="muted small">{t('billing.overageHint')}</p>
        <dl className="facts">
          {priced.map((each) => (
            <div key={each.limit}>
              <dt>{word('limit', each.limit)}</dt>
              <dd>{textOf(each, subscription.currency)}</dd>
            </div>
          ))}
        </dl>
        {allow.error === null ? null : <ProblemAlert error={allow.error} />}
      </div>
    </Card>
  );
}
