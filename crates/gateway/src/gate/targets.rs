//! How the targets of upstreams do, as their probes find.
//!
//! What must always hold: a target that nobody probes counts as healthy; what was found of one outlives a change of the
//! blueprint that still probes it the same way.

use insula_blueprint::{Compiled, Health, Target};
use insula_kernel::{Instant, Span};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

/// Probes that fail one after the other until a target counts as unhealthy. One that succeeds makes it healthy again.
const FAILURES: u32 = 2;
/// How often a target that is unhealthy is asked at least, so that it is back soon.
const AGAIN: Span = Span::from_secs(1);

/// How a target is probed, and how it does.
pub(crate) struct Probed {
    pub(crate) target: Target,
    pub(crate) health: Health,
    unhealthy: AtomicBool,
    /// Probes that failed since one succeeded.
    failures: AtomicU32,
    /// When it became what it is, in microseconds; 0 where it was never asked.
    since: AtomicI64,
    /// Probes so far.
    probes: AtomicU64,
    /// Why the last probe failed, if it did.
    reason: Mutex<Option<Box<str>>>,
}

/// How a target of an upstream does.
#[derive(Clone, Debug)]
pub struct TargetHealth {
    /// The upstream.
    pub upstream: String,
    /// Where the target listens.
    pub target: String,
    /// Whether requests go there.
    pub healthy: bool,
    /// When it became so; none where it wasn't asked yet.
    pub since: Option<Instant>,
    /// How often it was asked.
    pub probes: u64,
    /// Why the last probe failed, if it did.
    pub reason: Option<String>,
}

/// What is probed under one blueprint: by upstream, and by its targets.
pub(crate) type ByUpstream = Box<[Box<[Option<Arc<Probed>>]>]>;

/// What is probed, whatever the blueprint.
#[derive(Default)]
pub(crate) struct Targets(Mutex<HashMap<(Target, String), Arc<Probed>>>);

impl Targets {
    /// What is probed under this blueprint. What isn't any more is forgotten.
    pub(crate) fn under(&self, compiled: &Compiled) -> ByUpstream {
        let mut known = self.0.lock();
        let mut kept = HashMap::new();
        let mut probed = |target: &Target, health: &Health| {
            let place = (target.clone(), health.path.clone());
            let same = known.remove(&place).filter(|probed| probed.health.every == health.every);
            let one =
                kept.entry(place).or_insert_with(|| same.unwrap_or_else(|| Probed::new(target, health)));
            Arc::clone(one)
        };
        let all = compiled.upstreams().iter().map(|upstream| {
            let of = |target| upstream.health.as_ref().map(|health| probed(target, health));
            upstream.targets.iter().map(of).collect()
        });
        let all = all.collect();
        *known = kept;
        all
    }
}

impl Probed {
    fn new(target: &Target, health: &Health) -> Arc<Self> {
        Arc::new(Self {
            target: target.clone(),
            health: health.clone(),
            unhealthy: AtomicBool::new(false),
            failures: AtomicU32::new(0),
            since: AtomicI64::new(0),
            probes: AtomicU64::new(0),
            reason: Mutex::default(),
        })
    }

    pub(crate) fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Relaxed)
    }

    /// How long to wait for the next probe.
    pub(crate) fn wait(&self) -> Span {
        if self.is_healthy() { self.health.every } else { self.health.every.min(AGAIN) }
    }

    /// Notes what a probe found: why it failed, if it did.
    pub(crate) fn note(&self, failed: Option<&str>, now: Instant) {
        let before = self.is_healthy();
        let failures = if failed.is_some() { self.failures.load(Relaxed).saturating_add(1) } else { 0 };
        let healthy = if before { failures < FAILURES } else { failed.is_none() };
        self.failures.store(failures, Relaxed);
        *self.reason.lock() = failed.map(Box::from);
        if self.since.load(Relaxed) == 0 || healthy != before {
            self.since.store(now.as_micros(), Relaxed);
        }
        self.unhealthy.store(!healthy, Relaxed);
        self.probes.fetch_add(1, Relaxed);
        match failed {
            Some(reason) if before && !healthy => {
                tracing::warn!(upstream.target = %self.target, reason, "a target is unhealthy; requests go to others");
            }
            None if !before => tracing::info!(upstream.target = %self.target, "a target is healthy again"),
            _ => {}
        }
    }

    fn shown(&self, upstream: &str) -> TargetHealth {
        let since = self.since.load(Relaxed);
        TargetHealth {
            upstream: upstream.to_owned(),
            target: self.target.to_string(),
            healthy: self.is_healthy(),
            since: (since != 0).then(|| Instant::from_micros(since)),
            probes: self.probes.load(Relaxed),
            reason: self.reason.lock().as_deref().map(str::to_owned),
        }
    }
}

impl super::Snapshot {
    /// Everything that is probed, each once.
    pub(crate) fn all_probed(&self) -> Vec<Arc<Probed>> {
        let mut all: Vec<Arc<Probed>> = Vec::new();
        for one in self.probed.iter().flatten().flatten() {
            if !all.iter().any(|known| Arc::ptr_eq(known, one)) {
                all.push(Arc::clone(one));
            }
        }
        all
    }
}

impl super::Gate {
    /// How the targets of upstreams do that are probed, in the blueprint's order.
    pub fn target_health(&self) -> Vec<TargetHealth> {
        let snapshot = self.snapshot();
        let upstreams = snapshot.compiled.upstreams().iter().zip(&snapshot.probed);
        upstreams
            .flat_map(|(upstream, targets)| targets.iter().flatten().map(|one| one.shown(&upstream.name)))
            .collect()
    }

    /// Waits until another blueprint is in force. For one who waits at a time.
    pub(crate) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// The instant by the gate's clock.
    pub(crate) fn instant(&self) -> Instant {
        self.env.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failures_in_a_row_take_a_target_out_and_one_success_brings_it_back() {
        let health = Health { path: "/healthz".into(), every: Span::from_secs(5) };
        let probed = Probed::new(&Target { host: "a".into(), port: 1 }, &health);
        let at = |second| Instant::from_secs(second);
        probed.note(Some("refused"), at(1));
        probed.note(None, at(2));
        probed.note(Some("refused"), at(3));
        assert!(probed.is_healthy());
        assert_eq!(probed.wait(), Span::from_secs(5));
        probed.note(Some("503"), at(4));
        let shown = probed.shown("u");
        assert_eq!((shown.healthy, shown.since, shown.reason.as_deref()), (false, Some(at(4)), Some("503")));
        assert_eq!(probed.wait(), AGAIN);
        probed.note(Some("503"), at(5));
        assert_eq!(probed.shown("u").since, Some(at(4)));
        probed.note(None, at(6));
        let shown = probed.shown("u");
        assert_eq!((shown.healthy, shown.since, shown.reason), (true, Some(at(6)), None));
    }
}
