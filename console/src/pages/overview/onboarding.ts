// What a new organization has done so far, told by the server's own figures.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { apiKeysQuery, limitsQuery, usageQuery } from '../../api/queries';
import { barsOf, totalOf, usageRange } from '../usage/range';
import { hasRequests } from '../usage/limit-level';

const POLL_MS = 1_500;

const seenKey = (org: string) => `insula.usage-seen.${org}`;
const hiddenKey = (org: string) => `insula.start-hidden.${org}`;

export function markUsageSeen(org: string): void {
  localStorage.setItem(seenKey(org), '1');
}

export interface Onboarding {
  hasKey: boolean;
  hasCalled: boolean;
  waiting: boolean;
  hide: () => void;
}

/** Undefined while it isn't known, and once the list is finished or hidden. */
export function useOnboarding(org: string): Onboarding | undefined {
  const queryClient = useQueryClient();
  const [hidden, setHidden] = useState(() => localStorage.getItem(seenKey(org)) !== null || localStorage.getItem(hiddenKey(org)) !== null);
  const range = usageRange('7d');
  const keys = useQuery({ ...apiKeysQuery(org), enabled: !hidden });
  const hasKey = (keys.data?.items.length ?? 0) > 0;

  // Either tells of the first request: the limits' windows may have closed since, the meter may be another one.
  function called(): boolean {
    const limits = queryClient.getQueryData(limitsQuery(org).queryKey);
    const usage = queryClient.getQueryData(usageQuery(org, range).queryKey);
    return hasRequests(limits?.items ?? []) || totalOf(barsOf(range, usage?.buckets ?? [])) > 0;
  }
  // Asked again and again only while there is something to wait for.
  const refetchInterval = () => (!hidden && hasKey && !called() ? POLL_MS : false);
  const limits = useQuery({ ...limitsQuery(org), refetchInterval });
  const usage = useQuery({ ...usageQuery(org, range), refetchInterval });
  const hasCalled = called();

  // Whichever saw it first, the others on the page may be a moment behind.
  useEffect(() => {
    if (hasCalled) void queryClient.invalidateQueries({ queryKey: ['org', org] });
  }, [hasCalled, org, queryClient]);

  const known = keys.data !== undefined && (limits.data !== undefined || usage.data !== undefined);
  if (hidden || !known) return undefined;
  return {
    hasKey,
    hasCalled,
    waiting: hasKey && !hasCalled,
    hide() {
      localStorage.setItem(hiddenKey(org), '1');
      setHidden(true);
    },
  };
}
