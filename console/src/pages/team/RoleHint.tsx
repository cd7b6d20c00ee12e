import type { Role } from '../../api/types';
import { useI18n } from '../../i18n/i18n';

/** What a role allows. */
export function RoleHint({ role }: { role: Role | undefined }) {
  const { t } = useI18n();
  if (role === undefined) return null;
  return (
    <span className="scopes role-permissions">
      {t('team.allows')}
      {role.permissions.map((permission) => (
        <code key={permission} className="chip">
          {permission}
        </code>
      ))}
    </span>
  );
}
