//! Places between two steps at which a test can make the process die, or a request panic.
//!
//! What must always hold: a build without the feature `failpoints` has nothing of this in it; a place that isn't listed
//! here can't be named in the code, and one that is listed is reached by the tests, which go through the list.
//!
//! With the feature, the variable `INSULA_FAILPOINT_FILE` names a file. While there is such a file, it says what is to
//! happen where: the name of a place, a space, and `abort` or `panic`. It happens once: whoever acts removes the file.

macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)+) => {
        /// A place between two steps.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Failpoint {
            $($(#[$doc])* $point,)+
        }

        impl Failpoint {
            /// Every place there is.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// Its name: who comes there, and what was done before.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

failpoints! {
    /// A request holds all it needs, and the log doesn't know of it.
    RequestReserved = "request.reserved",
    /// The intent is in the log, and nothing was forwarded.
    RequestNoted = "request.noted",
    /// The intent is on the disk, where the route asks for that, and nothing was forwarded.
    RequestDurable = "request.durable",
    /// There is a connection to the upstream, and nothing was sent on it.
    RequestConnected = "request.connected",
    /// The head of the reply is there, and nothing is settled.
    RequestAnswered = "request.answered",
    /// Counters have what was used, and the log hasn't.
    RequestCounted = "request.counted",
    /// The settlement is in the log, and the last byte of the reply isn't out.
    RequestSettled = "request.settled",
    /// Reported events are known to be new, and the log doesn't know of them.
    ReportChecked = "report.checked",
    /// They are in the log and count, and are perhaps not on the disk.
    ReportAppended = "report.appended",
    /// They are on the disk, and nobody was answered.
    ReportDurable = "report.durable",
    /// A lease is held, and the log doesn't know of it.
    LeaseBegun = "lease.begun",
    /// Its beginning is in the log, and perhaps not on the disk.
    LeaseAppended = "lease.appended",
    /// It is on the disk, and nobody was answered.
    LeaseNoted = "lease.noted",
    /// Its end is on the disk, and it is still held.
    LeaseEnded = "lease.ended",
    /// Someone waits for the disk, which wasn't asked yet.
    LogSyncing = "log.syncing",
    /// All is on the disk, and nobody was told.
    LogSynced = "log.synced",
    /// A batch was read from the log, and nothing of it was written.
    SettleRead = "settle.read",
    /// It is written, and not committed.
    SettleWritten = "settle.written",
    /// It is committed, and the log doesn't know.
    SettleCommitted = "settle.committed",
    /// A segment has nothing more to tell, and is still there.
    SettleRemoving = "settle.removing",
    /// A segment was removed.
    SettleRemoved = "settle.removed",
    /// Events are in a pack, and still have their rows.
    ArchivePacked = "archive.packed",
    /// Their rows are gone, and nothing is committed.
    ArchiveRemoved = "archive.removed",
    /// It is committed, and nobody was told.
    ArchiveCommitted = "archive.committed",
}

impl Failpoint {
    /// Whether a request comes there itself, rather than what works behind all of them.
    #[must_use]
    pub fn is_of_a_request(self) -> bool {
        ["request.", "report.", "lease."].iter().any(|whose| self.name().starts_with(whose))
    }
}

/// Says that a place is reached: where a test wants it, the process dies or the caller panics.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub const fn reached(_: Failpoint) {}

#[cfg(feature = "failpoints")]
pub use armed::reached;

#[cfg(feature = "failpoints")]
mod armed {
    use super::Failpoint;
    use std::{env, fs, path::PathBuf, process, sync::LazyLock};

    static FILE: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| env::var_os("INSULA_FAILPOINT_FILE").map(PathBuf::from));

    /// Says that a place is reached: where a test wants it, the process dies or the caller panics.
    ///
    /// # Panics
    /// When the test wants that.
    pub fn reached(point: Failpoint) {
        let Some(file) = &*FILE else { return };
        let Ok(wanted) = fs::read_to_string(file) else { return };
        let Some((name, act)) = wanted.trim_end().split_once(' ') else { return };
        // Of several who come here at once, the one that removes the file acts.
        if name != point.name() || fs::remove_file(file).is_err() {
            return;
        }
        if act == "abort" {
            process::abort();
        }
        panic!("as a test wants it: {name}");
    }
}
