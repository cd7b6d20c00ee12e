// Every address of the console, typed. Pages are fetched when they are first needed; loaders only start what a page
// will ask for, so that code and data travel together and the page shows its skeleton meanwhile.
import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent, notFound, Outlet, redirect } from '@tanstack/react-router';
import {
  apiKeysQuery,
  billingProfileQuery,
  invoiceQuery,
  invoicesQuery,
  limitsQuery,
  meQuery,
  mySessionsQuery,
  myOrganizationsQuery,
  operatorOrganizationsQuery,
  permissionsQuery,
  plansQuery,
  productQuery,
  subscriptionQuery,
  upcomingInvoiceQuery,
  usageQuery,
} from '../api/queries';
import type { Session } from '../auth/session';
import { usageRange } from '../pages/usage/range';
import { begin } from '../api/begin';
import { Chrome } from './Chrome';
import { enterOrganization } from './enter-organization';
import { CrashPage, NotFoundPage, PendingPage } from './fallbacks';
import { invoicesSearch, keysSearch, operatorSearch, plansSearch, organizationIn, signInSearch, usageSearch } from './search';

export interface RouterContext {
  queryClient: QueryClient;
  session: Session;
}

const root = createRootRouteWithContext<RouterContext>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, productQuery);
  },
});

/** Pages for people who aren't signed in. Who is, goes on to where they wanted to be. */
const guest = createRoute({
  getParentRoute: () => root,
  id: 'guest',
  validateSearch: signInSearch,
  beforeLoad: async ({ context: { session }, search }) => {
    // A server that can't be asked is no reason to withhold the form: sending it will say so.
    const signedIn = await session.restore().catch(() => false);
    if (signedIn) throw redirect({ href: search.return_to ?? '/', replace: true });
  },
});

const signIn = createRoute({
  getParentRoute: () => guest,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('../pages/sign-in/SignInPage'), 'SignInPage'),
});

const register = createRoute({
  getParentRoute: () => guest,
  path: '/register',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../pages/register/RegisterPage'), 'RegisterPage'),
});

const member = createRoute({
  getParentRoute: () => root,
  id: 'member',
  beforeLoad: async ({ context: { queryClient, session }, location }) => {
    if (!(await session.restore(organizationIn(location.pathname)))) {
      throw redirect({ to: '/sign-in', search: location.pathname === '/' ? {} : { return_to: location.href }, replace: true });
    }
    begin(queryClient, myOrganizationsQuery);
    return { me: await queryClient.query({ ...meQuery, staleTime: 'static' }) };
  },
  component: lazyRouteComponent(() => import('./Shell'), 'Shell'),
});

const home = createRoute({
  getParentRoute: () => member,
  path: '/',
  beforeLoad: ({ context: { me, session } }) => {
    const { organization } = session;
    if (organization !== null) throw redirect({ to: '/o/$org', params: { org: organization.slug }, replace: true });
    if (me.is_operator) throw redirect({ to: '/operator', replace: true });
  },
  component: lazyRouteComponent(() => import('../pages/account/NoOrganizationPage'), 'NoOrganizationPage'),
});

const organization = createRoute({
  getParentRoute: () => member,
  path: '/o/$org',
  beforeLoad: ({ context: { session }, params }) => enterOrganization(session, params.org),
});

const overview = createRoute({
  getParentRoute: () => organization,
  path: '/',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, limitsQuery(org));
    begin(queryClient, apiKeysQuery(org));
    begin(queryClient, subscriptionQuery(org));
    begin(queryClient, usageQuery(org, usageRange('7d')));
  },
  component: lazyRouteComponent(() => import('../pages/overview/OverviewPage'), 'OverviewPage'),
});

const keys = createRoute({
  getParentRoute: () => organization,
  path: '/keys',
  validateSearch: keysSearch,
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, apiKeysQuery(org));
    begin(queryClient, permissionsQuery(org));
  },
  component: lazyRouteComponent(() => import('../pages/keys/KeysPage'), 'KeysPage'),
});

const usage = createRoute({
  getParentRoute: () => organization,
  path: '/usage',
  validateSearch: usageSearch,
  loaderDeps: ({ search }) => ({ range: search.range }),
  loader: ({ context: { queryClient }, params: { org }, deps }) => {
    begin(queryClient, usageQuery(org, usageRange(deps.range ?? '7d')));
  },
  component: lazyRouteComponent(() => import('../pages/usage/UsagePage'), 'UsagePage'),
});

const billing = createRoute({
  getParentRoute: () => organization,
  path: '/billing',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, subscriptionQuery(org));
    begin(queryClient, permissionsQuery(org));
  },
});

const subscription = createRoute({
  getParentRoute: () => billing,
  path: '/',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, plansQuery);
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../pages/billing/SubscriptionPage'), 'SubscriptionPage'),
});

const plans = createRoute({
  getParentRoute: () => billing,
  path: '/plans',
  validateSearch: plansSearch,
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../pages/billing/PlansPage'), 'PlansPage'),
});

const invoices = createRoute({
  getParentRoute: () => billing,
  path: '/invoices',
  validateSearch: invoicesSearch,
  loaderDeps: ({ search }) => ({ statements: search.statements }),
  loader: ({ context: { queryClient }, params: { org }, deps }) => {
    begin(queryClient, invoicesQuery(org, deps.statements ?? false));
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../pages/billing/InvoicesPage'), 'InvoicesPage'),
});

const upcoming = createRoute({
  getParentRoute: () => billing,
  path: '/invoices/upcoming',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../pages/billing/InvoicePage'), 'UpcomingInvoicePage'),
});

const invoice = createRoute({
  getParentRoute: () => billing,
  path: '/invoices/$invoice',
  loader: ({ context: { queryClient }, params }) => {
    begin(queryClient, invoiceQuery(params.org, params.invoice));
  },
  component: lazyRouteComponent(() => import('../pages/billing/InvoicePage'), 'InvoicePage'),
});

const billingProfile = createRoute({
  getParentRoute: () => billing,
  path: '/profile',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, billingProfileQuery(org));
  },
  component: lazyRouteComponent(() => import('../pages/billing/ProfilePage'), 'ProfilePage'),
});

const account = createRoute({
  getParentRoute: () => member,
  path: '/account',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, mySessionsQuery);
  },
  component: lazyRouteComponent(() => import('../pages/account/AccountPage'), 'AccountPage'),
});

const operator = createRoute({
  getParentRoute: () => member,
  path: '/operator',
  validateSearch: operatorSearch,
  beforeLoad: ({ context: { me } }) => {
    // The server decides; this only spares others a page that could show them nothing.
    if (!me.is_operator) throw notFound();
  },
  loaderDeps: ({ search }) => ({ q: search.q }),
  loader: ({ context: { queryClient }, deps }) => {
    begin(queryClient, operatorOrganizationsQuery(deps.q ?? ''));
  },
  component: lazyRouteComponent(() => import('../pages/operator/OrganizationsPage'), 'OrganizationsPage'),
});

const routeTree = root.addChildren([
  guest.addChildren([signIn, register]),
  member.addChildren([home, organization.addChildren([overview, keys, usage, billing.addChildren([subscription, plans, invoices, upcoming, invoice, billingProfile])]), account, operator]),
]);

export function makeRouter(context: RouterContext) {
  return createRouter({
    routeTree,
    context,
    basepath: '/console',
    defaultPreload: 'intent',
    // TanStack Query decides what is fresh.
    defaultPreloadStaleTime: 0,
    defaultPendingMs: 200,
    defaultPendingComponent: PendingPage,
    defaultErrorComponent: CrashPage,
    defaultNotFoundComponent: NotFoundPage,
    scrollRestoration: true,
    InnerWrap: Chrome,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
