// Addresses of a person, whatever organization they are in.
import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { mySessionsQuery } from '../../api/queries';
import { member } from './root';

export const home = createRoute({
  getParentRoute: () => member,
  path: '/',
  beforeLoad: ({ context: { me, session } }) => {
    const { organization } = session;
    if (organization !== null) throw redirect({ to: '/o/$org', params: { org: organization.slug }, replace: true });
    if (me.is_operator) throw redirect({ to: '/operator', replace: true });
  },
  component: lazyRouteComponent(() => import('../../pages/account/NoOrganizationPage'), 'NoOrganizationPage'),
});

export const account = createRoute({
  getParentRoute: () => member,
  path: '/account',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, mySessionsQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/account/AccountPage'), 'AccountPage'),
});
