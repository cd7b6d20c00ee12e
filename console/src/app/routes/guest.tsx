// Addresses of people who aren't signed in.
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { plansQuery } from '../../api/queries';
import { guest } from './root';

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
