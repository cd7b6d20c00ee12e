import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { removeLimitOverride } from '../../../api/operations/operator';
import { limitOverridesQuery } from '../../../api/operator-queries';
import { plansQuery } from '../../../api/queries';
import type { Limit, LimitOverride, OrganizationDetail, Plan } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { Loaded } from '../../../problem/Loaded';
import { ProblemAlert } from '../../../problem/ProblemAlert';
import { Card } from '../../../ui/Card';
import { DataTable, type Column } from '../../../ui/DataTable';
import { Icon } from '../../../ui/Icon';
import { useToast } from '../../../ui/Toasts';

const OverrideDialog = lazy(() => import('./OverrideDialog').then((module) => ({ default: module.OverrideDialog })));

interface Row {
  limit: string;
  used: number | undefined;
  /** Of the plan; undefined where the plan doesn't say. */
  ofPlan: number | null | undefined;
  own: LimitOverride | undefined;
}

/** Each limit that holds for the organization: what is used of it, how far the plan goes, and what was set for it alone. */
export function rowsOf(limits: readonly Limit[], plan: Plan | undefined, overrides: readonly LimitOverride[]): Row[] {
  return limits.map(({ key, used, kind, limit }) => {
    const own = overrides.find((each) => each.limit === key);
    // A plan of the organization's own isn't among those that are offered; what holds now is then the plan's.
    const ofPlan = plan?.limits.find((each) => each.key === key)?.limit ?? (plan === undefined && own === undefined ? limit : plan === undefined ? undefined : null);
    return { limit: key, used: kind === 'rate' ? undefined : used, ofPlan, own };
  });
}

export function OverridesCard({ organization }: { organization: OrganizationDetail }) {
  const { t, word } = useI18n();
  const toast = useToast();
  const queryClient = useQueryClient();
  const overrides = useQuery(limitOverridesQuery(organization.id));
  const plans = useQuery(plansQuery);
  const [setting, setSetting] = useState<Row>();
  const remove = useMutation({
    mutationFn: (limit: string) => removeLimitOverride(organization.id, limit),
    onSuccess: (_, limit) => {
      void queryClient.invalidateQueries({ queryKey: ['operator', 'org'] });
      toast.done(t('operator.override.removed', { limit: word('limit', limit) }));
    },
  });
  const columns = useColumns({ onSet: setSetting, onRemove: (limit) => remove.mutate(limit), removing: remove.isPending });
  return (
    <Card title={t('operator.override.title')}>
      <div className="stack tight">
        <p className="muted">{t('operator.override.hint')}</p>
        {remove.error === null ? null : <ProblemAlert error={remove.error} />}
        <Loaded query={overrides}>
          {({ items }) => {
            const rows = rowsOf(organization.limits, plans.data?.find(({ key }) => key === organization.plan), items);
            return <DataTable label={t('operator.override.title')} columns={columns} rows={rows} rowKey={({ limit }) => limit} />;
          }}
        </Loaded>
      </div>
      <Suspense fallback={null}>
        {setting === undefined ? null : <OverrideDialog organization={organization} limit={setting.limit} current={setting.own} onClose={() => setSetting(undefined)} />}
      </Suspense>
    </Card>
  );
}

function useColumns({ onSet, onRemove, removing }: { onSet: (row: Row) => void; onRemove: (limit: string) => void; removing: boolean }): Column<Row>[] {
  const { t, word, format } = useI18n();
  const bound = (value: number | null | undefined) => (value === undefined ? '–' : value === null ? t('app.unlimited') : format.number(value));
  return [
    { id: 'limit', title: t('work.limit'), render: ({ limit }) => word('limit', limit) },
    { id: 'used', title: t('work.used'), end: true, render: ({ used }) => <span className="nums">{bound(used)}</span> },
    { id: 'plan', title: t('operator.override.ofPlan'), end: true, render: ({ ofPlan }) => <span className="nums muted">{bound(ofPlan)}</span> },
    {
      id: 'own',
      title: t('operator.override.own'),
      end: true,
      render: ({ own }) =>
        own === undefined ? (
          <span className="muted">–</span>
        ) : (
          <span className="nums" title={`${own.set_by}, ${format.dateTime(own.set_at)}`}>
            <strong>{bound(own.bound)}</strong>
            <br />
            <span className="muted small">{own.reason}</span>
          </span>
        ),
    },
    {
      id: 'actions',
      title: t('app.actions'),
      quietTitle: true,
      end: true,
      render: (row) => (
        <span className="row row-end">
          <Button size="small" aria-label={t('operator.override.setOf', { limit: word('limit', row.limit) })} onClick={() => onSet(row)}>
            {t('operator.override.set')}
          </Button>
          {row.own === undefined ? null : (
            <Button size="small" type="text" disabled={removing} aria-label={t('operator.override.removeOf', { limit: word('limit', row.limit) })} icon={<Icon name="trash" size={16} />} onClick={() => onRemove(row.limit)} />
          )}
        </span>
      ),
    },
  ];
}
