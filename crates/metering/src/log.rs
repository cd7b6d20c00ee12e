//! The write-ahead log: what stands between an admitted request and the ledger when the process dies.
//!
//! Before a request is forwarded its [`Intent`] is appended, and before the last byte of its reply goes out its
//! [`Settlement`]; each by one `write(2)`, which outlives the process, and by `fdatasync(2)` within
//! [`Options::sync_every`], which outlives the machine. The [`Tail`] hands both, in pairs, to whoever settles
//! them into the ledger; an intent whose process ended without a settlement comes out as
//! [`Entry::Recovered`]. What upstreams report ([`Report`]) and what happens to holds outside of the request that took
//! them ([`HoldChange`]) stand in the same files, each record complete by itself.
//!
//! What must always hold:
//!
//! - What a [`Writer`] acknowledged is in the file, and the tail hands it out at least once. Exactly once is made by the
//!   ledger, which knows admissions by their id and reports by their key.
//! - What is read of a segment as charged is what was written to it as charged: both ends count, and compare when it is
//!   finished.
//! - An intent is accepted only where room for its settlement stays reserved: a full disk stops admission,
//!   never a settlement.
//! - A segment is removed only after everything it told was confirmed to be in the ledger.
//! - What can't be read is reported with its place, and what comes after it is read nevertheless.
//!
//! # Shape
//!
//! A writer belongs to one thread and shares nothing with the others. It appends to files of fixed,
//! preallocated size, the *segments*, `<writer>-<sequence>.wal`. A settlement goes to the segment of its intent,
//! so each segment tells its whole story: it can be read, confirmed and removed without any other. Names of
//! meters and routes are written out in each record rather than interned in a dictionary: some forty bytes
//! more per request, but no blueprint and no other record is needed to understand one, and one bad sector
//! can't take the meaning of a whole segment with it.
//!
//! The segments are also the queue between the writers and the settler. The tail reads what was published, out
//! of the page cache, in large pieces: this costs the request path one atomic store, holds any backlog in
//! bounded memory (a ledger that is away for an hour is a longer file, not a larger process), and start-up and
//! normal running are one code path.
//!
//! A segment is locked (`flock(2)`) by the process that writes it. After a restart that hands the listener
//! over, two processes share the directory for a while; the newer one leaves the segments of the older alone
//! until their lock is gone ([`Tail::adopt`]), so a request still in flight there isn't taken for a lost one.

mod frame;
mod reader;
mod record;
mod segment;
mod shared;
mod tail;
mod writer;

pub use reader::{Damage, DamageKind};
pub use record::{
    CHARGES_MAX, CHECKS_MAX, Charge, Charges, Check, Checks, DATA_MAX, Fold, GROUP_MAX, GROUPS_MAX, Group,
    Groups, HOLD_KEY_MAX, HoldChange, HoldIntent, HoldOutcome, HoldStep, Intent, KIND_MAX, NAME_MAX, Outcome,
    Report, SOURCE_MAX, SUBJECT_MAX, Settlement, TooLong,
};
pub use shared::Synced;
pub use tail::{Entry, Mark, Polled, Tail};
pub use writer::{IntentError, IntentTicket, Unsettled, UnsettledCause, Writer};

use insula_kernel::{Env, Span};
use shared::{Shared, Syncer};
use std::{io, path::Path, sync::Arc};

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of one segment, all allocated when it is opened; at least [`Options::MIN_SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// The longest time that a record is in the file but perhaps not on the disk.
    pub sync_every: Span,
}

impl Options {
    /// The smallest segment: room for a record of the largest kind.
    pub const MIN_SEGMENT_BYTES: u64 = 32 << 10;
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, sync_every: Span::from_millis(50) }
    }
}

/// How much is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogFigures {
    /// Events that this process has written: settled requests that cost something, and reports.
    pub charged: u64,
    /// Bytes of its segments, as they are allocated.
    pub bytes: u64,
}

/// The write-ahead log of one process.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    syncer: Arc<Syncer>,
}

impl Log {
    /// Opens the log in this directory, which is made if it isn't there, and its one tail.
    ///
    /// The tail begins with what former runs left behind: poll it until it is empty and confirm that before
    /// limits are restored from the ledger and traffic is let in.
    ///
    /// # Errors
    /// When the directory can't be used, or holds segments of a later version of the format.
    pub fn open(dir: impl AsRef<Path>, options: Options, env: Env) -> io::Result<(Self, Tail)> {
        let shared = Arc::new(Shared::open(dir.as_ref(), options, env)?);
        let mut tail = Tail::new(Arc::clone(&shared));
        tail.adopt()?;
        let syncer = Arc::new(Syncer::start(Arc::clone(&shared))?);
        Ok((Self { shared, syncer }, tail))
    }

    /// A writer for one thread. Its number is part of its segments' names, for people who look at them; its
    /// first segment is opened by its first intent.
    #[must_use]
    pub fn writer(&self, number: u16) -> Writer {
        Writer::new(number, Arc::clone(&self.shared), Arc::clone(&self.syncer))
    }

    /// How much was written, and how much room the log takes up.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn figures(&self) -> io::Result<LogFigures> {
        self.shared.figures()
    }

    /// Returns once everything that was acknowledged before the call is on the disk. Blocks.
    ///
    /// # Errors
    /// When the disk failed. No sync after that is trusted (the kernel may have dropped the pages), and no
    /// intent is accepted until the process starts anew.
    pub fn sync(&self) -> io::Result<()> {
        self.shared.sync(|_| true)
    }

    /// When everything that was acknowledged before the call is on the disk. Doesn't block; any number of calls made while
    /// the disk is busy are answered together.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn synced(&self) -> Synced {
        self.syncer.synced()
    }
}
