import { useQuery } from '@tanstack/react-query';
import { limitsQuery } from '../../api/queries';
import type { Limit } from '../../api/types';
import { useI18n } from '../../i18n/i18n';
import { ProblemAlert } from '../../problem/ProblemAlert';
import { Card } from '../../ui/Card';
import { EmptyState } from '../../ui/EmptyState';
import { Meter } from '../../ui/Meter';
import { Skeleton } from '../../ui/Skeleton';
import { levelOf } from './limit-level';
import './limits.css';

export function LimitsCard({ org }: { org: string }) {
  const { t, format } = useI18n();
  const { data, error, refetch } = useQuery(limitsQuery(org));
  return (
    <Card title={t('overview.limits')} aside={data === undefined ? null : <span className="muted small">{t('overview.asOf', { time: format.dateTime(data.as_of) })}</span>}>
      {error !== null && data === undefined ? (
        <ProblemAlert error={error} onRetry={() => void refetch()} />
      ) : data === undefined ? (
        <Skeleton lines={4} height={30} label={t('app.loading')} />
      ) : data.items.length === 0 ? (
        <EmptyState icon="chart" title={t('overview.limitsEmpty')} hint={t('overview.limitsEmptyHint')} />
      ) : (
        <ul className="limits">
          {data.items.toSorted((a, b) => rank(a) - rank(b)).map((limit) => (
            <LimitRow key={limit.key} limit={limit} />
          ))}
        </ul>
      )}
    </Card>
  );
}

/** The product's headline first; rates, of which there is nothing to follow, last. */
function rank({ headline, kind }: Limit): number {
  return headline ? 0 : ['quota', 'hold', 'stock', 'rate'].indexOf(kind) + 1;
}

function LimitRow({ limit }: { limit: Limit }) {
  const { t, word, format } = useI18n();
  const name = word('limit', limit.key);
  const level = levelOf(limit);
  const text =
    limit.limit === null
      ? t('overview.usedUnlimited', { used: format.number(limit.used) })
      : limit.kind === 'rate'
        ? t('overview.rate', { limit: format.number(limit.limit) })
        : t('overview.used', { used: format.number(limit.used), limit: format.number(limit.limit) });
  return (
    <li data-limit={limit.key}>
      <div className="limit-line">
        <span className="limit-name">{name}</span>
        <span className="nums">{text}</span>
      </div>
      {limit.limit === null || limit.kind === 'rate' ? null : <Meter label={name} text={text} value={limit.used} max={limit.limit} level={level} marks={limit.warn_at} />}
      <div className="limit-line small muted">
        <span>
          {level === 'ok' ? null : (
            <strong className={level === 'full' ? 'level-full' : 'level-warn'}>{t(level === 'full' ? 'overview.reached' : 'overview.near')} · </strong>
          )}
          {limit.remaining === null ? null : t('overview.remaining', { remaining: format.number(limit.remaining) })}
        </span>
        {limit.resets_at === null ? null : (
          <time dateTime={limit.resets_at} title={format.dateTime(limit.resets_at)}>
            {t('overview.resets', { when: format.relative(limit.resets_at) })}
          </time>
        )}
      </div>
    </li>
  );
}
