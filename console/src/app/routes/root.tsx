// What every address hangs under: the root, pages for guests, pages for people who are signed in.
import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { meQuery, myOrganizationsQuery, productQuery } from '../../api/queries';
import type { Session } from '../../auth/session';
import { NotFoundPage } from '../fallbacks';
import { organizationIn, signInSearch } from '../search';

export interface RouterContext {
  queryClient: QueryClient;
  session: Session;
}

export const root = createRootRouteWithContext<RouterContext>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, productQuery);
  },
});

/** Pages for people who aren't signed in. Who is, goes on to where they wanted to be. */
export const guest = createRoute({
  getParentRoute: () => root,
  id: 'guest',
  validateSearch: signInSearch,
  beforeLoad: async ({ context: { session }, search }) => {
    // A server that can't be asked is no reason to withhold the form: sending it will say so.
    const signedIn = await session.restore().catch(() => false);
    if (signedIn) throw redirect({ href: search.return_to ?? '/', replace: true });
  },
});

export const member = createRoute({
  getParentRoute: () => root,
  id: 'member',
  beforeLoad: async ({ context: { queryClient, session }, location }) => {
    if (!(await session.restore(organizationIn(location.pathname)))) {
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { return_to: location.href }, replace: true });
    }
    begin(queryClient, myOrganizationsQuery);
    return { me: await queryClient.query({ ...meQuery, staleTime: 'static' }) };
  },
  component: lazyRouteComponent(() => import('../Shell'), 'Shell'),
});
