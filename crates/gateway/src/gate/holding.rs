//! Holds: what is held at once, by requests and by who asks for a lease.
//!
//! What must always hold: a hold is begun here before anyone is told of it, and what memory says is what decides; the
//! log and the ledger only remember it for the next start.

use super::{
    Gate, Snapshot,
    quotas::{Checked, Checks},
    rates::{Refused, subject_of},
};
use crate::errors;
use insula_blueprint::{LimitKind, Per};
use insula_identity::LiveKey;
use insula_kernel::{Error, HoldId, Instant, OrgId, Result, Span};
use insula_limits::{Begin, Ceiling, Entitlement, Full, Hold, Holds, Named, Standing, Subject, Subjects};
use smallvec::SmallVec;
use std::sync::Arc;

/// How long a client is told to wait for room at most: something may end earlier than its time to live.
const LONGEST_WAIT: Span = Span::from_secs(10);

/// A hold that was begun for a request and ends with it, unless it is kept.
#[derive(Debug)]
pub(super) struct Held {
    holds: Arc<Holds>,
    id: HoldId,
    now: Instant,
    is_kept: bool,
}

impl Held {
    /// Gives it its name and lets it outlive the request.
    pub(super) fn keep(mut self, now: Instant, key: Option<&str>, until: Option<Arc<str>>) -> Named {
        self.is_kept = true;
        self.now = now;
        key.map_or(Named::Kept, |key| self.holds.name(self.id, now, key, until))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_kept {
            self.holds.end(self.id, self.now);
        }
    }
}

/// What a lease is asked for.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest<'a> {
    /// The limit's name.
    pub limit: &'a str,
    /// For whom it is to count.
    pub subjects: &'a Subjects,
    /// What the product calls it.
    pub key: Option<&'a str>,
    /// How long it lasts unless it is renewed; none for a stock.
    pub ttl: Option<Span>,
}

/// What came of asking for a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// Its id.
    pub id: HoldId,
    /// What is held.
    pub hold: Hold,
    /// Whether it is a new one, rather than the one that has this key already.
    pub is_new: bool,
}

impl Gate {
    /// What an organization holds.
    pub(crate) fn holds_of(&self, org: OrgId) -> Arc<Holds> {
        if let Some(holds) = self.holds.get(&org) {
            return holds;
        }
        let _alone = self.changes.lock();
        self.holds.get(&org).unwrap_or_else(|| {
            let holds = Arc::default();
            self.holds.insert(&org, &holds);
            holds
        })
    }

    /// Begins what a request to a route holds.
    pub(super) fn hold<'s>(
        &self,
        id: HoldId,
        snapshot: &'s Snapshot,
        limit: usize,
        ttl: Option<Span>,
        asker: &super::rates::Asker<'_>,
        checks: &mut Checks,
    ) -> std::result::Result<(Held, Option<Standing<'s>>), Refused<'s>> {
        let now = asker.now;
        let (name, holds) = (snapshot.limit_name(limit), self.holds_of(asker.subjects.org));
        let ceilings = ceilings(snapshot, limit, asker.entitlement, asker.subjects, asker.key);
        let begin = Begin {
            limit: snapshot.names.get(limit).cloned().unwrap_or_else(|| Arc::from(name)),
            ceilings: ceilings.clone(),
            expires_at: ttl.map(|ttl| now + ttl),
        };
        if let Err(full) = holds.begin(id, now, begin) {
            let standing = Standing::of_hold(name, full.limit, full.used);
            return Err((refused(snapshot, limit, &full, now), standing));
        }
        let used = |subject| holds.used(name, subject, now);
        let bounded = ceilings.iter().filter(|ceiling| ceiling.most < i64::MAX);
        let standings = bounded.map(|ceiling| {
            let used = used(ceiling.subject);
            checks.push(Checked { limit, used, bound: ceiling.most });
            Standing::of_hold(name, ceiling.most, used)
        });
        let standing = standings.reduce(Standing::strictest);
        Ok((Held { holds, id, now, is_kept: false }, standing))
    }

    /// Begins a hold that someone asks for by the API. What has this key already is answered again.
    ///
    /// # Errors
    /// `lease.limit` for what isn't a hold or a stock of the product's own; a refusal when there is no room;
    /// `limits.unavailable` while the organization's entitlement isn't known; `subscription.paused` and
    /// `subscription.canceled` where the organization isn't served.
    pub fn lease(&self, request: &LeaseRequest<'_>, key: Option<&LiveKey>, now: Instant) -> Result<Lease> {
        let snapshot = self.snapshot();
        let (limit, declared) =
            snapshot.limit(request.limit).ok_or_else(|| errors::no_lease(request.limit))?;
        let is_stock = match declared.kind {
            LimitKind::Hold { .. } => false,
            LimitKind::Stock if limit > insula_blueprint::LimitIndex::TEAMS.get() => true,
            _ => return Err(errors::no_lease(request.limit)),
        };
        if is_stock != request.ttl.is_none() {
            return Err(errors::lease_ttl(is_stock));
        }
        let org = request.subjects.org;
        let entitlement = self.entitlement(org).ok_or_else(errors::limits_unavailable)?;
        if let Some(error) = errors::unserved(entitlement.service) {
            return Err(error);
        }
        let holds = self.holds_of(org);
        if let Some(key) = request.key
            && let Some((id, hold)) = holds.find(request.limit, key, now)
        {
            return Ok(Lease { id, hold, is_new: false });
        }
        let id = HoldId::generate(&self.env);
        let ceilings = ceilings(&snapshot, limit, &entitlement, request.subjects, key);
        let name = Arc::clone(&snapshot.names[limit]);
        let expires_at = request.ttl.map(|ttl| now + ttl);
        let begin = Begin { limit: Arc::clone(&name), ceilings: ceilings.clone(), expires_at };
        holds.begin(id, now, begin).map_err(|full| refused(&snapshot, limit, &full, now))?;
        let subjects = ceilings.iter().map(|ceiling| ceiling.subject).collect();
        let hold = Hold { limit: name, key: request.key.map(Into::into), until: None, subjects, expires_at };
        match request.key.map_or(Named::Kept, |key| holds.name(id, now, key, None)) {
            // Two asked at once for the same thing: it is held once.
            Named::Known(first) => Ok(Lease { id: first, hold, is_new: false }),
            Named::Kept | Named::Ended | Named::Gone => Ok(Lease { id, hold, is_new: true }),
        }
    }

    /// Lets a hold go on until then, and says until when it now lasts; `None` if it isn't there any more.
    pub fn renew_hold(&self, org: OrgId, id: HoldId, expires_at: Instant, now: Instant) -> Option<Instant> {
        self.holds_of(org).renew(id, now, expires_at)
    }

    /// Whether a hold is there.
    #[must_use]
    pub fn has_hold(&self, org: OrgId, id: HoldId, now: Instant) -> bool {
        self.holds.get(&org).is_some_and(|holds| holds.has(id, now))
    }

    /// Ends a hold; false if it isn't there any more.
    pub fn end_hold(&self, org: OrgId, id: HoldId, now: Instant) -> bool {
        self.holds_of(org).end(id, now).is_some()
    }

    /// Ends what an event of this type ends under this name, and says which holds those were.
    pub fn end_holds_of(&self, org: OrgId, event: &str, key: &str, now: Instant) -> SmallVec<[HoldId; 1]> {
        self.holds_of(org).end_named(event, key, now)
    }

    /// Takes in a hold that was there before the process started.
    pub fn restore_hold(&self, org: OrgId, id: HoldId, hold: Hold) {
        self.holds_of(org).restore(id, hold);
    }

    /// How many of a limit an organization holds as a whole.
    #[must_use]
    pub fn held(&self, org: OrgId, limit: &str, now: Instant) -> i64 {
        self.holds.get(&org).map_or(0, |holds| holds.used(limit, Subject::Organization(org), now))
    }
}

/// How many of a limit each of those may hold for whom it counts. The organization is always among them, so that what it
/// holds as a whole can be shown.
fn ceilings(
    snapshot: &Snapshot,
    limit: usize,
    entitlement: &Entitlement,
    subjects: &Subjects,
    key: Option<&LiveKey>,
) -> SmallVec<[Ceiling; 2]> {
    let Some(declared) = snapshot.compiled.limits().get(limit) else { return SmallVec::new() };
    let per = match declared.kind {
        LimitKind::Hold { per } => per,
        _ => Per::Organization,
    };
    let most = entitlement.bound(limit).ceiling();
    let org = Subject::Organization(subjects.org);
    let mut ceilings: SmallVec<[Ceiling; 2]> = SmallVec::new();
    ceilings.push(Ceiling { subject: org, most: if per == Per::Organization { most } else { i64::MAX } });
    if let Some(subject) = subject_of(per, subjects).filter(|subject| *subject != org) {
        ceilings.push(Ceiling { subject, most });
    }
    let own =
        key.and_then(|key| key.limits.under(&snapshot.compiled).find(|(index, _)| index.get() == limit));
    if let (Some((_, own)), Some(subject)) = (own, subjects.credential) {
        match ceilings.iter_mut().find(|ceiling| ceiling.subject == subject) {
            Some(ceiling) => ceiling.most = ceiling.most.min(own),
            None => ceilings.push(Ceiling { subject, most: own }),
        }
    }
    ceilings
}

fn refused(snapshot: &Snapshot, limit: usize, full: &Full, now: Instant) -> Error {
    let name = snapshot.limit_name(limit);
    let is_stock = snapshot.compiled.limits().get(limit).is_some_and(|limit| limit.kind == LimitKind::Stock);
    if is_stock {
        return errors::stock_full(name, full.limit);
    }
    let wait = full.frees_at.map_or(LONGEST_WAIT, |at| at.saturating_since(now).min(LONGEST_WAIT));
    errors::hold_full(name, full.limit, wait.max(Span::from_secs(1)))
}
