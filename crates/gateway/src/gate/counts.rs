//! How many requests were let through and refused, for whoever watches the process.
//!
//! What must always hold: each core counts for itself, in memory that no other core writes; who asks adds up.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The classes of refusals: the first part of their codes. What belongs to none is counted as `other`.
const REFUSAL_CLASSES: [&str; 14] = [
    "access",
    "hold",
    "internal",
    "limits",
    "metering",
    "not_found",
    "organization",
    "plan",
    "project",
    "quota",
    "rate",
    "request",
    "tenant",
    "upstream",
];
const KINDS: usize = REFUSAL_CLASSES.len() + 1;

/// What one core counts. Alone on its lines of the processor's cache, so that cores don't disturb each other.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Counts {
    admitted: AtomicU64,
    ended: AtomicU64,
    refused: [AtomicU64; KINDS],
}

/// Only the core itself writes, so what it read is what stands there still.
fn one_more(count: &AtomicU64) {
    count.store(count.load(Relaxed) + 1, Relaxed);
}

impl Counts {
    pub(super) fn admitted(&self) {
        one_more(&self.admitted);
    }

    pub(super) fn ended(&self) {
        one_more(&self.ended);
    }

    pub(super) fn refused(&self, code: &str) {
        let class = code.split('.').next().unwrap_or_default();
        let place = REFUSAL_CLASSES.binary_search(&class).unwrap_or(KINDS - 1);
        if let Some(count) = self.refused.get(place) {
            one_more(count);
        }
    }
}

/// What all cores have counted since the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// Requests that were let through.
    pub admitted: u64,
    /// Of those, how many haven't ended.
    pub in_flight: u64,
    /// Requests that the gateway answered with a problem, by class of its code; those with none are left out.
    pub refused: Vec<(&'static str, u64)>,
}

impl Traffic {
    pub(super) fn of(cores: &[Arc<Counts>]) -> Self {
        let sum =
            |of: &dyn Fn(&Counts) -> &AtomicU64| cores.iter().map(|core| of(core).load(Relaxed)).sum::<u64>();
        // In this order: an end that is seen has a beginning that is seen too.
        let ended = sum(&|core| &core.ended);
        let admitted = sum(&|core| &core.admitted);
        let classes = REFUSAL_CLASSES.into_iter().chain(["other"]).enumerate();
        let refused = classes.map(|(place, class)| (class, sum(&|core| &core.refused[place])));
        Self {
            admitted,
            in_flight: admitted.saturating_sub(ended),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
        }
    }
}
