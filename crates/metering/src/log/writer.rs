//! The end of the log that a request path writes to.

use super::{
    record::{Intent, Settlement, TooLong},
    segment::Segment,
    shared::{Shared, Syncer},
};
use insula_kernel::{AdmissionId, Error, ErrorKind, Instant, Span};
use std::{cell::Cell, fmt, io, marker::PhantomData, sync::Arc};

/// How long a disk that had no room for a segment isn't asked again: refusing must stay cheap under load.
const RETRY: Span = Span::from_millis(100);

/// Appends to segments of its own. One per thread: it may move to another thread, but not be shared.
pub struct Writer {
    number: u16,
    /// Tells its segments from those of any other writer.
    token: u64,
    shared: Arc<Shared>,
    /// Kept alive as long as there is something to sync.
    _syncer: Arc<Syncer>,
    current: Option<Arc<Segment>>,
    refused: Option<(Instant, i32)>,
    buffer: Vec<u8>,
    _not_sync: PhantomData<Cell<()>>,
}

/// Why an intent wasn't accepted. Nothing was recorded, so the request must not be forwarded.
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
            IntentError::TooLong(_) => Self::internal("an intent is too long for the log").caused_by(error),
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
        Self {
            number,
            token,
            shared,
            _syncer: syncer,
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
        let segment = match self.current.take_if(|current| current.has_room(self.buffer.len())) {
            Some(current) => current,
            None => self.roll()?,
        };
        if let Err(error) = segment.append_intent(&self.buffer) {
            // The place may be bad: the next intent goes elsewhere, after a while.
            segment.seal();
            return Err(self.refuse(error));
        }
        self.current = Some(Arc::clone(&segment));
        Ok(IntentTicket { segment, admission: intent.admission })
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
            settlement
                .encode(ticket.admission, &mut self.buffer)
                .map_err(UnsettledCause::from)
                .and_then(|()| Ok(ticket.segment.append_settlement(&self.buffer)?))
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
