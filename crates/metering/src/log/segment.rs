//! One file of the log.
//!
//! A segment begins with a header of 64 bytes: magic, version of the format, number of the writer, sequence,
//! time of creation, checksum. The records follow without gaps; what lies behind them is zero.

use super::record;
use insula_kernel::Instant;
use rustix::{fs::FallocateFlags, io::Errno};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use uuid::Uuid;

/// Bytes before the first record.
pub(super) const HEADER: u64 = 64;
const HEADER_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"insulwal";
const VERSION: u16 = 2;

/// A file of the log, shared between its writer, the sync thread and the tail.
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    /// The writer that may append; none for a segment of a former run.
    owner: Option<u64>,
    bytes: u64,
    /// The end of what may be read. Only the owner stores it, after the bytes before it are in the file.
    written: AtomicU64,
    /// The end of what is known to be on the disk.
    synced: AtomicU64,
    /// Whether the directory is known to name the file, on the disk.
    named: AtomicBool,
    /// Intents without settlement; only the owner counts.
    open: AtomicU64,
    /// Whether it takes no more intents. Settlements of its open ones still come.
    sealed: AtomicBool,
    /// What was written to it that is charged; only the owner counts.
    charged: SharedTally,
}

/// A set of events, told from any other by their number and the sum of their ids.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Tally {
    count: u64,
    sum: u128,
}

impl Tally {
    /// Takes one more in.
    pub(super) fn add(&mut self, id: Uuid) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(id.as_u128());
    }
}

/// A tally that one thread keeps and others read once it is complete.
#[derive(Default)]
struct SharedTally {
    count: AtomicU64,
    sum: [AtomicU64; 2],
}

impl SharedTally {
    fn get(&self) -> Tally {
        let [low, high] = self.sum.each_ref().map(|half| u128::from(half.load(Ordering::Relaxed)));
        Tally { count: self.count.load(Ordering::Relaxed), sum: high << 64 | low }
    }

    fn add(&self, id: Uuid) {
        let mut tally = self.get();
        tally.add(id);
        let [low, high] = &self.sum;
        let (sum, half) = (tally.sum, u128::from(u64::MAX));
        low.store(u64::try_from(sum & half).unwrap_or(0), Ordering::Relaxed);
        high.store(u64::try_from(sum >> 64).unwrap_or(0), Ordering::Relaxed);
        self.count.store(tally.count, Ordering::Relaxed);
    }
}

/// What the first bytes of a segment say.
pub(super) enum Header {
    /// They are as they must be.
    Good,
    /// Nothing was written to them.
    Blank,
    /// They are something else.
    Bad,
}

/// Who writes a segment, and when it was begun.
pub(super) struct Origin {
    pub(super) writer: u16,
    pub(super) owner: u64,
    pub(super) at: Instant,
}

impl Segment {
    /// Makes the segment of this sequence with all its bytes allocated; `None` if the sequence is taken.
    pub(super) fn create(dir: &Path, sequence: u64, bytes: u64, origin: &Origin) -> io::Result<Option<Self>> {
        let path = dir.join(format!("{:03}-{sequence:012}.wal", origin.writer));
        let file = match File::options().read(true).write(true).create_new(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            // The tail of another process was quicker; it will find the file blank and remove it.
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let prepared = allocate(&file, bytes)
            .and_then(|()| file.write_all_at(&header(sequence, origin), 0))
            // What is there of it must not go on taking up room.
            .inspect_err(|_| drop(fs::remove_file(&path)));
        prepared?;
        Ok(Some(Self {
            file,
            path,
            owner: Some(origin.owner),
            bytes,
            written: AtomicU64::new(HEADER),
            synced: AtomicU64::new(0),
            named: AtomicBool::new(false),
            open: AtomicU64::new(0),
            sealed: AtomicBool::new(false),
            charged: SharedTally::default(),
        }))
    }

    /// Opens a segment that another run wrote; `None` if its process is still alive, or if it is gone.
    pub(super) fn adopt(path: &Path) -> io::Result<Option<(Self, Header)>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let metadata = file.metadata()?;
        if metadata.nlink() == 0 {
            // Its process confirmed and removed it between our two calls.
            return Ok(None);
        }
        let bytes = metadata.len();
        let header = check_header(&file, bytes)?;
        let segment = Self {
            file,
            path: path.to_owned(),
            owner: None,
            bytes,
            written: AtomicU64::new(bytes.max(HEADER)),
            synced: AtomicU64::new(bytes),
            named: AtomicBool::new(true),
            open: AtomicU64::new(0),
            sealed: AtomicBool::new(true),
            charged: SharedTally::default(),
        };
        Ok(Some((segment, header)))
    }

    /// The sequence in a segment's file name; `None` for any other file.
    pub(super) fn sequence_of(name: &str) -> Option<u64> {
        let (writer, sequence) = name.strip_suffix(".wal")?.split_once('-')?;
        writer.parse::<u16>().ok()?;
        sequence.parse().ok()
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this writer appends to it.
    pub(super) fn is_of(&self, writer: u64) -> bool {
        self.owner == Some(writer)
    }

    /// Whether a former run wrote it.
    pub(super) const fn is_adopted(&self) -> bool {
        self.owner.is_none()
    }

    /// Whether so many bytes fit, with the settlements of all intents still open and so many new ones.
    pub(super) fn has_room(&self, bytes: usize, new: u64) -> bool {
        let reserved = (self.open.load(Ordering::Relaxed) + new) * record::SETTLEMENT_MAX as u64;
        !self.is_sealed() && self.written.load(Ordering::Relaxed) + bytes as u64 + reserved <= self.bytes
    }

    /// Appends an intent; its owner has asked whether there is room.
    pub(super) fn append_intent(&self, frame: &[u8]) -> io::Result<()> {
        self.append(frame, None)?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Appends the settlement of an open intent, for which room was kept; it is counted with this id if it is charged.
    pub(super) fn append_settlement(&self, frame: &[u8], charged: Option<Uuid>) -> io::Result<()> {
        self.append(frame, charged)?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Appends a record that is complete by itself; its owner has asked whether there is room.
    pub(super) fn append_alone(&self, frame: &[u8], charged: Option<Uuid>) -> io::Result<()> {
        self.append(frame, charged)
    }

    /// What was written to it that is charged. Of an adopted segment nobody knows.
    pub(super) fn charged(&self) -> Option<Tally> {
        (!self.is_adopted()).then(|| self.charged.get())
    }

    /// Only the owner's thread comes here. After a failure the same place is written again: what a failed
    /// write left there is beyond `written`, so nobody reads it.
    fn append(&self, frame: &[u8], charged: Option<Uuid>) -> io::Result<()> {
        let at = self.written.load(Ordering::Relaxed);
        self.file.write_all_at(frame, at)?;
        if let Some(id) = charged {
            // Before the frame is published, so that who has read all of them finds all of them counted.
            self.charged.add(id);
        }
        self.written.store(at + frame.len() as u64, Ordering::Release);
        Ok(())
    }

    /// Takes no more intents.
    pub(super) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// Whether it takes no more intents.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// The end of what may be read.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Fills the buffer from this place on.
    pub(super) fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, at)
    }

    /// Brings what was written before the call onto the disk, the file's name included.
    pub(super) fn sync(&self, dir: &File) -> io::Result<()> {
        let end = self.written();
        if self.synced.load(Ordering::Acquire) >= end {
            return Ok(());
        }
        self.file.sync_data()?;
        if !self.named.load(Ordering::Acquire) {
            dir.sync_all()?;
            self.named.store(true, Ordering::Release);
        }
        self.synced.fetch_max(end, Ordering::AcqRel);
        Ok(())
    }

    /// Whether all that was written to it is on the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Acquire) >= self.written()
    }

    /// Whether it is on the disk and nothing more can come.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_sealed() && self.open.load(Ordering::Acquire) == 0 && self.is_synced()
    }

    /// Removes the file; what couldn't be read of a damaged one is kept for people to look at.
    pub(super) fn remove(&self, damaged: bool) -> io::Result<()> {
        let removed = if damaged {
            fs::rename(&self.path, self.path.with_extension("damaged"))
        } else {
            fs::remove_file(&self.path)
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// Allocates all bytes of the file, so that no later write to it can find the disk full.
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        // The file system can't promise room; bytes that are written are as good a promise as it gives.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let zeros = vec![0; 1 << 20];
            let mut at = 0;
            while at < bytes {
                let piece = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(zeros.len());
                file.write_all_at(&zeros[..piece], at)?;
                at += piece as u64;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn header(sequence: u64, origin: &Origin) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[10..12].copy_from_slice(&origin.writer.to_le_bytes());
    header[16..24].copy_from_slice(&sequence.to_le_bytes());
    header[24..32].copy_from_slice(&origin.at.as_micros().to_le_bytes());
    let sum = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&sum.to_le_bytes());
    header
}

fn check_header(file: &File, bytes: u64) -> io::Result<Header> {
    if bytes < HEADER {
        return Ok(Header::Blank);
    }
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0)?;
    if header == [0; HEADER_BYTES] {
        return Ok(Header::Blank);
    }
    if &header[..8] != MAGIC || crc32fast::hash(&header[..60]).to_le_bytes() != header[60..] {
        return Ok(Header::Bad);
    }
    match u16::from_le_bytes([header[8], header[9]]) {
        VERSION => Ok(Header::Good),
        later => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("a segment of the write-ahead log has version {later}, this program reads {VERSION}"),
        )),
    }
}
