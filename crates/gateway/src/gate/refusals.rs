//! The latest refusals of each organization, for who asks why.
//!
//! What must always hold: a flood of refused requests becomes no write and no growth: each organization has a ring of
//! [`KEPT`], and only so many organizations have one at a time.

use insula_access::Principal;
use insula_kernel::{Error, Instant, LiveMap, OrgId, RequestId};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// How many refusals of an organization are kept.
const KEPT: usize = 128;
/// How many organizations' refusals are kept at a time.
const ORGANIZATIONS: usize = 20_000;

/// A request that was refused after it was known whose it is.
#[derive(Clone, Debug)]
pub struct RefusedRequest {
    /// Which.
    pub id: RequestId,
    /// When, in the organization's time.
    pub at: Instant,
    /// The route's pattern.
    pub route: Box<str>,
    /// Who sent it.
    pub principal: Principal,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The reason, as the client was told.
    pub detail: Box<str>,
    /// The limit that refused it, with its bound and what was left of it.
    pub limit: Option<(Box<str>, i64, i64)>,
}

#[derive(Default)]
pub(super) struct Refusals {
    rings: LiveMap<OrgId, Arc<Mutex<VecDeque<RefusedRequest>>>>,
    organizations: AtomicUsize,
    /// Held to make rings, never to write into one.
    making: Mutex<()>,
}

impl Refusals {
    pub(super) fn note(&self, org: OrgId, refused: RefusedRequest) {
        let Some(ring) = self.ring(org) else { return };
        let mut ring = ring.lock();
        if ring.len() >= KEPT {
            ring.pop_front();
        }
        ring.push_back(refused);
    }

    pub(super) fn find(&self, org: OrgId, id: RequestId) -> Option<RefusedRequest> {
        self.rings.get(&org)?.lock().iter().find(|refused| refused.id == id).cloned()
    }

    pub(super) fn latest(&self, org: OrgId) -> Vec<RefusedRequest> {
        self.rings.get(&org).map(|ring| ring.lock().iter().rev().cloned().collect()).unwrap_or_default()
    }

    fn ring(&self, org: OrgId) -> Option<Arc<Mutex<VecDeque<RefusedRequest>>>> {
        if let Some(ring) = self.rings.get(&org) {
            return Some(ring);
        }
        let _alone = self.making.lock();
        if let Some(ring) = self.rings.get(&org) {
            return Some(ring);
        }
        if self.organizations.fetch_add(1, Relaxed) >= ORGANIZATIONS {
            self.organizations.fetch_sub(1, Relaxed);
            return None;
        }
        let ring = Arc::default();
        self.rings.insert(&org, &ring);
        Some(ring)
    }
}

impl RefusedRequest {
    pub(super) fn new(
        id: RequestId,
        at: Instant,
        route: &str,
        principal: Principal,
        error: &Error,
        limit: Option<&insula_limits::Standing<'_>>,
    ) -> Self {
        Self {
            id,
            at,
            route: route.into(),
            principal,
            code: error.code(),
            status: error.kind().status(),
            detail: error.detail().into(),
            limit: limit.map(|standing| (standing.name.into(), standing.quota, standing.remaining)),
        }
    }
}
