//! Reads one segment: pairs its records and finds the way past what can't be read.

use super::{
    frame::{self, Parsed},
    record::{self, HoldChange, Intent, Outcome, Report, Settlement},
    segment::{HEADER, Header, Segment, Tally},
    tail::Entry,
};
use insula_kernel::AdmissionId;
use std::{collections::HashMap, io, ops::ControlFlow, path::PathBuf, sync::Arc};

/// Bytes that are read from a file at once.
const CHUNK: usize = 256 << 10;

/// A place in the log that can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The segment.
    pub segment: PathBuf,
    /// Where in it, in bytes.
    pub offset: u64,
    /// How many bytes are passed over.
    pub length: u64,
    /// What it looks like.
    pub kind: DamageKind,
}

/// What damage looks like.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DamageKind {
    /// A last write that was cut short. It was never acknowledged: nothing is lost.
    Torn,
    /// Something was there and has changed or is missing: what it told is lost. The segment is kept, renamed to
    /// `*.damaged`, when it would be removed.
    Corrupt,
    /// A settlement whose intent isn't there, so that nobody knows whom it charges.
    Orphan,
    /// A segment in which other events were read than were written to it: what was charged isn't what was admitted.
    Miscounted,
}

/// A piece of a file in memory.
pub(super) struct Window {
    buffer: Vec<u8>,
    start: u64,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { buffer: Vec::new(), start: 0 }
    }

    /// Forgets what it holds, before another file is read through it.
    pub(super) fn reset(&mut self) {
        self.buffer.clear();
    }

    /// The bytes from `at` on, at least `wanted` of them, or fewer where `end` is nearer.
    fn get(&mut self, segment: &Segment, at: u64, wanted: usize, end: u64) -> io::Result<&[u8]> {
        let there = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let skip = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = skip.filter(|skip| skip + wanted.min(there) <= self.buffer.len()) {
            return Ok(&self.buffer[skip..]);
        }
        self.buffer.resize(there.min(CHUNK), 0);
        self.start = at;
        segment.read(&mut self.buffer, at).inspect_err(|_| self.buffer.clear())?;
        Ok(&self.buffer)
    }
}

/// Whether a reader has more to tell.
#[derive(PartialEq, Eq)]
pub(super) enum Progress {
    /// The caller has had enough for now.
    Stopped,
    /// It told all there is; more may come.
    CaughtUp,
    /// It told all that will ever be.
    Finished,
}

/// Reads one segment from its start, as far as it is written.
pub(super) struct Reader {
    segment: Arc<Segment>,
    at: u64,
    /// The payloads of intents without settlement. Held in memory: as many as there are requests in flight.
    open: HashMap<AdmissionId, Box<[u8]>>,
    header: Header,
    damaged: bool,
    /// What was told that is charged.
    charged: Tally,
    /// The last batch that has something of this segment in it.
    pub(super) last_batch: u64,
}

impl Reader {
    pub(super) fn new(segment: Arc<Segment>, header: Header) -> Self {
        let charged = Tally::default();
        Self { segment, at: HEADER, open: HashMap::new(), header, damaged: false, charged, last_batch: 0 }
    }

    /// Removes the segment's file.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.segment.remove(self.damaged)
    }

    /// Tells what there is until `tell` has had enough.
    pub(super) fn run(
        &mut self,
        window: &mut Window,
        tell: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> io::Result<Progress> {
        // Asked before the end is looked up: once sealed, only settlements of known intents can still come.
        let sealed = self.segment.is_sealed();
        let end = self.segment.written();
        if matches!(self.header, Header::Bad) {
            self.header = Header::Good;
            if tell(self.damage(0, HEADER, DamageKind::Corrupt)).is_break() {
                return Ok(Progress::Stopped);
            }
        }
        while self.at < end {
            if self.step(window, end, tell)?.is_break() {
                return Ok(Progress::Stopped);
            }
        }
        if self.segment.is_adopted() {
            return Ok(self.recover(tell));
        }
        if !sealed || !self.open.is_empty() {
            return Ok(Progress::CaughtUp);
        }
        if self.segment.charged().is_some_and(|charged| charged != self.charged) {
            let length = self.at;
            // Whatever the answer: there is nothing after it.
            let _ = tell(self.damage(0, length, DamageKind::Miscounted));
        }
        Ok(Progress::Finished)
    }

    /// Reads what stands at the present place.
    fn step(
        &mut self,
        window: &mut Window,
        end: u64,
        tell: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let at = self.at;
        let Parsed::Frame { kind, payload, bytes } =
            frame::parse(window.get(&self.segment, at, frame::MAX, end)?)
        else {
            let (next, kind, length) = self.find_next(window, end)?;
            self.at = next;
            return Ok(kind.map_or(ControlFlow::Continue(()), |kind| tell(self.damage(at, length, kind))));
        };
        let bytes = bytes as u64;
        self.at += bytes;
        match kind {
            record::INTENT if let Some(intent) = Intent::decode(payload) => {
                self.open.insert(intent.admission, payload.into());
                Ok(ControlFlow::Continue(()))
            }
            record::SETTLEMENT if let Some((admission, settlement)) = Settlement::decode(payload) => {
                let stored = self.open.remove(&admission);
                if stored.is_some() && settlement.outcome != Outcome::Released {
                    self.charged.add(admission.uuid());
                }
                Ok(match stored.as_deref().and_then(Intent::decode) {
                    Some(intent) => tell(Entry::Settled { intent, settlement }),
                    None => tell(self.damage(at, bytes, DamageKind::Orphan)),
                })
            }
            record::REPORT if let Some(report) = Report::decode(payload) => {
                self.charged.add(report.id.uuid());
                Ok(tell(Entry::Reported(report)))
            }
            record::HOLD if let Some(change) = HoldChange::decode(payload) => Ok(tell(Entry::Hold(change))),
            // Its checksum is right but its content isn't: nothing this program wrote.
            _ => Ok(tell(self.damage(at, bytes, DamageKind::Corrupt))),
        }
    }

    /// From a place that can't be read, the next that can, what lies between and how long it is; no kind if there
    /// is nothing but the zeros that follow the last record.
    ///
    /// Records that were acknowledged may stand behind what can't be read: a bad sector, or pages that reached
    /// the disk in another order when the machine lost power. So the search goes on to the end.
    fn find_next(&self, window: &mut Window, end: u64) -> io::Result<(u64, Option<DamageKind>, u64)> {
        let (mut at, mut last) = (self.at, None);
        while at < end {
            let bytes = window.get(&self.segment, at, frame::MAX, end)?;
            // A frame's length isn't zero, so at most three zeros stand at its beginning.
            let zeros = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
            if zeros > 3 {
                at += if zeros == bytes.len() { zeros } else { zeros - 3 } as u64;
                continue;
            }
            if matches!(frame::parse(bytes), Parsed::Frame { .. }) {
                return Ok((at, Some(DamageKind::Corrupt), at - self.at));
            }
            if bytes[0] != 0 {
                last = Some(at);
            }
            at += 1;
        }
        // Only in a segment of a former run can a write have been cut short, or not have been made at all.
        let adopted = self.segment.is_adopted();
        let Some(last) = last else {
            return Ok((end, (!adopted).then_some(DamageKind::Corrupt), end - self.at));
        };
        let length = last + 1 - self.at;
        let bytes = window.get(&self.segment, self.at, frame::MAX, end)?;
        let torn =
            usize::try_from(length).ok().and_then(|length| bytes.get(..length)).is_some_and(frame::is_torn);
        let kind = if torn && adopted { DamageKind::Torn } else { DamageKind::Corrupt };
        Ok((end, Some(kind), length))
    }

    /// What a former run began and didn't end.
    fn recover(&mut self, tell: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>) -> Progress {
        while let Some(admission) = self.open.keys().next().copied() {
            let payload = self.open.remove(&admission);
            if let Some(intent) = payload.as_deref().and_then(Intent::decode)
                && tell(Entry::Recovered { intent }).is_break()
            {
                return Progress::Stopped;
            }
        }
        Progress::Finished
    }

    fn damage(&mut self, offset: u64, length: u64, kind: DamageKind) -> Entry<'static> {
        self.damaged |= kind != DamageKind::Torn;
        Entry::Damaged(Damage { segment: self.segment.path().to_owned(), offset, length, kind })
    }
}
