import { useQuery } from '@tanstack/react-query';
import { healthQuery } from '../../api/operator-queries';
import type { PlatformHealth } from '../../api/types';
import { Page } from '../../app/Page';
import { useI18n } from '../../i18n/i18n';
import { Loaded } from '../../problem/Loaded';
import { Badge } from '../../ui/Badge';
import { Card } from '../../ui/Card';
import { LedgerCheckCard } from './LedgerCheckCard';
import '../usage/usage.css';

/** How far settlement is, what the continuous check has found, and a check on demand. */
export function HealthPage() {
  const { t } = useI18n();
  const health = useQuery(healthQuery);
  return (
    <Page title={t('health.title')} lead={t('health.lead')}>
      <div className="stack">
        <Loaded query={health}>{(data) => <Figures health={data} />}</Loaded>
        <LedgerCheckCard />
      </div>
    </Page>
  );
}

const SETTLEMENT = ['events', 'pending', 'duplicates', 'recovered', 'released'] as const;
const TRAFFIC = ['admissions', 'in_flight', 'holds'] as const;
const CHECKS = ['days_checked', 'events_checked', 'mismatches', 'damaged'] as const;

/** What must be zero: else somebody has to look. */
export function isWell({ mismatches, damaged }: Pick<PlatformHealth, 'mismatches' | 'damaged'>): boolean {
  return mismatches === 0 && damaged === 0;
}

function Figures({ health }: { health: PlatformHealth }) {
  const { t, format } = useI18n();
  const well = isWell(health);
  return (
    <>
      <Card title={t('health.requests')} aside={<span className="muted small">{t('health.sinceStart')}</span>}>
        <FigureList health={health} names={TRAFFIC} />
      </Card>
      <Card title={t('health.settlement')} aside={<span className="muted small">{t('health.lag', { lag: format.duration(health.lag_us), time: format.dateTime(health.settled_until) })}</span>}>
        <FigureList health={health} names={SETTLEMENT} />
      </Card>
      <Card title={t('health.checks')} aside={<Badge status={well ? 'active' : 'suspended'}>{t(well ? 'health.well' : 'health.unwell')}</Badge>}>
        <FigureList health={health} names={CHECKS} />
        <p className="muted small">{Date.parse(health.checked_at) === 0 ? t('health.neverChecked') : t('health.checkedAt', { time: format.dateTime(health.checked_at) })}</p>
      </Card>
    </>
  );
}

type Figure = (typeof SETTLEMENT)[number] | (typeof TRAFFIC)[number] | (typeof CHECKS)[number];

function FigureList({ health, names }: { health: PlatformHealth; names: readonly Figure[] }) {
  const { t, format } = useI18n();
  return (
    <dl className="figures">
      {names.map((name) => (
        <div key={name}>
          <dt>{t(`health.figure.${name}`)}</dt>
          <dd className="nums">{format.number(health[name])}</dd>
        </div>
      ))}
    </dl>
  );
}
