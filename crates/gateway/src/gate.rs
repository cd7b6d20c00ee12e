//! The gate: decides on every request, at the gateway and at the API alike.
//!
//! What must always hold: a decision is synchronous and takes no lock that another request could hold; every change
//! that was made before a request came is seen by it. Changes exclude each other, requests never wait for them.

mod admission;
mod admit;
mod authenticate;
mod books;
mod counts;
mod entrance;
mod holding;
mod identity;
mod lane;
mod marks;
mod plan;
mod project;
mod quotas;
mod rates;
mod refusals;
mod snapshot;
mod targets;

pub use admission::{Admission, Ending};
pub use admit::Asked;
pub use counts::Traffic;
pub use holding::{Lease, LeaseRequest};
pub use lane::Lane;
pub use marks::{Marks, Refusal};
pub use refusals::RefusedRequest;
use snapshot::Slot;
pub use snapshot::Snapshot;
pub use targets::TargetHealth;

pub(crate) use authenticate::{Identified, X_API_KEY};
pub(crate) use marks::X_ORG_ID;
pub(crate) use targets::Probed;

use arc_swap::ArcSwap;
use books::Books;
use counts::Counts;
use insula_blueprint::{Compiled, LimitIndex, Per, QuotaWindow};
use insula_identity::{TokenSigner, TokenVerifier};
use insula_kernel::{Env, Instant, Keyring, LiveMap, OrgId, RequestId, Span};
use insula_limits::{Entitlement, Holds, Subject, Subjects, Usage};
use insula_metering::log::Writer;
use parking_lot::Mutex;
use refusals::Refusals;
use std::sync::Arc;
use targets::Targets;
use tokio::sync::Notify;

/// What a gate is made of.
pub struct GateParts {
    /// Time and randomness.
    pub env: Env,
    /// The blueprint in force, and the number of its version.
    pub blueprint: (Compiled, u32),
    /// The organizations; shared with those who change them.
    pub organizations: Arc<insula_tenancy::Live>,
    /// Keys, members, operators and ended sessions; shared with those who change them.
    pub identities: Arc<insula_identity::Live>,
    /// The installation's keys; hashes of API keys stand under the one derived for `api-keys`.
    pub keyring: Keyring,
    /// Checks access tokens.
    pub verifier: TokenVerifier,
    /// Signs identity tokens for upstreams.
    pub signer: TokenSigner,
    /// What each organization may do under the blueprint.
    pub entitlements: Vec<(OrgId, Arc<Entitlement>)>,
}

/// What the ledger knows that one of an organization's keys, projects or teams used of a meter in one window.
#[derive(Clone, Debug)]
pub struct PartUsage {
    /// The organization.
    pub org: OrgId,
    /// Who.
    pub subject: Subject,
    /// Of what.
    pub meter: Arc<str>,
    /// In what kind of window.
    pub window: QuotaWindow,
    /// An instant of the window.
    pub start: Instant,
    /// How much, in the meter's smallest units.
    pub used: i64,
}

/// Decides on requests. One per process, shared by all cores and the API.
pub struct Gate {
    env: Env,
    snapshot: ArcSwap<Snapshot>,
    organizations: Arc<insula_tenancy::Live>,
    identities: Arc<insula_identity::Live>,
    pepper: Keyring,
    verifier: TokenVerifier,
    signer: TokenSigner,
    books: Books,
    holds: LiveMap<OrgId, Arc<Holds>>,
    refusals: Refusals,
    targets: Targets,
    /// Another blueprint came into force.
    replaced: Notify,
    /// What each core counts.
    counts: Mutex<Vec<Arc<Counts>>>,
    /// Held by whoever changes the snapshot or what is in it; never by a request.
    changes: Mutex<()>,
}

impl Gate {
    /// A gate of these parts.
    #[must_use]
    pub fn new(parts: GateParts) -> Self {
        let books = Books::default();
        let (blueprint, number) = parts.blueprint;
        let targets = Targets::default();
        let snapshot = Snapshot::new(Arc::new(blueprint), number, &books, &targets);
        snapshot.tenants.extend(parts.entitlements.into_iter().map(|(org, entitlement)| {
            let tenant = snapshot.tenant(org, Some(entitlement), None);
            (org, tenant)
        }));
        Self {
            env: parts.env,
            snapshot: ArcSwap::from_pointee(snapshot),
            organizations: parts.organizations,
            identities: parts.identities,
            pepper: parts.keyring.derive("api-keys"),
            verifier: parts.verifier,
            signer: parts.signer,
            books,
            holds: LiveMap::default(),
            refusals: Refusals::default(),
            targets,
            replaced: Notify::new(),
            counts: Mutex::default(),
            changes: Mutex::new(()),
        }
    }

    /// What one core thread needs for itself. `writer` is its end of the write-ahead log.
    #[must_use]
    pub fn lane(&self, writer: Writer) -> Lane {
        let counts = Arc::<Counts>::default();
        self.counts.lock().push(Arc::clone(&counts));
        Lane::new(self.env.clone(), writer, counts)
    }

    /// How many requests all cores have let through and refused.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic::of(&self.counts.lock())
    }

    /// How much is held at this instant, over all organizations.
    #[must_use]
    pub fn holds(&self, now: Instant) -> u64 {
        let mut held = 0;
        self.holds.for_each(|_, holds| held += holds.len(now));
        held
    }

    /// The blueprint in force with all that is numbered by it: to be taken once per request.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) const fn signer(&self) -> &TokenSigner {
        &self.signer
    }

    /// What an organization may do now.
    #[must_use]
    pub fn entitlement(&self, org: OrgId) -> Option<Arc<Entitlement>> {
        self.snapshot().tenants.get(&org)?.entitlement.clone()
    }

    /// How far the time of an organization is ahead of the real one: nothing for all but test organizations.
    #[must_use]
    pub fn clock_of(&self, org: OrgId) -> Span {
        self.entitlement(org).map_or(Span::from_micros(0), |entitlement| entitlement.clock)
    }

    /// What time it is for an organization: by this windows of hours, days and months turn, and usage has its time. Rates,
    /// holds, keys and tokens know the real time alone.
    #[must_use]
    pub fn now_of(&self, org: OrgId) -> Instant {
        self.env.now() + self.clock_of(org)
    }

    /// Takes in what an organization, new or known, may do from now on. `of` makes it for the blueprint in force,
    /// which doesn't change while it runs.
    pub fn put_entitlement(&self, org: OrgId, of: impl FnOnce(&Compiled) -> Entitlement) {
        let _alone = self.changes.lock();
        let snapshot = self.snapshot();
        let entitlement = Some(Arc::new(of(&snapshot.compiled)));
        let before = snapshot.tenants.get(&org);
        let before = before.as_deref().map(|tenant| (&*snapshot, tenant));
        snapshot.tenants.insert(&org, &snapshot.tenant(org, entitlement, before));
    }

    /// Puts another blueprint in force. Requests that are under way end under the one they began with; what is
    /// used of a meter in a window goes on being counted where both blueprints bound it.
    ///
    /// `entitlements` says for the new blueprint what each organization may do; no entitlement changes meanwhile.
    /// It has to name them all: one that isn't named may do nothing until [`Gate::put_entitlement`], and its counters
    /// begin anew, as do those of a meter and window that no limit bounded before: restore them from the ledger.
    pub fn replace_blueprint(
        &self,
        blueprint: Compiled,
        number: u32,
        entitlements: impl FnOnce(&Compiled) -> Vec<(OrgId, Entitlement)>,
    ) {
        let _alone = self.changes.lock();
        let before = self.snapshot();
        let after = Snapshot::new(Arc::new(blueprint), number, &self.books, &self.targets);
        after.tenants.extend(entitlements(&after.compiled).into_iter().map(|(org, entitlement)| {
            let known = before.tenants.get(&org);
            let known = known.as_deref().map(|tenant| (&*before, tenant));
            (org, after.tenant(org, Some(Arc::new(entitlement)), known))
        }));
        let compiled = Arc::clone(&after.compiled);
        self.snapshot.store(Arc::new(after));
        self.replaced.notify_one();
        // Until this is done, and for keys that come in meanwhile, `under` looks their names up.
        self.identities.recompile(&compiled);
    }

    /// Adds what was used of a meter, and can't be refused any more, to every counter of it whose window holds `at`, in the
    /// organization's time: what an upstream reported, or for [`Window`]s of one length what the ledger knows at the start.
    ///
    /// [`Window`]: insula_limits::Window
    pub fn add_usage(
        &self,
        subjects: &Subjects,
        meter: &str,
        only: Option<QuotaWindow>,
        at: Instant,
        used: i64,
    ) {
        let snapshot = self.snapshot();
        let tenant = self.place_of(&snapshot, subjects.org);
        for (place, slot) in snapshot.slots.iter().enumerate() {
            if *slot.meter != *meter || only.is_some_and(|only| only != slot.window) {
                continue;
            }
            let window = tenant.window(slot.window);
            let subject = rates::subject_of(slot.per, subjects);
            if slot.per == Per::Organization {
                if let Some(Some(counter)) = tenant.counters.get(place) {
                    counter.add(at, window, used);
                }
            } else if let Some(subject) = subject {
                self.books.quota_of(subject, slot.book).add(at, window, used);
            }
            // A key may have a bound of its own on any quota.
            if let Some(key @ Subject::Key(_)) = subjects.credential.filter(|_| slot.per != Per::Key) {
                self.books.quota_of(key, slot.book).add(at, window, used);
            }
        }
    }

    /// Adds what the ledger knows an organization as a whole used of a meter in the window that holds `start`. To be
    /// called once per window, before traffic is let in.
    pub fn restore(&self, org: OrgId, meter: &str, window: QuotaWindow, start: Instant, used: i64) {
        let snapshot = self.snapshot();
        let tenant = self.place_of(&snapshot, org);
        for (slot, counter) in snapshot.slots.iter().zip(&tenant.counters) {
            if let Some(counter) = counter.as_ref().filter(|_| *slot.meter == *meter && slot.window == window)
            {
                counter.add(start, tenant.window(window), used);
            }
        }
    }

    /// Adds what the ledger knows of keys, projects and teams. Each is to be named once per window, before traffic is let
    /// in.
    pub fn restore_parts(&self, parts: &[PartUsage]) {
        let snapshot = self.snapshot();
        let book_of = |part: &PartUsage| {
            let counts = |slot: &&Slot| *slot.meter == *part.meter && slot.window == part.window;
            snapshot.slots.iter().find(counts).map(|slot| slot.book)
        };
        let places = parts.iter().filter_map(|part| Some((part.subject, book_of(part)?)));
        self.books.make_quotas(places);
        for part in parts {
            let Some(book) = book_of(part) else { continue };
            let tenant = self.place_of(&snapshot, part.org);
            self.books.quota_of(part.subject, book).add(part.start, tenant.window(part.window), part.used);
        }
    }

    fn place_of(&self, snapshot: &Snapshot, org: OrgId) -> Arc<snapshot::Tenant> {
        if let Some(tenant) = snapshot.tenants.get(&org) {
            return tenant;
        }
        let _alone = self.changes.lock();
        snapshot.tenants.get(&org).unwrap_or_else(|| {
            let tenant = snapshot.tenant(org, None, None);
            snapshot.tenants.insert(&org, &tenant);
            tenant
        })
    }

    /// What an organization has used of a quota in the window that it is in when it is really `now`, requests under way included; `None` for
    /// limits that are no quotas of an organization, and organizations that aren't known. The limit is one of the
    /// blueprint in force.
    #[must_use]
    pub fn usage(&self, org: OrgId, limit: LimitIndex, now: Instant) -> Option<Usage> {
        let snapshot = self.snapshot();
        let place = snapshot.slot_of(limit)?;
        let tenant = snapshot.tenants.get(&org)?;
        let window = tenant.window(snapshot.slots.get(place)?.window);
        Some(tenant.counters.get(place)?.as_ref()?.snapshot(tenant.time(now), window))
    }

    /// A request of the organization that was refused lately.
    #[must_use]
    pub fn refused(&self, org: OrgId, id: RequestId) -> Option<RefusedRequest> {
        self.refusals.find(org, id)
    }

    /// The requests of the organization that were refused lately, the latest first.
    #[must_use]
    pub fn latest_refusals(&self, org: OrgId) -> Vec<RefusedRequest> {
        self.refusals.latest(org)
    }
}
