//! The decision on a request that is meant for an upstream, in its fixed order.

use super::{
    Admission, Gate, Identified, Lane, Marks, Refusal, Snapshot,
    admission::Who,
    plan::{Plan, amount},
    project::named_project,
    quotas::{Checks, Purse},
    rates::Asker,
    refusals::RefusedRequest,
};
use crate::{errors, headers::X_USER_ID};
use http::{HeaderMap, HeaderValue, header};
use insula_access::Principal;
use insula_blueprint::{LastingHold, PermissionSet, Route, RouteIndex};
use insula_kernel::{AdmissionId, Error, HoldId, Instant, OrgId, RequestId, Result};
use insula_limits::{Entitlement, Standing, Subject, Subjects};
use insula_metering::{
    failpoint::{self, Failpoint},
    log::{Charge, Charges, Check, HoldIntent, Intent, IntentTicket},
};
use insula_tenancy::LiveOrganization;
use insula_web::Credential;
use smallvec::SmallVec;
use std::{net::IpAddr, sync::Arc};

/// A request, as far as the decision needs it.
#[derive(Clone, Copy)]
pub struct Asked<'r> {
    /// The request; its admission has the same digits.
    pub id: RequestId,
    /// When it came.
    pub now: Instant,
    /// The address it came from.
    pub peer: IpAddr,
    /// Its header fields as they were sent.
    pub headers: &'r HeaderMap,
    /// The organization its host names, by slug. It is a candidate only: the credential decides.
    pub slug: Option<&'r str>,
}

impl Gate {
    /// Lets a request through to the upstream of a route, or says why not: authenticate, resolve the tenant,
    /// authorize, rate limit, quota, holds, validate, and note the intent in the log. A later step that refuses gives
    /// back what earlier ones reserved.
    ///
    /// # Errors
    /// The refusal, with what the reply can say of the organization and its limits.
    pub fn admit(
        &self,
        lane: &Lane,
        snapshot: &Arc<Snapshot>,
        route: RouteIndex,
        asked: &Asked<'_>,
    ) -> Result<Box<Admission>, Refusal> {
        let (declared, plan) = snapshot.route(route).ok_or_else(|| Error::not_found("route"))?;
        let prefix = &snapshot.compiled.product().key_prefix;
        let identified = self
            .identify(lane, prefix, asked.headers, asked.peer, asked.now)?
            .ok_or_else(errors::unauthenticated)?;
        let organization = self.tenant_of(&identified.credential, asked)?;
        let refused = |error: &Error, standing: Option<&Standing<'_>>| {
            let principal = identified.credential.principal;
            let tenant = snapshot.tenants.get(&organization.id);
            let at = tenant.map_or(asked.now, |tenant| tenant.time(asked.now));
            let request = RefusedRequest::new(asked.id, at, &plan.name, principal, error, standing);
            self.refusals.note(organization.id, request);
        };
        let who = self
            .authorize(snapshot, declared, &identified, &organization, asked)
            .inspect_err(|error| refused(error, None))?;
        let tenant = snapshot.tenants.get(&who.org).ok_or_else(errors::limits_unavailable)?;
        let entitlement = tenant.entitlement.clone().ok_or_else(errors::limits_unavailable)?;
        let mut marks = Marks::of(tenant.header.clone());
        let case = Case {
            snapshot,
            route: declared,
            plan,
            subjects: who.subjects(),
            identified: &identified,
            entitlement: &entitlement,
            asked,
        };
        let purse = case.purse(self, &tenant);
        let reserved = self.reserve(&case, &purse);
        if let Some(remaining) = purse.headline() {
            marks.note_remaining(remaining);
        }
        let Reserved { reservations, held, standing, checks } = match reserved {
            Ok(reserved) => reserved,
            Err((error, standing)) => {
                refused(&error, standing.as_ref());
                if let Some(standing) = &standing {
                    marks.note(lane, standing);
                }
                return Err(Refusal::from(error).marked(marks));
            }
        };
        if let Some(standing) = &standing {
            marks.note(lane, standing);
        }
        // Whole before the intent is noted: from then on whatever happens is settled.
        let mut admission = Box::new(Admission {
            lane: lane.clone(),
            snapshot: Arc::clone(snapshot),
            route,
            who,
            entitlement: Arc::clone(&entitlement),
            at: asked.now,
            reservations,
            held,
            measured: SmallVec::new(),
            ticket: None,
            marks,
            sent: None,
        });
        failpoint::reached(Failpoint::RequestReserved);
        match validate(asked.headers, declared).and_then(|()| intend(lane, &case, &who, &checks)) {
            Ok(ticket) => {
                admission.ticket = Some(ticket);
                lane.counts().admitted();
            }
            Err(error) => {
                refused(&error, None);
                return Err(Refusal::from(error).marked(admission.marks()));
            }
        }
        failpoint::reached(Failpoint::RequestNoted);
        Ok(admission)
    }

    /// Takes what the request needs out of every limit, or nothing out of any but rates that stand before the one that
    /// refuses.
    fn reserve<'s>(&self, case: &Case<'s, '_>, purse: &Purse<'s, '_>) -> Result<Reserved<'s>, Stopped<'s>> {
        let Case { snapshot, route, plan, subjects, identified, entitlement, asked } = case;
        if let Some(error) = errors::unserved(entitlement.service) {
            return Err((error, None));
        }
        if let Some(feature) = route.feature.as_deref().filter(|feature| !entitlement.has(feature)) {
            return Err((errors::feature_missing(feature), None));
        }
        let said = |(error, standing)| (error, Some(standing));
        let key = identified.key.as_deref();
        let asker = Asker { subjects, key, entitlement, now: asked.now };
        let groups = plan.rates.iter().filter_map(|&place| snapshot.rates.get(place));
        let rate = self.count_rates(snapshot, groups, &asker).map_err(said)?;
        let mut checks = Checks::new();
        let taken = purse.reserve(plan, &mut checks).map_err(said)?;
        let (held, hold) = match &route.hold {
            None => (None, None),
            Some(hold) => {
                let ttl = hold.lasting.as_ref().and_then(|lasting| lasting.ttl);
                let id = HoldId::from_uuid(asked.id.uuid());
                let begun = self.hold(id, snapshot, hold.limit.get(), ttl, &asker, &mut checks);
                let (held, standing) = begun.map_err(said)?;
                (Some(held), standing)
            }
        };
        // A rate says nothing where something of a longer breath does, as long as that is there.
        let slow = [taken.standing, hold].into_iter().flatten().reduce(Standing::strictest);
        Ok(Reserved { reservations: taken.reservations, held, standing: slow.or(rate), checks })
    }

    /// Counts a request to the API against the rates of who sends it.
    pub(crate) fn count_api_request(
        &self,
        snapshot: &Snapshot,
        identified: &Identified,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(org) = identified.credential.organization else { return Ok(()) };
        let Some(tenant) = snapshot.tenants.get(&org) else { return Ok(()) };
        let Some(entitlement) = tenant.entitlement.as_deref() else { return Ok(()) };
        let key = identified.key.as_deref();
        let subjects = Subjects {
            org,
            team: key.and_then(|key| key.team),
            project: key.and_then(|key| key.project),
            credential: credential_of(identified.credential.principal, org),
        };
        let asker = Asker { subjects: &subjects, key, entitlement, now };
        // Rates of single routes are for what upstreams answer.
        let groups = snapshot.rates.iter().filter(|group| group.routes.is_empty());
        self.count_rates(snapshot, groups, &asker).map(drop).map_err(|(error, _)| error.into())
    }

    /// That nothing in a request to Insula's own API, by a route, names another organization or user than the credential
    /// is for. A credential for no organization, such as of the operator's staff, contradicts any that is named.
    pub(crate) fn confirm(&self, credential: &Credential, asked: &Asked<'_>) -> Result<()> {
        if credential.organization.is_none()
            && asked.slug.is_none()
            && !asked.headers.contains_key(super::marks::X_ORG_ID)
        {
            return Ok(());
        }
        self.tenant_of(credential, asked).map(drop).map_err(|_| errors::tenant_mismatch())
    }

    /// Whether what was admitted would be admitted still, as far as who asks is concerned: for what goes on after it was let
    /// through.
    pub(crate) fn still_admits(&self, admission: &Admission, now: Instant) -> bool {
        let (who, snapshot) = (admission.who(), admission.snapshot());
        let is_served = self.organizations.get(who.org).is_some_and(|org| org.status.serves());
        let tenant = self.snapshot().tenants.get(&who.org);
        let entitlement = tenant.as_ref().and_then(|tenant| tenant.entitlement.as_ref());
        let is_paid = entitlement.is_some_and(|entitlement| errors::unserved(entitlement.service).is_none());
        let permissions = match who.principal {
            Principal::Key { key } => {
                let key = self.identities.key(key).filter(|key| key.expires_at.is_none_or(|end| now < end));
                key.map(|key| key.scopes.under(&snapshot.compiled))
            }
            Principal::User { user, session } | Principal::Operator { user, session } => {
                let role =
                    self.identities.role(who.org, user).filter(|_| !self.identities.has_ended(session));
                role.and_then(|role| snapshot.compiled.role(&role))
            }
            Principal::Service { .. } => None,
        };
        let needed = admission.route().and_then(|route| route.permission);
        let is_permitted = permissions.is_some_and(|all| needed.is_none_or(|needed| all.contains(needed)));
        is_served && is_paid && is_permitted
    }

    /// The organization of the credential, if nothing in the request names another.
    fn tenant_of(&self, credential: &Credential, asked: &Asked<'_>) -> Result<Arc<LiveOrganization>> {
        let org = credential.organization.ok_or_else(errors::tenant_missing)?;
        let organization = self.organizations.get(org).ok_or_else(errors::tenant_mismatch)?;
        if asked.slug.is_some_and(|slug| *slug != *organization.slug) {
            return Err(errors::tenant_mismatch());
        }
        let names_it = |claim: &HeaderValue| {
            claim.to_str().is_ok_and(|claim| *claim == *organization.slug || claim.parse() == Ok(org))
        };
        if !asked.headers.get_all(super::marks::X_ORG_ID).iter().all(names_it) {
            return Err(errors::tenant_mismatch());
        }
        let user = match credential.principal {
            Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
            Principal::Key { .. } | Principal::Service { .. } => None,
        };
        let is_theirs = |claim: &HeaderValue| {
            claim.to_str().is_ok_and(|claim| claim.parse().is_ok_and(|claim| Some(claim) == user))
        };
        if !asked.headers.get_all(X_USER_ID).iter().all(is_theirs) {
            return Err(errors::tenant_mismatch());
        }
        Ok(organization)
    }

    fn authorize(
        &self,
        snapshot: &Snapshot,
        route: &Route,
        identified: &Identified,
        organization: &LiveOrganization,
        asked: &Asked<'_>,
    ) -> Result<Who> {
        let principal = identified.credential.principal;
        let (permissions, environment) = match (&identified.key, principal) {
            (Some(key), _) => (key.scopes.under(&snapshot.compiled), Some(key.environment)),
            (None, Principal::User { user, .. } | Principal::Operator { user, .. }) => {
                let role = self.identities.role(organization.id, user).ok_or_else(errors::tenant_mismatch)?;
                (snapshot.compiled.role(&role).unwrap_or(PermissionSet::EMPTY), None)
            }
            (None, _) => return Err(errors::key_invalid()),
        };
        if !organization.status.serves() {
            return Err(errors::organization_suspended());
        }
        if let Some(needed) = route.permission.filter(|needed| !permissions.contains(*needed)) {
            return Err(errors::denied(snapshot.compiled.permissions().name(needed)));
        }
        let (project, team) = named_project(&self.organizations, organization.id, identified, asked.headers)?;
        Ok(Who { principal, org: organization.id, team, project, permissions, environment })
    }
}

/// The credential itself, as one that limits count for.
fn credential_of(principal: Principal, org: OrgId) -> Option<Subject> {
    match principal {
        Principal::Key { key } => Some(Subject::Key(key)),
        Principal::User { user, .. } | Principal::Operator { user, .. } => Some(Subject::Member(org, user)),
        Principal::Service { .. } => None,
    }
}

impl Who {
    fn subjects(&self) -> Subjects {
        let Self { principal, org, team, project, .. } = *self;
        Subjects { org, team, project, credential: credential_of(principal, org) }
    }
}

/// A request with everything that decides on it.
struct Case<'s, 'a> {
    snapshot: &'s Snapshot,
    route: &'s Route,
    plan: &'s Plan,
    subjects: Subjects,
    identified: &'a Identified,
    entitlement: &'a Entitlement,
    asked: &'a Asked<'a>,
}

impl<'s> Case<'s, '_> {
    fn purse<'a>(&'a self, gate: &'a Gate, tenant: &'a super::snapshot::Tenant) -> Purse<'s, 'a> {
        Purse {
            gate,
            snapshot: self.snapshot,
            tenant,
            entitlement: self.entitlement,
            subjects: &self.subjects,
            key: self.identified.key.as_deref(),
            now: self.entitlement.time(self.asked.now),
        }
    }
}

/// What was taken for a request.
struct Reserved<'s> {
    reservations: super::quotas::Reservations,
    held: Option<super::holding::Held>,
    standing: Option<Standing<'s>>,
    checks: Checks,
}

/// Why nothing was taken, and where the client stands with what refused it.
type Stopped<'s> = (Error, Option<Standing<'s>>);

/// What can be seen of the body before it comes.
fn validate(headers: &HeaderMap, route: &Route) -> Result<()> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > route.max_body) {
        return Err(errors::too_large(route.max_body));
    }
    Ok(())
}

fn intend(lane: &Lane, case: &Case<'_, '_>, who: &Who, checks: &Checks) -> Result<IntentTicket> {
    let Case { snapshot, route, plan, asked, entitlement, .. } = case;
    let meters = snapshot.compiled.meters();
    let reserved: SmallVec<[Charge<'_>; 4]> = plan
        .charges
        .iter()
        .filter_map(|(meter, cost)| {
            let meter = meters.get(*meter)?.name.as_str();
            Some(Charge::add(meter, amount(cost.reserve())))
        })
        .collect();
    let checks: SmallVec<[Check; 4]> = checks
        .iter()
        .map(|checked| Check {
            limit: u16::try_from(checked.limit).unwrap_or(u16::MAX),
            kind: 0,
            used: checked.used,
            bound: Some(checked.bound),
        })
        .collect();
    let hold = route.hold.as_ref().map(|hold| HoldIntent {
        limit: snapshot.limit_name(hold.limit.get()),
        until: hold.lasting.as_ref().and_then(|lasting| lasting.until.as_deref()),
        // What is held lasts by the real time, and `at` is the organization's.
        ttl_us: (hold.lasting.as_ref()).and_then(|LastingHold { ttl, .. }| {
            Some(ttl.as_ref()?.as_micros() - entitlement.clock.as_micros())
        }),
    });
    let key = match who.principal {
        Principal::Key { key } => Some(key),
        _ => None,
    };
    let intent = Intent {
        admission: AdmissionId::from_uuid(asked.id.uuid()),
        org: who.org,
        project: who.project,
        team: who.team,
        key,
        user: who.user(),
        environment: who.environment.map_or(0, super::admission::environment_code),
        blueprint: snapshot.number,
        route: &plan.name,
        at: entitlement.time(asked.now),
        reserved: Charges::from(&*reserved),
        checks: (&*checks).into(),
        hold,
    };
    Ok(lane.writer().borrow_mut().intent(&intent)?)
}
