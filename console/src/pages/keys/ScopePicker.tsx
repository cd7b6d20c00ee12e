import { Checkbox } from 'antd';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { groupScopes, verbOf, withScopes } from './scopes';

interface Props {
  permissions: readonly string[];
  value?: string[];
  onChange?: (scopes: string[]) => void;
}

/** `value` and `onChange` come from the form's field. */
export function ScopePicker({ permissions, value = [], onChange }: Props) {
  const { t } = useI18n();
  if (permissions.length === 0) return <p className="muted">{t('keys.scopesEmpty')}</p>;
  return (
    <div className="scope-groups" role="group" aria-label={t('keys.scopes')}>
      {groupScopes(permissions).map(({ resource, scopes }) => {
        const chosen = scopes.filter((scope) => value.includes(scope)).length;
        return (
          <div key={resource} className="scope-group">
            <Checkbox
              aria-label={t('keys.scopesAllOf', { resource: humanize(resource) })}
              checked={chosen === scopes.length}
              indeterminate={chosen > 0 && chosen < scopes.length}
              onChange={(event) => onChange?.(withScopes(value, scopes, event.target.checked))}
            >
              <strong>{humanize(resource)}</strong>
            </Checkbox>
            <div className="verbs">
              {scopes.map((scope) => (
                <Checkbox key={scope} aria-label={scope} checked={value.includes(scope)} onChange={(event) => onChange?.(withScopes(value, [scope], event.target.checked))}>
                  {verbOf(scope)}
                </Checkbox>
              ))}
            </div>
          </div>
        );
      })}
    </div>
  );
}
