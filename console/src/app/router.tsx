// Every address of the console, typed. Pages are fetched when they are first needed; loaders only start what a page
// will ask for, so that code and data travel together and the page shows its skeleton meanwhile.
import { createRouter } from '@tanstack/react-router';
import { Chrome } from './Chrome';
import { CrashPage, NotFoundPage, PendingPage } from './fallbacks';
import { root, guest, member, type RouterContext } from './routes/root';
import { invitation, signIn, register } from './routes/guest';
import { home, account } from './routes/account';
import { invitations, members, organization, overview, team, teams, projects, allProjects, project, keys, usage, meters, report, explain } from './routes/organization';
import { billing, subscription, plans, offers, invoices, upcoming, invoice, billingProfile } from './routes/billing';
import { operator, operatorOverview, operatorOrganizations, operatorOrganization, operatorUsage, operatorUsers, operatorKeys, operatorOffers, operatorBlueprint, operatorHealth } from './routes/operator';

const ofAnOrganization = [
  overview,
  projects.addChildren([allProjects, project]),
  team.addChildren([members, invitations, teams]),
  keys,
  usage.addChildren([meters, report, explain]),
  billing.addChildren([subscription, plans, offers, invoices, upcoming, invoice, billingProfile]),
] as const;

const routeTree = root.addChildren([
  guest.addChildren([signIn, register]),
  invitation,
  member.addChildren([
    home,
    organization.addChildren(ofAnOrganization),
    account,
    operator.addChildren([operatorOverview, operatorOrganizations, operatorOrganization, operatorUsage, operatorUsers, operatorKeys, operatorOffers, operatorBlueprint, operatorHealth]),
  ]),
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
