import { useQuery } from '@tanstack/react-query';
import { apiKeysQuery, membersQuery, projectsQuery } from '../../api/queries';
import { useI18n } from '../../i18n/i18n';
import type { Grouping } from './groups';

/** What people call a key, a project or a person. Those that are gone, or may not be seen, keep their ids. */
export function useNames(org: string, by: Grouping | undefined): (value: string | null) => string {
  const { t } = useI18n();
  const keys = useQuery({ ...apiKeysQuery(org), enabled: by === 'key' });
  const projects = useQuery({ ...projectsQuery(org), enabled: by === 'project' });
  const members = useQuery({ ...membersQuery(org), enabled: by === 'user' });
  return (value) => {
    if (value === null) return by === undefined ? '–' : t(`usage.none.${by}`);
    if (by === 'key') return keys.data?.items.find(({ id }) => id === value)?.name ?? value;
    if (by === 'project') return projects.data?.items.find(({ id }) => id === value)?.name ?? value;
    if (by === 'user') return members.data?.items.find(({ user }) => user.id === value)?.user.display_name ?? value;
    return value;
  };
}
