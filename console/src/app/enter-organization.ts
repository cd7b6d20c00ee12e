import { notFound } from '@tanstack/react-router';
import { switchOrganization } from '../api/operations/me';
import { ProblemError } from '../api/problem';
import type { Session } from '../auth/session';

/** Sees to it that this tab's token is for `org` (slug or id). Not there and not yours look the same. */
export async function enterOrganization(session: Session, org: string): Promise<void> {
  const { organization } = session;
  if (organization?.slug === org || organization?.id === org) return;
  try {
    session.begin(await switchOrganization(org));
  } catch (error) {
    if (error instanceof ProblemError && (error.status === 403 || error.status === 404)) throw notFound();
    throw error;
  }
}
