// Addresses about what an organization is charged.
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { billingProfileQuery, invoiceQuery, invoicesQuery, offersQuery, permissionsQuery, plansQuery, subscriptionQuery, upcomingInvoiceQuery } from '../../api/queries';
import { loadTexts } from '../../i18n/i18n';
import { invoicesSearch, offersSearch, plansSearch } from '../search';
import { organization } from './organization';

export const billing = createRoute({
  getParentRoute: () => organization,
  path: '/billing',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, subscriptionQuery(org));
    begin(queryClient, permissionsQuery(org));
    return loadTexts('billing');
  },
});

export const subscription = createRoute({
  getParentRoute: () => billing,
  path: '/',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, plansQuery);
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/billing/SubscriptionPage'), 'SubscriptionPage'),
});

export const plans = createRoute({
  getParentRoute: () => billing,
  path: '/plans',
  validateSearch: plansSearch,
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/billing/PlansPage'), 'PlansPage'),
});

export const offers = createRoute({
  getParentRoute: () => billing,
  path: '/offers',
  validateSearch: offersSearch,
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, offersQuery(org));
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/billing/offers/OffersPage'), 'OffersPage'),
});

export const invoices = createRoute({
  getParentRoute: () => billing,
  path: '/invoices',
  validateSearch: invoicesSearch,
  loaderDeps: ({ search }) => ({ statements: search.statements }),
  loader: ({ context: { queryClient }, params: { org }, deps }) => {
    begin(queryClient, invoicesQuery(org, deps.statements ?? false));
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/billing/InvoicesPage'), 'InvoicesPage'),
});

export const upcoming = createRoute({
  getParentRoute: () => billing,
  path: '/invoices/upcoming',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, upcomingInvoiceQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/billing/InvoicePage'), 'UpcomingInvoicePage'),
});

export const invoice = createRoute({
  getParentRoute: () => billing,
  path: '/invoices/$invoice',
  loader: ({ context: { queryClient }, params }) => {
    begin(queryClient, invoiceQuery(params.org, params.invoice));
  },
  component: lazyRouteComponent(() => import('../../pages/billing/InvoicePage'), 'InvoicePage'),
});

export const billingProfile = createRoute({
  getParentRoute: () => billing,
  path: '/profile',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, billingProfileQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/billing/ProfilePage'), 'ProfilePage'),
});
