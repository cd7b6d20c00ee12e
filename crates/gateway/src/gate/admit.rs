//! The decision on a request that is meant for an upstream, in its fixed order.

use super::{
    Admission, Gate, Identified, Lane, Marks, Refusal, Snapshot,
    admission::{Reservations, Who},
    rates::Asker,
    snapshot::{Plan, Tenant},
};
use crate::{errors, headers::X_USER_ID};
use http::{HeaderMap, HeaderValue, header};
use insula_access::Principal;
use insula_blueprint::{PermissionSet, Route, RouteIndex};
use insula_kernel::{AdmissionId, Error, Instant, OrgId, RequestId, Result};
use insula_limits::{Entitlement, Standing, Usage};
use insula_metering::log::{Charges, Intent, IntentTicket};
use insula_tenancy::LiveOrganization;
use insula_web::Credential;
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
    /// authorize, rate limit, quota, validate, and note the intent in the log. A later step that refuses gives back
    /// what earlier ones reserved.
    ///
    /// # Errors
    /// The refusal, with what the reply can say of the organization and its limits.
    pub fn admit(
        &self,
        lane: &Lane,
        snapshot: &Arc<Snapshot>,
        route: RouteIndex,
        asked: &Asked<'_>,
    ) -> Result<Admission, Refusal> {
        let (declared, plan) = snapshot.route(route).ok_or_else(|| Error::not_found("route"))?;
        let prefix = &snapshot.compiled.product().key_prefix;
        let identified = self
            .identify(lane, prefix, asked.headers, asked.peer, asked.now)?
            .ok_or_else(errors::unauthenticated)?;
        let organization = self.tenant_of(&identified.credential, asked)?;
        let who = self.authorize(snapshot, declared, &identified, &organization)?;
        let tenant = snapshot.tenants.get(&who.org).ok_or_else(errors::limits_unavailable)?;
        let entitlement = tenant.entitlement.as_deref().ok_or_else(errors::limits_unavailable)?;
        let mut marks = Marks::of(tenant.header.clone());
        let own = identified.key.as_deref().and_then(|key| key.rate);
        let rate = match self.rates.check(who.asker(), snapshot, entitlement, own, asked.now) {
            Ok(standing) => standing,
            Err((error, standing)) => {
                marks.note(lane, &standing);
                return Err(Refusal::from(error).marked(marks));
            }
        };
        let purse = Purse { snapshot, tenant: &tenant, entitlement, now: asked.now };
        let reserved = purse.reserve(plan);
        if let Some(remaining) = purse.headline() {
            marks.note_remaining(remaining);
        }
        let reservations = match reserved {
            Ok((reservations, standing)) => {
                if let Some(standing) = standing.or(rate) {
                    marks.note(lane, &standing);
                }
                reservations
            }
            Err((error, standing)) => {
                marks.note(lane, &standing);
                return Err(Refusal::from(error).marked(marks));
            }
        };
        if let Err(error) = validate(asked.headers, declared) {
            return Err(Refusal::from(error).marked(marks));
        }
        let ticket = match intend(lane, snapshot, plan, &who, asked) {
            Ok(ticket) => ticket,
            Err(error) => return Err(Refusal::from(error).marked(marks)),
        };
        Ok(Admission {
            lane: lane.clone(),
            snapshot: Arc::clone(snapshot),
            route,
            who,
            at: asked.now,
            reservations,
            ticket: Some(ticket),
            marks,
            sent: None,
        })
    }

    /// Counts a request to the API against the rate of who sends it.
    pub(crate) fn count_api_request(&self, identified: &Identified, now: Instant) -> Result<(), Refusal> {
        let Some(org) = identified.credential.organization else { return Ok(()) };
        let snapshot = self.snapshot();
        let Some(tenant) = snapshot.tenants.get(&org) else { return Ok(()) };
        let Some(entitlement) = tenant.entitlement.as_deref() else { return Ok(()) };
        let asker = asker(identified.credential.principal, org);
        let own = identified.key.as_deref().and_then(|key| key.rate);
        self.rates.check(asker, &snapshot, entitlement, own, now).map(drop).map_err(|(error, _)| error.into())
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
            Principal::Key { .. } => None,
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
    ) -> Result<Who> {
        let principal = identified.credential.principal;
        let (permissions, environment) = match (&identified.key, principal) {
            (Some(key), _) => (key.scopes.under(&snapshot.compiled), Some(key.environment)),
            (None, Principal::User { user, .. } | Principal::Operator { user, .. }) => {
                let role = self.identities.role(organization.id, user).ok_or_else(errors::tenant_mismatch)?;
                (snapshot.compiled.role(&role).unwrap_or(PermissionSet::EMPTY), None)
            }
            (None, Principal::Key { .. }) => return Err(errors::key_invalid()),
        };
        if !organization.status.serves() {
            return Err(errors::organization_suspended());
        }
        if let Some(needed) = route.permission.filter(|needed| !permissions.contains(*needed)) {
            return Err(errors::denied(snapshot.compiled.permissions().name(needed)));
        }
        Ok(Who { principal, org: organization.id, permissions, environment })
    }
}

fn asker(principal: Principal, org: OrgId) -> Asker {
    match principal {
        Principal::Key { key } => Asker::Key(key),
        Principal::User { user, .. } | Principal::Operator { user, .. } => Asker::Member(org, user),
    }
}

impl Who {
    fn asker(&self) -> Asker {
        asker(self.principal, self.org)
    }
}

/// Where the quotas of a request are taken from.
struct Purse<'s> {
    snapshot: &'s Snapshot,
    tenant: &'s Tenant,
    entitlement: &'s Entitlement,
    now: Instant,
}

impl<'s> Purse<'s> {
    /// Takes what the route counts out of every quota; with where the client then stands against the strictest of
    /// them, or against the one that has no room.
    fn reserve(&self, plan: &Plan) -> Result<(Reservations, Option<Standing<'s>>), (Error, Standing<'s>)> {
        let mut reservations = Reservations::new();
        let mut strictest: Option<Standing<'s>> = None;
        for &(at, amount) in &plan.counts {
            let (Some(slot), Some(counter)) = (self.snapshot.slots.get(at), self.tenant.counters.get(at))
            else {
                continue;
            };
            let bound = self.snapshot.bound(slot, self.entitlement);
            let name = bound.map_or("limit", |(_, limit)| self.snapshot.limit_name(limit));
            let most = bound.map_or(i64::MAX, |(bound, _)| bound);
            let reservation = counter.reserve(self.now, amount, most).map_err(|exceeded| {
                let usage = Usage { used: exceeded.used, resets_at: exceeded.resets_at };
                let standing = Standing::of_quota(name, slot.window, most, usage, self.now);
                (errors::quota_exhausted(name, most, standing.reset_after), standing)
            })?;
            if bound.is_some() {
                let standing = Standing::of_quota(name, slot.window, most, reservation.usage(), self.now);
                strictest = Some(strictest.map_or(standing, |other| other.strictest(standing)));
            }
            reservations.push(reservation);
        }
        Ok((reservations, strictest))
    }

    /// What is left of the limit that is shown; `None` if nothing bounds it.
    fn headline(&self) -> Option<i64> {
        let limit = self.snapshot.compiled.product().headline_limit?;
        let bound = self.entitlement.bound(limit.get())?;
        let counter = self.tenant.counters.get(self.snapshot.slot_of(limit)?)?;
        Some(bound.saturating_sub(counter.snapshot(self.now).used))
    }
}

/// What can be seen of the body before it comes.
fn validate(headers: &HeaderMap, route: &Route) -> Result<()> {
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > route.max_body) {
        return Err(errors::too_large(route.max_body));
    }
    Ok(())
}

fn intend(
    lane: &Lane,
    snapshot: &Snapshot,
    plan: &Plan,
    who: &Who,
    asked: &Asked<'_>,
) -> Result<IntentTicket> {
    let charges = snapshot.charges(plan);
    let key = match who.principal {
        Principal::Key { key } => Some(key),
        Principal::User { .. } | Principal::Operator { .. } => None,
    };
    let admission = AdmissionId::from_uuid(asked.id.uuid());
    let intent = Intent {
        key,
        user: who.user(),
        reserved: Charges::from(&*charges),
        ..Intent::new(admission, who.org, &plan.name, asked.now)
    };
    Ok(lane.writer().borrow_mut().intent(&intent)?)
}
