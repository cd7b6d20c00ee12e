// Addresses of the operator's area.
import { createRoute, lazyRouteComponent, notFound } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { allOffersQuery, blueprintQuery, healthQuery, operatorOrganizationsQuery, organizationDetailQuery, overviewQuery, testClocksQuery, usersQuery } from '../../api/operator-queries';
import { plansQuery } from '../../api/queries';
import { loadTexts } from '../../i18n/i18n';
import { allOffersSearch, operatorSearch, usageOfAllSearch, usersSearch } from '../search';
import { member } from './root';

export const operator = createRoute({
  getParentRoute: () => member,
  path: '/operator',
  beforeLoad: ({ context: { me } }) => {
    // The server decides; this only spares others pages that could show them nothing.
    if (!me.is_operator) throw notFound();
  },
  // Those of bills too: the operator sees the invoices of others.
  loader: () => loadTexts('operator', 'billing'),
});

export const operatorOverview = createRoute({
  getParentRoute: () => operator,
  path: '/',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, overviewQuery);
    begin(queryClient, healthQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/OverviewPage'), 'OverviewPage'),
});

export const operatorOrganizations = createRoute({
  getParentRoute: () => operator,
  path: '/orgs',
  validateSearch: operatorSearch,
  loaderDeps: ({ search: { q, status, plan } }) => ({ q: q ?? '', status, plan }),
  loader: ({ context: { queryClient }, deps }) => {
    begin(queryClient, operatorOrganizationsQuery(deps));
    begin(queryClient, overviewQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/orgs/OrganizationsPage'), 'OrganizationsPage'),
});

export const operatorOrganization = createRoute({
  getParentRoute: () => operator,
  path: '/orgs/$org',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, organizationDetailQuery(org));
    begin(queryClient, testClocksQuery);
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/orgs/OrganizationPage'), 'OrganizationPage'),
});

export const operatorOffers = createRoute({
  getParentRoute: () => operator,
  path: '/offers',
  validateSearch: allOffersSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context: { queryClient }, deps: { status } }) => {
    begin(queryClient, allOffersQuery(status));
    begin(queryClient, plansQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/offers/OffersPage'), 'OffersPage'),
});

export const operatorBlueprint = createRoute({
  getParentRoute: () => operator,
  path: '/blueprint',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, blueprintQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/blueprint/BlueprintPage'), 'BlueprintPage'),
});

export const operatorHealth = createRoute({
  getParentRoute: () => operator,
  path: '/health',
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, healthQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/HealthPage'), 'HealthPage'),
});

export const operatorUsage = createRoute({
  getParentRoute: () => operator,
  path: '/usage',
  validateSearch: usageOfAllSearch,
  loader: ({ context: { queryClient } }) => {
    begin(queryClient, overviewQuery);
  },
  component: lazyRouteComponent(() => import('../../pages/operator/usage/UsagePage'), 'UsagePage'),
});

export const operatorUsers = createRoute({
  getParentRoute: () => operator,
  path: '/users',
  validateSearch: usersSearch,
  loaderDeps: ({ search: { q } }) => ({ q: q ?? '' }),
  loader: ({ context: { queryClient }, deps: { q } }) => {
    begin(queryClient, usersQuery(q));
  },
  component: lazyRouteComponent(() => import('../../pages/operator/UsersPage'), 'UsersPage'),
});

export const operatorKeys = createRoute({
  getParentRoute: () => operator,
  path: '/keys',
  component: lazyRouteComponent(() => import('../../pages/operator/keys/RevokePage'), 'RevokePage'),
});
