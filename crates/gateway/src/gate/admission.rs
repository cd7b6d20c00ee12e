//! Admissions: what was reserved for a request, until it is known what the request used.
//!
//! What must always hold: each is settled exactly once, in the log and in the counters alike, and if nobody does it,
//! it does it itself when it goes.

use super::{Lane, Marks, Snapshot};
use http::HeaderValue;
use insula_access::Principal;
use insula_blueprint::{PermissionSet, RouteIndex};
use insula_identity::Environment;
use insula_kernel::{AdmissionId, Instant, OrgId, UserId};
use insula_limits::Reservation;
use insula_metering::log::{Charges, IntentTicket, Outcome, Settlement};
use smallvec::SmallVec;
use std::{cell::Cell, rc::Rc, sync::Arc};

/// What was taken out of quotas for one request.
pub(super) type Reservations = SmallVec<[Reservation; 2]>;

/// Who a request was admitted for.
#[derive(Clone, Copy)]
pub(crate) struct Who {
    pub(crate) principal: Principal,
    pub(crate) org: OrgId,
    pub(crate) permissions: PermissionSet,
    pub(crate) environment: Option<Environment>,
}

impl Who {
    /// The person who acts, if one does.
    pub(crate) const fn user(&self) -> Option<UserId> {
        match self.principal {
            Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
            Principal::Key { .. } => None,
        }
    }
}

/// How an admitted request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// How. Only [`Outcome::Released`] costs nothing.
    pub outcome: Outcome,
    /// The status that went to the client; 0 if none did.
    pub status: u16,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the reply's body.
    pub bytes_out: u64,
}

/// A request that was let through: holds what was reserved for it and its place in the log.
///
/// Dropped without [`Admission::settle`], it settles itself: charged if a byte had reached the upstream, released if
/// not.
#[must_use = "an admission that is dropped is settled as if its client had gone away"]
pub struct Admission {
    pub(super) lane: Lane,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) route: RouteIndex,
    pub(super) who: Who,
    pub(super) at: Instant,
    pub(super) reservations: Reservations,
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

    /// The organization's id as a header value.
    pub(crate) const fn org_header(&self) -> Option<&HeaderValue> {
        self.marks.org.as_ref()
    }

    pub(crate) const fn who(&self) -> &Who {
        &self.who
    }

    pub(crate) const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
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
    pub fn settle(mut self, ending: &Ending) {
        self.end(ending);
    }

    fn end(&mut self, ending: &Ending) {
        let Some(ticket) = self.ticket.take() else { return };
        let released = ending.outcome == Outcome::Released;
        let plan = self.snapshot.route(self.route).map(|(_, plan)| plan);
        let charges = plan.map(|plan| self.snapshot.charges(plan)).unwrap_or_default();
        let now = self.lane.now();
        let settlement = Settlement {
            bytes_in: ending.bytes_in,
            bytes_out: ending.bytes_out,
            duration_us: u64::try_from(now.saturating_since(self.at).as_micros()).unwrap_or(0),
            used: if released { Charges::NONE } else { Charges::from(&*charges) },
            ..Settlement::new(now, ending.status, ending.outcome)
        };
        for reservation in self.reservations.drain(..) {
            if !released {
                let amount = reservation.amount();
                reservation.settle(amount);
            }
        }
        let admission = ticket.admission();
        let settled = match self.lane.writer().try_borrow_mut() {
            Ok(mut writer) => writer.settle(ticket, &settlement).map_err(|unsettled| unsettled.to_string()),
            Err(busy) => Err(busy.to_string()),
        };
        if let Err(error) = settled {
            // The intent stays open: the next start of the process charges it as reserved.
            tracing::error!(admission = %admission, error, "a settlement was not recorded");
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let reached = self.has_reached_upstream();
            let outcome = if reached { Outcome::ClientGone } else { Outcome::Released };
            self.end(&Ending { outcome, status: 0, bytes_in: 0, bytes_out: 0 });
        }
    }
}
