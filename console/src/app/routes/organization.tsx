// Addresses of an organization.
import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { begin } from '../../api/begin';
import { METER_OF_REQUESTS } from '../../api/operations/usage';
import { apiKeysQuery, explanationQuery, invitationsQuery, limitsQuery, membersQuery, permissionsQuery, projectQuery, projectsQuery, subscriptionQuery, teamsQuery, usageQuery, usageReportQuery } from '../../api/queries';
import { usageRange } from '../../pages/usage/range';
import { enterOrganization } from '../enter-organization';
import { explainSearch, keysSearch, membersSearch, projectSearch, projectsSearch, reportSearch, usageSearch } from '../search';
import { member } from './root';

export const organization = createRoute({
  getParentRoute: () => member,
  path: '/o/$org',
  beforeLoad: ({ context: { session }, params }) => enterOrganization(session, params.org),
});

export const overview = createRoute({
  getParentRoute: () => organization,
  path: '/',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, limitsQuery(org));
    begin(queryClient, apiKeysQuery(org));
    begin(queryClient, subscriptionQuery(org));
    begin(queryClient, usageQuery(org, usageRange('7d')));
  },
  component: lazyRouteComponent(() => import('../../pages/overview/OverviewPage'), 'OverviewPage'),
});

export const projects = createRoute({
  getParentRoute: () => organization,
  path: '/projects',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, permissionsQuery(org));
    begin(queryClient, teamsQuery(org));
  },
});

export const allProjects = createRoute({
  getParentRoute: () => projects,
  path: '/',
  validateSearch: projectsSearch,
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, projectsQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/projects/ProjectsPage'), 'ProjectsPage'),
});

export const project = createRoute({
  getParentRoute: () => projects,
  path: '/$project',
  validateSearch: projectSearch,
  loader: ({ context: { queryClient }, params }) => {
    begin(queryClient, projectQuery(params.org, params.project));
    begin(queryClient, usageReportQuery(params.org));
  },
  component: lazyRouteComponent(() => import('../../pages/projects/ProjectPage'), 'ProjectPage'),
});

export const keys = createRoute({
  getParentRoute: () => organization,
  path: '/keys',
  validateSearch: keysSearch,
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, apiKeysQuery(org));
    for (const query of [permissionsQuery(org), projectsQuery(org), limitsQuery(org)]) begin(queryClient, query);
  },
  component: lazyRouteComponent(() => import('../../pages/keys/KeysPage'), 'KeysPage'),
});

export const team = createRoute({
  getParentRoute: () => organization,
  path: '/team',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, permissionsQuery(org));
    begin(queryClient, membersQuery(org));
  },
});

export const members = createRoute({
  getParentRoute: () => team,
  path: '/',
  validateSearch: membersSearch,
  component: lazyRouteComponent(() => import('../../pages/team/MembersPage'), 'MembersPage'),
});

export const invitations = createRoute({
  getParentRoute: () => team,
  path: '/invitations',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, invitationsQuery(org));
    begin(queryClient, teamsQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/team/InvitationsPage'), 'InvitationsPage'),
});

export const teams = createRoute({
  getParentRoute: () => team,
  path: '/teams',
  loader: ({ context: { queryClient }, params: { org } }) => {
    begin(queryClient, teamsQuery(org));
  },
  component: lazyRouteComponent(() => import('../../pages/team/TeamsPage'), 'TeamsPage'),
});

export const usage = createRoute({ getParentRoute: () => organization, path: '/usage' });

export const meters = createRoute({
  getParentRoute: () => usage,
  path: '/',
  validateSearch: usageSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context: { queryClient }, params: { org }, deps }) => {
    begin(queryClient, usageReportQuery(org));
    begin(queryClient, limitsQuery(org));
    const of = { meter: deps.meter ?? METER_OF_REQUESTS, group_by: deps.group, project: deps.project };
    begin(queryClient, usageQuery(org, usageRange(deps.range ?? '7d', deps.window), of));
  },
  component: lazyRouteComponent(() => import('../../pages/usage/UsagePage'), 'UsagePage'),
});

export const report = createRoute({
  getParentRoute: () => usage,
  path: '/report',
  validateSearch: reportSearch,
  component: lazyRouteComponent(() => import('../../pages/usage/ReportPage'), 'ReportPage'),
});

export const explain = createRoute({
  getParentRoute: () => usage,
  path: '/explain',
  validateSearch: explainSearch,
  loaderDeps: ({ search }) => search,
  loader: ({ context: { queryClient }, params: { org }, deps: { request } }) => {
    if (request !== undefined) begin(queryClient, explanationQuery(org, request));
  },
  component: lazyRouteComponent(() => import('../../pages/usage/ExplainPage'), 'ExplainPage'),
});
