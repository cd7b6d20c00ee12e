// Addresses of people who aren't signed in.
import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { plansQuery } from '../../api/queries';
import { keepToken, tokenIn } from '../../pages/invitation/token';
import { guest, root } from './root';

export const signIn = createRoute({
  getParentRoute: () => guest,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('../../pages/sign-in/SignInPage'), 'SignInPage'),
});

export const register = createRoute({
  getParentRoute: () => guest,
  path: '/register',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/register/RegisterPage'), 'RegisterPage'),
});

/** For everyone: who is signed in accepts as who they are. */
export const invitation = createRoute({
  getParentRoute: () => root,
  path: '/invitation',
  beforeLoad: async ({ context: { session }, location }) => {
    const token = tokenIn(location.hash);
    if (token !== undefined) {
      keepToken(token);
      // Out of the address at once.
      throw redirect({ to: '/invitation', replace: true });
    }
    await session.restore().catch(() => false);
  },
  component: lazyRouteComponent(() => import('../../pages/invitation/InvitationPage'), 'InvitationPage'),
});
