import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrganizationEffect } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { Badge } from '../../../ui/Badge';
import { DataTable } from '../../../ui/DataTable';
import { FieldChanges } from './FieldChanges';

/** Who gains, loses or would pay what. */
export function OrganizationsTable({ effects }: { effects: readonly OrganizationEffect[] }) {
  const { t } = useI18n();
  return (
    <DataTable
      label={t('effects.organizations')}
      rows={effects}
      rowKey={({ org }) => org}
      columns={[
        {
          id: 'org',
          title: t('operator.name'),
          render: ({ org, slug }) => (
            <Link to="/operator/orgs/$org" params={{ org: slug ?? org }}>
              {slug ?? org}
            </Link>
          ),
        },
        {
          id: 'plan',
          title: t('operator.plan'),
          render: ({ plan, version, plan_gone: gone }) => (
            <>
              {humanize(plan)} <span className="muted small">{t('overview.version', { version })}</span> {gone ? <Badge status="suspended">{t('effects.planGone')}</Badge> : null}
            </>
          ),
        },
        { id: 'atOnce', title: t('effects.atOnce'), render: (effect) => <AtOnce effect={effect} /> },
        { id: 'ifMoved', title: t('effects.ifMoved'), render: (effect) => <IfMoved effect={effect} /> },
      ]}
    />
  );
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <span className="muted small">{name}</span>
      {children}
    </div>
  );
}

function AtOnce({ effect: { at_once: at } }: { effect: OrganizationEffect }) {
  const { t } = useI18n();
  if ([at.limits_up, at.limits_down, at.routes_gained, at.routes_lost].every((each) => each.length === 0)) return <span className="muted">–</span>;
  return (
    <div className="effect">
      {at.limits_down.length === 0 ? null : <Part name={t('effects.less')}><FieldChanges changes={at.limits_down} /></Part>}
      {at.limits_up.length === 0 ? null : <Part name={t('effects.more')}><FieldChanges changes={at.limits_up} /></Part>}
      {at.routes_lost.length === 0 ? null : <Part name={t('effects.routesLost')}> <code>{at.routes_lost.join(', ')}</code></Part>}
      {at.routes_gained.length === 0 ? null : <Part name={t('effects.routesGained')}> <code>{at.routes_gained.join(', ')}</code></Part>}
    </div>
  );
}

function IfMoved({ effect: { if_moved: moved } }: { effect: OrganizationEffect }) {
  const { t, format } = useI18n();
  if (moved === null) return <span className="muted">–</span>;
  const { before, after, difference } = moved;
  const words = [...moved.features_gained.map((name) => `+ ${humanize(name)}`), ...moved.features_lost.map((name) => `− ${humanize(name)}`)];
  return (
    <div className="effect">
      {after === null ? (
        <span>{t('effects.immovable')}</span>
      ) : difference === null || Number(difference.amount) === 0 ? (
        <span className="nums">{t('effects.samePrice', { amount: format.amount(before) })}</span>
      ) : (
        <span className="nums">
          {format.amount(before)} → <strong>{format.amount(after)}</strong>
        </span>
      )}
      {moved.limits_down.length === 0 ? null : <Part name={t('effects.less')}><FieldChanges changes={moved.limits_down} /></Part>}
      {moved.limits_up.length === 0 ? null : <Part name={t('effects.more')}><FieldChanges changes={moved.limits_up} /></Part>}
      {moved.terms.length === 0 ? null : <FieldChanges changes={moved.terms} />}
      {words.length === 0 ? null : <span className="small">{words.join(', ')}</span>}
    </div>
  );
}
