import type { ReactNode } from 'react';
import { useI18n } from '../i18n/i18n';
import { Skeleton } from '../ui/Skeleton';
import { ProblemAlert } from './ProblemAlert';

interface Props<T> {
  query: { data: T | undefined; error: Error | null; refetch: () => unknown };
  /** Of the skeleton that holds the place meanwhile. */
  lines?: number;
  height?: number;
  children: (data: T) => ReactNode;
}

/** What was fetched, its skeleton before, or why it can't be had. Old data stays while it is asked for anew. */
export function Loaded<T>({ query, lines = 4, height = 28, children }: Props<T>) {
  const { t } = useI18n();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton lines={lines} height={height} label={t('app.loading')} />;
}
