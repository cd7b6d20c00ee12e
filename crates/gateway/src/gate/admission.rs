//! Admissions: what was reserved for a request, until it is known what the request used.
//!
//! What must always hold: each is settled exactly once, in the log and in the counters alike, and if nobody does it,
//! it does it itself when it goes.

use super::{
    Lane, Marks, Snapshot,
    holding::Held,
    plan::{Plan, amount, pieces},
    quotas::Reservations,
};
use http::{HeaderMap, HeaderValue};
use insula_access::Principal;
use insula_blueprint::{Cost, LastingHold, PermissionSet, Route, RouteHold, RouteIndex};
use insula_identity::Environment;
use insula_kernel::{AdmissionId, Instant, OrgId, ProjectId, TeamId, UserId};
use insula_limits::{Entitlement, Named};
use insula_metering::{
    failpoint::{self, Failpoint},
    log::{Charge, Charges, HOLD_KEY_MAX, HoldOutcome, IntentTicket, Outcome, Settlement, Synced},
};
use serde_json::Value as Json;
use smallvec::SmallVec;
use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
};

/// Who a request was admitted for.
#[derive(Clone, Copy)]
pub(crate) struct Who {
    pub(crate) principal: Principal,
    pub(crate) org: OrgId,
    pub(crate) team: Option<TeamId>,
    pub(crate) project: Option<ProjectId>,
    pub(crate) permissions: PermissionSet,
    pub(crate) environment: Option<Environment>,
}

impl Who {
    /// The person who acts, if one does.
    pub(crate) const fn user(&self) -> Option<UserId> {
        match self.principal {
            Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
            Principal::Key { .. } | Principal::Service { .. } => None,
        }
    }
}

/// How the log writes an environment; 0 is none.
pub(super) const fn environment_code(environment: Environment) -> u8 {
    match environment {
        Environment::Development => 1,
        Environment::Staging => 2,
        Environment::Production => 3,
    }
}

/// How an admitted request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending<'a> {
    /// How. Only [`Outcome::Released`] costs nothing.
    pub outcome: Outcome,
    /// The status that went to the client; 0 if none did.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the reply's body.
    pub bytes_out: u64,
    /// The reply's body, where something of it is to be read and all of it is there.
    pub reply: Option<&'a [u8]>,
}

/// A request that was let through: holds what was reserved for it and its place in the log.
///
/// Dropped without [`Admission::settle`], it settles itself: charged if a byte had reached the upstream, released if
/// not. Boxed, since it is handed on many times and is large.
#[must_use = "an admission that is dropped is settled as if its client had gone away"]
pub struct Admission {
    pub(super) lane: Lane,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) route: RouteIndex,
    pub(super) who: Who,
    pub(super) entitlement: Arc<Entitlement>,
    pub(super) at: Instant,
    pub(super) reservations: Reservations,
    pub(super) held: Option<Held>,
    /// What header fields of the reply said, by charge.
    pub(super) measured: SmallVec<[(usize, i64); 2]>,
    pub(super) ticket: Option<IntentTicket>,
    pub(super) marks: Marks,
    /// Bytes that went out on the connection to the upstream, and how many had before this request.
    pub(super) sent: Option<(Rc<Cell<u64>>, u64)>,
}

impl Admission {
    /// Its id, which is that of the usage event it settles into.
    #[must_use]
    pub fn id(&self) -> Option<AdmissionId> {
        self.ticket.as_ref().map(IntentTicket::admission)
    }

    /// What the reply says of the organization and its limits.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks.clone()
    }

    /// The same, for the reply that they go out with.
    pub(crate) fn take_marks(&mut self) -> Marks {
        std::mem::take(&mut self.marks)
    }

    /// The organization's id as a header value.
    pub(crate) const fn org_header(&self) -> Option<&HeaderValue> {
        self.marks.org.as_ref()
    }

    pub(crate) const fn who(&self) -> &Who {
        &self.who
    }

    pub(crate) const fn entitlement(&self) -> &Arc<Entitlement> {
        &self.entitlement
    }

    pub(crate) fn route(&self) -> Option<&Route> {
        self.snapshot.route(self.route).map(|(route, _)| route)
    }

    pub(crate) const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Ends when the intent is on the disk; `None` once it is settled.
    pub(crate) fn synced(&self) -> Option<Synced> {
        Some(self.lane.writer().borrow().sync_intent(self.ticket.as_ref()?))
    }

    /// Whether something of the reply's body is to be read.
    pub(crate) fn reads_body(&self) -> bool {
        self.snapshot.route(self.route).is_some_and(|(_, plan)| plan.reads_body)
    }

    /// Reads what the head of the reply says of costs.
    pub(crate) fn read_head(&mut self, headers: &HeaderMap) {
        let snapshot = Arc::clone(&self.snapshot);
        let Some((_, plan)) = snapshot.route(self.route) else { return };
        for (charge, (meter, cost)) in plan.charges.iter().enumerate() {
            let Cost::ReplyHeader { name, .. } = cost else { continue };
            let said = headers.get(name.as_str()).and_then(|value| value.to_str().ok());
            let quantity = said.and_then(|text| self.quantity(*meter, text.trim()));
            self.measured.extend(quantity.map(|quantity| (charge, quantity)));
        }
    }

    /// Names the counter of bytes that go out on the connection which the request is about to be sent on.
    pub(crate) fn sending(&mut self, written: &Rc<Cell<u64>>) {
        self.sent = Some((Rc::clone(written), written.get()));
    }

    /// Whether a byte of the request has reached an upstream.
    pub(crate) fn has_reached_upstream(&self) -> bool {
        self.sent.as_ref().is_some_and(|(written, before)| written.get() > *before)
    }

    /// Writes to the log what became of the request, and keeps or releases what was reserved for it.
    pub fn settle(mut self: Box<Self>, ending: &Ending<'_>) {
        self.end(ending);
    }

    fn end(&mut self, ending: &Ending<'_>) {
        if self.ticket.is_none() {
            return;
        }
        let released = ending.outcome == Outcome::Released;
        let snapshot = Arc::clone(&self.snapshot);
        let reply = ending.reply.and_then(|body| serde_json::from_slice::<Json>(body).ok());
        let now = self.lane.now();
        let mut used: SmallVec<[Charge<'_>; 4]> = SmallVec::new();
        if let Some((_, plan)) = snapshot.route(self.route).filter(|_| !released) {
            used = self.charges(plan, ending, reply.as_ref(), &snapshot);
        }
        for (charge, reservation) in self.reservations.drain(..) {
            if let Some(charge) = used.get(charge) {
                reservation.settle(charge.quantity);
            }
        }
        let route = snapshot.route(self.route).map(|(route, _)| route);
        let (hold, hold_key) = self.end_hold(route, ending, reply.as_ref(), now);
        let settlement = Settlement {
            at: now,
            status: ending.status,
            outcome: ending.outcome,
            bytes_in: ending.bytes_in,
            bytes_out: ending.bytes_out,
            duration_us: u64::try_from(now.saturating_since(self.at).as_micros()).unwrap_or(0),
            used: Charges::from(&*used),
            hold,
            hold_key: hold_key.as_deref(),
        };
        failpoint::reached(Failpoint::RequestCounted);
        let Some(ticket) = self.ticket.take() else { return };
        self.lane.counts().ended();
        let admission = ticket.admission();
        let settled = match self.lane.writer().try_borrow_mut() {
            Ok(mut writer) => writer.settle(ticket, &settlement).map_err(|unsettled| unsettled.to_string()),
            Err(busy) => Err(busy.to_string()),
        };
        if let Err(error) = settled {
            // The intent stays open: the next start of the process charges it as reserved.
            tracing::error!(admission = %admission, error, "a settlement was not recorded");
        }
        failpoint::reached(Failpoint::RequestSettled);
    }

    /// What the request is charged, by the positions of its route's charges.
    fn charges<'s>(
        &self,
        plan: &Plan,
        ending: &Ending<'_>,
        reply: Option<&Json>,
        snapshot: &'s Snapshot,
    ) -> SmallVec<[Charge<'s>; 4]> {
        let meters = snapshot.compiled.meters();
        let charge = |(place, (meter, cost)): (usize, &(usize, Cost))| {
            let quantity = match cost {
                Cost::Fixed(fixed) => amount(*fixed),
                Cost::Bytes { of, per, .. } => pieces(*of, *per, ending.bytes_in, ending.bytes_out),
                Cost::ReplyHeader { reserve, .. } => {
                    let said = self.measured.iter().find(|(measured, _)| *measured == place);
                    said.map_or(amount(*reserve), |(_, quantity)| *quantity)
                }
                Cost::ReplyJson { at, reserve } => {
                    let said = reply.and_then(|reply| at.find(reply)).and_then(|value| match value {
                        Json::Number(number) => self.quantity(*meter, &number.to_string()),
                        Json::String(text) => self.quantity(*meter, text),
                        _ => None,
                    });
                    said.unwrap_or(amount(*reserve))
                }
            };
            let meter = meters.get(*meter).map_or("", |meter| meter.name.as_str());
            Charge::add(meter, quantity)
        };
        plan.charges.iter().enumerate().map(charge).collect()
    }

    /// A quantity that an upstream said; nothing for what is none, or less than none.
    fn quantity(&self, meter: usize, said: &str) -> Option<i64> {
        let scale = self.snapshot.compiled.meters().get(meter)?.scale;
        let quantity = insula_kernel::Quantity::parse(said, scale).ok()?.units();
        (quantity >= 0).then_some(quantity)
    }

    /// Ends what the request held, or lets it go on under the name that the reply gives it.
    ///
    /// Whether something was begun is known from a reply of the kind 2xx. Where there is none, because somebody went
    /// away, it may have been: then it is held for its time to live, since a limit may refuse early but not let one too
    /// many through. Without a time to live that would be for ever, so such a hold ends.
    fn end_hold(
        &mut self,
        route: Option<&Route>,
        ending: &Ending<'_>,
        reply: Option<&Json>,
        now: Instant,
    ) -> (HoldOutcome, Option<String>) {
        let Some(held) = self.held.take() else { return (HoldOutcome::None, None) };
        let Some(Route { hold: Some(RouteHold { lasting: Some(lasting), .. }), .. }) = route else {
            return (HoldOutcome::Released, None);
        };
        let LastingHold { key, until, ttl } = lasting;
        let begun = match ending.outcome {
            Outcome::Completed => (200..300).contains(&ending.status),
            Outcome::Released => false,
            Outcome::ClientGone | Outcome::UpstreamFailed | Outcome::TimedOut => true,
        };
        let name = reply.and_then(|reply| key.find(reply)).and_then(hold_key);
        if !begun || (name.is_none() && ttl.is_none()) {
            return (HoldOutcome::Released, None);
        }
        if name.is_none() && ending.outcome == Outcome::Completed {
            tracing::warn!(
                route = route.map(|route| route.pattern.as_str()),
                "a reply doesn't name what is held"
            );
        }
        match held.keep(now, name.as_deref(), until.as_deref().map(Arc::from)) {
            Named::Kept => (HoldOutcome::Kept, name),
            Named::Ended | Named::Known(_) | Named::Gone => (HoldOutcome::Released, name),
        }
    }
}

/// The name of what is held, as a reply or an event says it.
fn hold_key(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= HOLD_KEY_MAX).then_some(text)
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let reached = self.has_reached_upstream();
            let outcome = if reached { Outcome::ClientGone } else { Outcome::Released };
            let ending = Ending { outcome, status: 0, bytes_in: 0, bytes_out: 0, reply: None };
            // Where a panic brings it here, a second one must not end the process.
            if catch_unwind(AssertUnwindSafe(|| self.end(&ending))).is_err() {
                tracing::error!("a settlement was not recorded");
            }
        }
    }
}
