//! The injected source of randomness.

use std::sync::atomic::{AtomicU64, Ordering};

/// Where randomness comes from.
pub trait Rng: Send + Sync + 'static {
    /// Fills the bytes; for the system's source, fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's randomness: fit for secrets.
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's randomness enters")]
    #[expect(
        clippy::expect_used,
        reason = "a system without randomness can keep no promise; stopping is the safe answer"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// Repeatable numbers for tests and simulations (SplitMix64; Steele, Lea, Flood 2014). Never for secrets.
pub struct SeededRng(AtomicU64);

impl SeededRng {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
