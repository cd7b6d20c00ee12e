import { useQuery } from '@tanstack/react-query';
import { permissionsQuery } from '../api/queries';

/** Whether the caller holds a permission. The server decides; this spares others buttons that can't work. */
export function useMay(org: string, permission: string): boolean {
  const { data } = useQuery(permissionsQuery(org));
  return data?.includes(permission) ?? false;
}
