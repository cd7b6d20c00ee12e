import type { FieldChange } from '../../../api/types';
import { useI18n } from '../../../i18n/i18n';

/** A value of a blueprint as one reads it; null is what isn't there. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What a field was, and what it would be. */
export function FieldChanges({ changes }: { changes: readonly FieldChange[] }) {
  const { t } = useI18n();
  if (changes.length === 0) return <span className="muted">–</span>;
  return (
    <ul className="field-changes small">
      {changes.map(({ field, before, after }) => (
        <li key={field}>
          <code>{field}</code> <span className="before">{textOf(before)}</span> <span aria-hidden="true">→</span>
          <span className="visually-hidden">{t('effects.becomes')}</span> <strong>{textOf(after)}</strong>
        </li>
      ))}
    </ul>
  );
}
