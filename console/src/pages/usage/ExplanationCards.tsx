import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Explanation } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { DataTable } from '../../ui/DataTable';
import { Meter } from '../../ui/Meter';
import { ChargesCard } from './ChargesCard';
import { levelOf } from './limit-level';
import { useNames } from './use-names';
import './limits.css';

/** Why a request was let through or refused, and what came of it. */
export function ExplanationCards({ org, explanation }: { org: string; explanation: Explanation }) {
  const { t } = useI18n();
  return (
    <div className="beside">
      <div className="stack">
        <Decision explanation={explanation} />
        <Checks explanation={explanation} />
        <Quantities explanation={explanation} />
        <ChargesCard charges={explanation.charges} />
      </div>
      <Card title={t('explain.request')}>
        <Facts org={org} explanation={explanation} />
      </Card>
    </div>
  );
}

function Decision({ explanation: { decision, detail, outcome, recovered, status } }: { explanation: Explanation }) {
  const { t, word } = useI18n();
  return (
    <Card title={t('explain.decision')} aside={<Badge status={decision === 'admitted' ? 'active' : 'suspended'}>{t(`explain.${decision}`)}</Badge>}>
      <div className="stack tight">
        <p>{decision === 'admitted' ? t('explain.admittedHint', { outcome: word('outcome', outcome) }) : (detail ?? outcome)}</p>
        <p className="muted">
          {t('explain.status', { status: status === 0 ? t('explain.noStatus') : String(status) })} · <code>{outcome}</code>
        </p>
        {recovered ? <p className="muted">{t('explain.recovered')}</p> : null}
      </div>
    </Card>
  );
}

function Checks({ explanation: { checks } }: { explanation: Explanation }) {
  const { t, word, format } = useI18n();
  return (
    <Card title={t('explain.checks')}>
      {checks.length === 0 ? (
        <p className="muted">{t('explain.noChecks')}</p>
      ) : (
        <ul className="limits">
          {checks.map(({ limit, used, bound }) => {
            const name = word('limit', limit);
            const text = bound === null ? t('overview.usedUnlimited', { used: format.number(used) }) : t('overview.used', { used: format.number(used), limit: format.number(bound) });
            return (
              <li key={limit}>
                <div className="limit-line">
                  <span className="limit-name">{name}</span>
                  <span className="nums">{text}</span>
                </div>
                {bound === null ? null : <Meter label={name} text={text} value={used} max={bound} level={levelOf({ used, limit: bound, warn_at: [] })} />}
              </li>
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function Quantities({ explanation: { used, reserved, costs, hold } }: { explanation: Explanation }) {
  const { t, word, format } = useI18n();
  const meters = [...new Set([...Object.keys(used), ...Object.keys(reserved ?? {})])];
  return (
    <Card title={t('explain.used')}>
      <div className="stack">
        {meters.length === 0 ? (
          <p className="muted">{t('explain.nothingUsed')}</p>
        ) : (
          <DataTable
            label={t('explain.used')}
            rows={meters}
            rowKey={(meter) => meter}
            columns={[
              { id: 'meter', title: t('usage.meter'), render: (meter) => word('meter', meter) },
              // What was reserved is said only where it isn't what was used.
              { id: 'reserved', title: t('explain.reserved'), end: true, render: (meter) => <span className="nums">{format.exact(reserved?.[meter] ?? used[meter] ?? '0')}</span> },
              { id: 'used', title: t('explain.usedAmount'), end: true, render: (meter) => <span className="nums">{format.exact(used[meter] ?? '0')}</span> },
              {
                id: 'cost',
                title: t('report.cost'),
                end: true,
                render: (meter) => (
                  <span className="nums">
                    {costs
                      .flatMap((cost) => (cost.meters[meter] === undefined ? [] : [format.unitPrice(cost.meters[meter], cost.amount.currency)]))
                      .join(' · ') || '–'}
                  </span>
                ),
              },
            ]}
          />
        )}
        {hold === null ? null : (
          <p>
            {t(hold.held ? 'explain.holds' : 'explain.held', { limit: word('limit', hold.limit) })} <code>{hold.key ?? hold.id}</code>
          </p>
        )}
      </div>
    </Card>
  );
}

function Facts({ org, explanation }: { org: string; explanation: Explanation }) {
  const { t, format } = useI18n();
  const keyName = useNames(org, 'key');
  const projectName = useNames(org, 'project');
  const userName = useNames(org, 'user');
  const { request, at, route, key, user, project, blueprint, duration_us, bytes_in, bytes_out } = explanation;
  const facts: [string, ReactNode][] = [
    [t('problem.requestId'), <code key="id">{request}</code>],
    [t('events.at'), <time key="at" dateTime={at} title={at}>{format.dateTime(at)}</time>],
    [t('group.operation'), <code key="route">{route}</code>],
    ...(key === null ? [] : [[t('group.key'), keyName(key)] satisfies [string, ReactNode]]),
    ...(user === null ? [] : [[t('group.user'), userName(user)] satisfies [string, ReactNode]]),
    ...(project === null
      ? []
      : ([[t('group.project'), <Link key="project" to="/o/$org/projects/$project" params={{ org, project }}>{projectName(project)}</Link>]] satisfies [string, ReactNode][])),
    [t('explain.duration'), format.duration(duration_us)],
    [t('explain.bytes'), t('explain.bytesOf', { in: format.bytes(bytes_in), out: format.bytes(bytes_out) })],
    ...(blueprint === null ? [] : [[t('explain.blueprint'), t('overview.version', { version: blueprint })] satisfies [string, ReactNode]]),
  ];
  return (
    <dl className="facts long">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
