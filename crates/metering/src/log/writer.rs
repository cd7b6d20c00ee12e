//! The end of the log that a request path writes to.

use super::{
    record::{HoldChange, Intent, Outcome, Report, Settlement, TooLong},
    segment::Segment,
    shared::{Shared, Synced, Syncer},
};
use insula_kernel::{AdmissionId, Error, ErrorKind, Instant, Span};
use std::{
    cell::Cell,
    fmt, io,
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use uuid::Uuid;

/// How long a disk that had no room for a segment isn't asked again: refusing must stay cheap under load.
const RETRY: Span = Span::from_millis(100);

/// Appends to segments of its own. One per thread: it may move to another thread, but not be shared.
pub struct Writer {
    number: u16,
    /// Tells its segments from those of any other writer.
    token: u64,
    shared: Arc<Shared>,
    /// Kept alive as long as there is something to sync.
    syncer: Arc<Syncer>,
    current: Option<Arc<Segment>>,
    refused: Option<(Instant, i32)>,
    /// How much was written that is charged; nobody else counts there.
    charged: Arc<AtomicU64>,
    buffer: Vec<u8>,
    _not_sync: PhantomData<Cell<()>>,
}

/// Why an intent, a report or a change of a hold wasn't accepted. Nothing was recorded, so what it stands for must not
/// happen.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    /// It is larger than a record may be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// There is no room for another segment.
    #[error("no room for the write-ahead log")]
    Full(#[source] io::Error),
    /// The disk failed.
    #[error("the write-ahead log can't be written")]
    Io(#[source] io::Error),
}

impl From<io::Error> for IntentError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(error),
            _ => Self::Io(error),
        }
    }
}

impl From<IntentError> for Error {
    fn from(error: IntentError) -> Self {
        match error {
            IntentError::TooLong(_) => Self::internal("a record is too long for the log").caused_by(error),
            IntentError::Full(_) | IntentError::Io(_) => Self::new(
                ErrorKind::Unavailable,
                "metering.unavailable",
                "Usage can't be recorded at the moment, so the request was not let through.",
            )
            .retry_after(Span::from_secs(1))
            .caused_by(error),
        }
    }
}

/// An intent that waits for its settlement. One that is lost leaves the intent open: the next start of the
/// process will charge it as reserved.
#[derive(Debug)]
#[must_use = "an intent without settlement is charged as reserved, and only after a restart"]
pub struct IntentTicket {
    segment: Arc<Segment>,
    admission: AdmissionId,
}

impl IntentTicket {
    /// The admission it stands for.
    #[must_use]
    pub const fn admission(&self) -> AdmissionId {
        self.admission
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().fmt(f)
    }
}

/// A settlement that wasn't recorded, and the ticket for another try.
#[derive(Debug, thiserror::Error)]
#[error("a settlement was not recorded")]
pub struct Unsettled {
    /// The intent, still open.
    pub ticket: IntentTicket,
    /// Why.
    #[source]
    pub cause: UnsettledCause,
}

/// Why a settlement wasn't recorded.
#[derive(Debug, thiserror::Error)]
pub enum UnsettledCause {
    /// It is larger than a record may be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The intent was appended by another writer, which alone can settle it.
    #[error("the intent belongs to another writer")]
    ForeignTicket,
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Writer {
    pub(super) fn new(number: u16, shared: Arc<Shared>, syncer: Arc<Syncer>) -> Self {
        let token = shared.new_writer();
        let charged = shared.new_count();
        Self {
            charged,
            number,
            token,
            shared,
            syncer,
            current: None,
            refused: None,
            buffer: Vec::new(),
            _not_sync: PhantomData,
        }
    }

    /// Records that a request is about to be forwarded. Once this returns, the request will be charged even if
    /// the process is killed at that moment.
    ///
    /// # Errors
    /// See [`IntentError`]; nothing was recorded then.
    pub fn intent(&mut self, intent: &Intent<'_>) -> Result<IntentTicket, IntentError> {
        self.shared.healthy()?;
        intent.encode(&mut self.buffer)?;
        let segment = self.append(1, Segment::append_intent)?;
        Ok(IntentTicket { segment, admission: intent.admission })
    }

    /// Records an event that an upstream reported. Once this returns, it will be charged even if the process is killed
    /// at that moment; whether it already was, only the ledger knows.
    ///
    /// # Errors
    /// See [`IntentError`]; nothing was recorded then.
    pub fn append_report(&mut self, report: &Report<'_>) -> Result<(), IntentError> {
        self.shared.healthy()?;
        report.encode(&mut self.buffer)?;
        self.append_alone(Some(report.id.uuid()))
    }

    /// Records what happens to a hold. Once this returns, it is known to the next run of the process.
    ///
    /// # Errors
    /// See [`IntentError`]; nothing was recorded then.
    pub fn append_hold(&mut self, change: &HoldChange<'_>) -> Result<(), IntentError> {
        self.shared.healthy()?;
        change.encode(&mut self.buffer)?;
        self.append_alone(None)
    }

    fn append_alone(&mut self, charged: Option<Uuid>) -> Result<(), IntentError> {
        self.append(0, |segment, frame| segment.append_alone(frame, charged))?;
        self.count(charged);
        Ok(())
    }

    fn count(&self, charged: Option<Uuid>) {
        if charged.is_some() {
            self.charged.store(self.charged.load(Relaxed) + 1, Relaxed);
        }
    }

    /// Appends what is in the buffer, where there is room for it and for so many settlements more.
    fn append(
        &mut self,
        settlements: u64,
        append: impl FnOnce(&Segment, &[u8]) -> io::Result<()>,
    ) -> Result<Arc<Segment>, IntentError> {
        let segment = match self.current.take_if(|current| current.has_room(self.buffer.len(), settlements)) {
            Some(current) => current,
            None => self.roll()?,
        };
        if let Err(error) = append(&segment, &self.buffer) {
            // The place may be bad: the next record goes elsewhere, after a while.
            segment.seal();
            return Err(self.refuse(error));
        }
        self.current = Some(Arc::clone(&segment));
        Ok(segment)
    }

    /// When this intent, and everything else acknowledged before the call, is on the disk. Doesn't block; any number of
    /// calls made while the disk is busy are answered together.
    pub fn sync_intent(&self, ticket: &IntentTicket) -> Synced {
        if ticket.segment.is_synced() { Synced::already() } else { self.syncer.synced() }
    }

    /// Records what became of a request, in room that was kept for it.
    ///
    /// # Errors
    /// See [`UnsettledCause`]; the ticket comes back and the intent stays open.
    pub fn settle(
        &mut self,
        ticket: IntentTicket,
        settlement: &Settlement<'_>,
    ) -> Result<(), Box<Unsettled>> {
        let settled = if ticket.segment.is_of(self.token) {
            settlement.encode(ticket.admission, &mut self.buffer).map_err(UnsettledCause::from).and_then(
                |()| {
                    let charged = settlement.outcome != Outcome::Released;
                    let charged = charged.then(|| ticket.admission.uuid());
                    ticket.segment.append_settlement(&self.buffer, charged)?;
                    self.count(charged);
                    Ok(())
                },
            )
        } else {
            Err(UnsettledCause::ForeignTicket)
        };
        settled.map_err(|cause| Box::new(Unsettled { ticket, cause }))
    }

    /// Returns once everything this writer has recorded is on the disk. Blocks.
    ///
    /// # Errors
    /// As [`Log::sync`](super::Log::sync).
    pub fn sync(&mut self) -> io::Result<()> {
        let token = self.token;
        self.shared.sync(|segment| segment.is_of(token))
    }

    /// Leaves the current segment, if there is one, to its open intents, and opens the next.
    fn roll(&mut self) -> Result<Arc<Segment>, IntentError> {
        if let Some((at, code)) = self.refused {
            let now = self.shared.env.now();
            // A clock that went back says nothing about the disk, so it is asked again.
            if now >= at && now < at + RETRY {
                return Err(io::Error::from_raw_os_error(code).into());
            }
        }
        let segment = match self.shared.new_segment(self.number, self.token) {
            Ok(segment) => segment,
            Err(error) => return Err(self.refuse(error)),
        };
        self.refused = None;
        if let Some(full) = self.current.take() {
            full.seal();
        }
        Ok(segment)
    }

    fn refuse(&mut self, error: io::Error) -> IntentError {
        self.refused = error.raw_os_error().map(|code| (self.shared.env.now(), code));
        error.into()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(current) = self.current.take() {
            current.seal();
        }
    }
}
