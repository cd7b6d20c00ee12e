import { useQuery } from '@tanstack/react-query';
import { Checkbox } from 'antd';
import { productQuery } from '../../api/queries';
import { useI18n } from '../../i18n/i18n';
import { humanize } from '../../i18n/translate';
import { groupScopes, ofWhom, verbOf, withScopes, type ScopeGroup } from './scopes';

interface Chosen {
  value?: string[];
  onChange?: (scopes: string[]) => void;
}

/** `value` and `onChange` come from the form's field. */
export function ScopePicker({ permissions, ...chosen }: Chosen & { permissions: readonly string[] }) {
  const { t } = useI18n();
  const { data: product } = useQuery(productQuery);
  if (permissions.length === 0) return <p className="muted">{t('keys.scopesEmpty')}</p>;
  const groups = ofWhom(groupScopes(permissions));
  return (
    <div className="scope-sections" role="group" aria-label={t('keys.scopes')}>
      <Section title={product?.name ?? t('keys.scopesProduct')} groups={groups.product} {...chosen} />
      <Section title={t('keys.scopesOrganization')} groups={groups.organization} {...chosen} />
    </div>
  );
}

function Section({ title, groups, value = [], onChange }: Chosen & { title: string; groups: readonly ScopeGroup[] }) {
  const { t } = useI18n();
  if (groups.length === 0) return null;
  return (
    <div className="scope-section">
      <p className="muted small">{title}</p>
      <div className="scope-groups">
        {groups.map(({ resource, scopes }) => {
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
    </div>
  );
}
