//! What the writers, the sync thread and the tail of one process have in common. None of it is touched on the
//! way of a request, except when a segment is full.

use super::{
    Options,
    segment::{Origin, Segment},
};
use insula_kernel::Env;
use parking_lot::{Condvar, Mutex};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

/// The directory of the log and its segments.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) env: Env,
    path: PathBuf,
    dir: File,
    next_sequence: AtomicU64,
    next_writer: AtomicU64,
    /// Segments that may hold something that isn't on the disk.
    unsynced: Mutex<Vec<Arc<Segment>>>,
    /// Segments that the tail hasn't met yet.
    fresh: Mutex<Vec<Arc<Segment>>>,
    /// Whether a sync has failed.
    failed: AtomicBool,
}

impl Shared {
    pub(super) fn open(path: &Path, options: Options, env: Env) -> io::Result<Self> {
        if options.segment_bytes < Options::MIN_SEGMENT_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "segments of the write-ahead log are too small",
            ));
        }
        fs::create_dir_all(path)?;
        let shared = Self {
            options,
            env,
            path: path.to_owned(),
            dir: File::open(path)?,
            next_sequence: AtomicU64::new(1),
            next_writer: AtomicU64::new(0),
            unsynced: Mutex::default(),
            fresh: Mutex::default(),
            failed: AtomicBool::new(false),
        };
        let last = shared.files()?.last().map_or(0, |(sequence, _)| *sequence);
        shared.next_sequence.store(last + 1, Relaxed);
        Ok(shared)
    }

    /// The segments in the directory, oldest first.
    pub(super) fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some(sequence) = entry.file_name().to_str().and_then(Segment::sequence_of) {
                files.push((sequence, entry.path()));
            }
        }
        files.sort();
        Ok(files)
    }

    /// A number that no other writer of this process has.
    pub(super) fn new_writer(&self) -> u64 {
        self.next_writer.fetch_add(1, Relaxed)
    }

    /// Opens a new segment and shows it to the sync thread and the tail.
    pub(super) fn new_segment(&self, writer: u16, owner: u64) -> io::Result<Arc<Segment>> {
        let origin = Origin { writer, owner, at: self.env.now() };
        let segment = loop {
            // Another process may be numbering segments in the same directory; a taken number is passed over.
            let sequence = self.next_sequence.fetch_add(1, Relaxed);
            if let Some(segment) = Segment::create(&self.path, sequence, self.options.segment_bytes, &origin)?
            {
                break Arc::new(segment);
            }
        };
        self.unsynced.lock().push(Arc::clone(&segment));
        self.fresh.lock().push(Arc::clone(&segment));
        Ok(segment)
    }

    /// The segments opened since the last call.
    pub(super) fn take_fresh(&self) -> Vec<Arc<Segment>> {
        std::mem::take(&mut *self.fresh.lock())
    }

    /// Brings what was written to these segments before the call onto the disk.
    ///
    /// A failure is final: the kernel reports a lost page once and then calls it clean, so a later success
    /// would prove nothing.
    pub(super) fn sync(&self, which: impl Fn(&Segment) -> bool) -> io::Result<()> {
        // Not under the lock: a writer that needs a new segment must not wait for the disk.
        let segments: Vec<_> = self.unsynced.lock().iter().filter(|s| which(s)).cloned().collect();
        for segment in segments {
            if let Err(error) = segment.sync(&self.dir) {
                self.failed.store(true, Relaxed);
                return Err(error);
            }
        }
        self.healthy()
    }

    fn forget_synced(&self) {
        self.unsynced.lock().retain(|segment| !segment.is_at_rest());
    }

    /// Fails if any sync has.
    pub(super) fn healthy(&self) -> io::Result<()> {
        if self.failed.load(Relaxed) {
            return Err(io::Error::other("the write-ahead log could not be brought onto the disk"));
        }
        Ok(())
    }
}

/// The thread that syncs what was written; stops, after a last sync, with its last owner.
pub(super) struct Syncer {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Arc::clone(&stop);
        let every = shared.options.sync_every.to_std();
        let thread = thread::Builder::new().name("wal-sync".into()).spawn(move || {
            let (stopped, changed) = &*signal;
            let mut last = false;
            while !last {
                let mut stopped = stopped.lock();
                if !*stopped {
                    changed.wait_for(&mut stopped, every);
                }
                last = *stopped;
                drop(stopped);
                // A failure is kept in `shared`, where it stops admission.
                drop(shared.sync(|_| true));
                shared.forget_synced();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            drop(thread.join());
        }
    }
}
