//! The end of the log that the settler reads from.

use super::{
    Damage, HoldChange, Intent, Report, Settlement,
    reader::{Progress, Reader, Window},
    segment::{Header, Segment},
    shared::Shared,
};
use crate::failpoint::{self, Failpoint};
use std::{io, ops::ControlFlow, sync::Arc};

/// What the log tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry<'a> {
    /// A request and what became of it.
    Settled {
        /// The request.
        intent: Intent<'a>,
        /// What it used.
        settlement: Settlement<'a>,
    },
    /// A request whose process ended before it did: to be charged as reserved, marked as recovered.
    Recovered {
        /// The request.
        intent: Intent<'a>,
    },
    /// An event that an upstream reported. Whether it was before, only the ledger knows.
    Reported(Report<'a>),
    /// What happened to a hold. Changes of one hold may be told in any order.
    Hold(HoldChange<'a>),
    /// A place that can't be read: to be told to the operator.
    Damaged(Damage),
}

impl Entry<'_> {
    /// As how many entries it counts where the number told at once is bounded.
    fn weight(&self) -> usize {
        match self {
            Self::Reported(report) => 1 + report.data.map_or(0, str::len) / 1024,
            _ => 1,
        }
    }
}

/// What was told in one call.
#[derive(Default)]
struct Told {
    entries: usize,
    weight: usize,
}

/// How far a [`Tail`] had been read when it was handed out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark(u64);

/// What a call of [`Tail::poll`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Polled {
    /// How many entries were told.
    pub entries: usize,
    /// Whether they were all there was when the call was made: false when the limit was reached, or when a file
    /// couldn't be read to its end, which the next call reports.
    pub complete: bool,
    /// What to confirm once they, and all told before them, are in the ledger.
    pub mark: Mark,
}

/// Reads what all writers of the process wrote, and what former runs left behind. There is one per log.
///
/// Each entry is told once per run; the caller keeps it until it is in the ledger. What isn't confirmed by the
/// end of the process is told again by the next.
pub struct Tail {
    shared: Arc<Shared>,
    readers: Vec<Reader>,
    /// Read to the end, waiting for their last entries to be confirmed.
    finished: Vec<Reader>,
    window: Window,
    batch: u64,
    confirmed: u64,
    failed: Option<io::Error>,
}

impl Tail {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            readers: Vec::new(),
            finished: Vec::new(),
            window: Window::new(),
            batch: 0,
            confirmed: 0,
            failed: None,
        }
    }

    /// Takes over the segments of processes that have ended, and returns how many there were. Done when the log
    /// is opened; to be called again every few seconds where an older process may still have been draining.
    ///
    /// # Errors
    /// When the directory can't be read, or holds segments of a later version of the format.
    pub fn adopt(&mut self) -> io::Result<usize> {
        let mut adopted = 0;
        for (_, path) in self.shared.files()? {
            // Our own segments are locked too, so they are passed over like those of another process.
            if let Some((segment, header)) = Segment::adopt(&path)? {
                self.readers.push(Reader::new(Arc::new(segment), header));
                adopted += 1;
            }
        }
        Ok(adopted)
    }

    /// Tells what was published and not yet told, at most `limit` entries; a report counts as one more for each KiB of its
    /// data, so that what is told at once is bounded in bytes too. Never waits.
    ///
    /// # Errors
    /// When a file can't be read or removed. Nothing was told then; the next call goes on from there.
    pub fn poll(&mut self, limit: usize, mut tell: impl FnMut(Entry<'_>)) -> io::Result<Polled> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.batch += 1;
        let fresh = self.shared.take_fresh();
        self.readers.extend(fresh.into_iter().map(|segment| Reader::new(segment, Header::Good)));
        let mut told = Told::default();
        let mut readers = std::mem::take(&mut self.readers);
        // A writer that fills every batch alone must not keep the others' records waiting.
        let first = usize::try_from(self.batch).unwrap_or(0) % readers.len().max(1);
        readers.rotate_left(first);
        for reader in readers {
            self.read(reader, limit, &mut told, &mut tell);
        }
        let Told { entries, weight } = told;
        let complete = weight < limit && self.failed.is_none();
        if let Err(error) = self.remove_confirmed() {
            self.failed.get_or_insert(error);
        }
        match self.failed.take() {
            Some(error) if entries == 0 => return Err(error),
            // What was told must not be lost to the caller with the error: that is for the next call.
            failed => self.failed = failed,
        }
        Ok(Polled { entries, complete, mark: Mark(self.batch) })
    }

    fn read(&mut self, mut reader: Reader, limit: usize, told: &mut Told, tell: &mut dyn FnMut(Entry<'_>)) {
        if told.weight >= limit {
            self.readers.push(reader);
            return;
        }
        let before = told.entries;
        self.window.reset();
        let progress = reader.run(&mut self.window, &mut |entry| {
            told.weight += entry.weight();
            tell(entry);
            told.entries += 1;
            if told.weight >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if told.entries > before {
            reader.last_batch = self.batch;
        }
        match progress {
            Ok(Progress::Finished) => self.finished.push(reader),
            Ok(Progress::Stopped | Progress::CaughtUp) => self.readers.push(reader),
            Err(error) => {
                self.failed = Some(error);
                self.readers.push(reader);
            }
        }
    }

    /// Says that everything told up to this mark is in the ledger, and removes the segments that have nothing
    /// else to tell.
    ///
    /// # Errors
    /// When a file can't be removed; the next call tries again.
    pub fn confirm(&mut self, mark: Mark) -> io::Result<()> {
        self.confirmed = self.confirmed.max(mark.0);
        self.remove_confirmed()
    }

    fn remove_confirmed(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        let confirmed = self.confirmed;
        self.finished.retain(|reader| {
            if reader.last_batch > confirmed {
                return true;
            }
            failpoint::reached(Failpoint::SettleRemoving);
            let removed = reader.remove();
            failpoint::reached(Failpoint::SettleRemoved);
            let keep = removed.is_err();
            result = std::mem::replace(&mut result, Ok(())).and(removed);
            keep
        });
        result
    }
}
