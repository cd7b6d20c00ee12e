import type { ReactNode } from 'react';
import type { BlueprintEffects, Changes, OfferedChange } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';
import { humanize } from '../../../i18n/translate';
import { Badge } from '../../../ui/Badge';
import { Card } from '../../../ui/Card';
import { DataTable } from '../../../ui/DataTable';
import { FieldChanges } from './FieldChanges';
import { OrganizationsTable } from './OrganizationsTable';

/** What another blueprint would change: for everyone, in what is offered, and for each organization. */
export function Effects({ effects, action }: { effects: BlueprintEffects; action: ReactNode }) {
  const { t } = useI18n();
  const offered = [...effects.plans, ...effects.add_ons].filter(({ change }) => change !== 'unchanged');
  return (
    <section className="stack" aria-label={t('effects.title')}>
      <Card title={t('effects.title')} aside={action}>
        {effects.changed ? <Counts counts={effects.counts} /> : <p>{t('effects.nothing')}</p>}
      </Card>
      {offered.length === 0 ? null : (
        <Card title={t('effects.offered')}>
          <Offered offered={offered} />
        </Card>
      )}
      <Everyone everyone={effects.everyone} />
      {effects.organizations.length === 0 ? null : (
        <Card title={t('effects.organizations')}>
          <p className="muted">{t('effects.organizationsHint')}</p>
          <OrganizationsTable effects={effects.organizations} />
        </Card>
      )}
    </section>
  );
}

const COUNTS = ['touched', 'grandfathered', 'lose_at_once', 'gain_at_once', 'would_pay_more', 'would_pay_less', 'immovable'] as const;

function Counts({ counts }: { counts: BlueprintEffects['counts'] }) {
  const { t, format } = useI18n();
  return (
    <dl className="counts">
      {COUNTS.map((name) => (
        <div key={name} data-alarm={name === 'lose_at_once' && counts[name] > 0}>
          <dt>{t(`effects.count.${name}`)}</dt>
          <dd className="nums">{format.number(counts[name])}</dd>
        </div>
      ))}
    </dl>
  );
}

const TONES = { new: 'active', changed: 'pending', gone: 'suspended', unchanged: 'quiet' } as const;

function Offered({ offered }: { offered: readonly OfferedChange[] }) {
  const { t, format } = useI18n();
  return (
    <DataTable
      label={t('effects.offered')}
      rows={offered}
      rowKey={({ key }) => key}
      columns={[
        { id: 'key', title: t('operator.plan'), render: ({ key }) => humanize(key) },
        { id: 'change', title: t('effects.change'), render: ({ change }) => <Badge status={TONES[change]}>{t(`effects.${change}`)}</Badge> },
        { id: 'fields', title: t('effects.what'), render: ({ fields }) => <FieldChanges changes={fields} /> },
        { id: 'version', title: t('effects.version'), end: true, render: ({ version, next_version: next }) => <span className="nums">{`${version ?? '–'} → ${next ?? version ?? '–'}`}</span> },
        { id: 'subscribers', title: t('effects.subscribers'), end: true, render: ({ subscribers }) => <span className="nums">{format.number(subscribers)}</span> },
      ]}
    />
  );
}

function Everyone({ everyone }: { everyone: BlueprintEffects['everyone'] }) {
  const { t } = useI18n();
  const parts = (['routes', 'limits', 'meters'] as const).filter((part) => !isEmpty(everyone[part]));
  if (parts.length === 0) return null;
  return (
    <Card title={t('effects.everyone')}>
      <div className="stack">
        {parts.map((part) => (
          <div key={part}>
            <h3 className="small-heading">{t(`effects.${part}`)}</h3>
            <Listed changes={everyone[part]} />
          </div>
        ))}
      </div>
    </Card>
  );
}

function isEmpty({ new: added, gone, changed }: Changes): boolean {
  return added.length === 0 && gone.length === 0 && changed.length === 0;
}

function Listed({ changes }: { changes: Changes }) {
  const { t } = useI18n();
  return (
    <ul className="effects-list">
      {(['new', 'gone'] as const).flatMap((kind) =>
        changes[kind].map((name) => (
          <li key={`${kind} ${name}`}>
            <Badge status={TONES[kind]}>{t(`effects.${kind}`)}</Badge> <code>{name}</code>
          </li>
        )),
      )}
      {changes.changed.length === 0 ? null : (
        <li>
          <FieldChanges changes={changes.changed} />
        </li>
      )}
    </ul>
  );
}
