//! What the writers, the sync thread and the tail of one process have in common. None of it is touched on the
//! way of a request, except when a segment is full.

use super::{
    LogFigures, Options,
    segment::{Origin, Segment},
};
use crate::failpoint::{self, Failpoint};
use insula_kernel::{Env, Span};
use parking_lot::{Condvar, Mutex};
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

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
    /// How much each writer has written that is charged.
    charged: Mutex<Vec<Arc<AtomicU64>>>,
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
            charged: Mutex::default(),
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

    /// A counter for what one writer writes that is charged.
    pub(super) fn new_count(&self) -> Arc<AtomicU64> {
        let count = Arc::default();
        self.charged.lock().push(Arc::clone(&count));
        count
    }

    /// What all writers have written that is charged, and the bytes that segments take up.
    pub(super) fn figures(&self) -> io::Result<LogFigures> {
        let charged = self.charged.lock().iter().map(|count| count.load(Relaxed)).sum();
        let mut bytes = 0;
        for (_, path) in self.files()? {
            // It may have been settled and removed meanwhile.
            bytes += fs::metadata(path).map_or(0, |file| file.len());
        }
        Ok(LogFigures { charged, bytes })
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
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
#[derive(Default)]
struct Asked {
    state: Mutex<AskedState>,
    changed: Condvar,
}

#[derive(Default)]
struct AskedState {
    stop: bool,
    /// Who waits for what was written before they asked.
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

/// Ends when what it stands for is on the disk, or can't be brought there.
#[must_use = "nothing is known to be on the disk before this was awaited"]
#[derive(Debug)]
pub struct Synced(Option<oneshot::Receiver<Result<(), String>>>);

impl Synced {
    /// It is on the disk.
    pub(super) const fn already() -> Self {
        Self(None)
    }
}

impl Future for Synced {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(answer) = &mut self.0 else { return Poll::Ready(Ok(())) };
        Pin::new(answer).poll(cx).map(|answer| match answer {
            Ok(answer) => answer.map_err(io::Error::other),
            Err(_) => Err(io::Error::other("the thread that syncs the write-ahead log has ended")),
        })
    }
}

impl Syncer {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let asked = Arc::new(Asked::default());
        let received = Arc::clone(&asked);
        let thread = thread::Builder::new().name("wal-sync".into()).spawn(move || {
            let mut last = false;
            while !last {
                let (stop, waiting) = received.next(shared.options.sync_every);
                last = stop;
                // A failure is kept in `shared`, where it stops admission.
                if !waiting.is_empty() {
                    failpoint::reached(Failpoint::LogSyncing);
                }
                let outcome = shared.sync(|_| true).map_err(|error| error.to_string());
                if !waiting.is_empty() {
                    failpoint::reached(Failpoint::LogSynced);
                }
                for one in waiting {
                    // Who no longer waits needs no answer.
                    drop(one.send(outcome.clone()));
                }
                shared.forget_synced();
            }
        })?;
        Ok(Self { asked, thread: Some(thread) })
    }

    /// When everything that was written before the call is on the disk. All who ask while the disk is busy share the
    /// next sync.
    pub(super) fn synced(&self) -> Synced {
        let (answer, synced) = oneshot::channel();
        self.asked.state.lock().waiting.push(answer);
        self.asked.changed.notify_all();
        Synced(Some(synced))
    }
}

impl Asked {
    /// Waits until someone asks, and not longer than this; whether to stop, and who is to be answered.
    fn next(&self, every: Span) -> (bool, Vec<oneshot::Sender<Result<(), String>>>) {
        let mut state = self.state.lock();
        if !state.stop && state.waiting.is_empty() {
            self.changed.wait_for(&mut state, every.to_std());
        }
        (state.stop, std::mem::take(&mut state.waiting))
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.asked.state.lock().stop = true;
        self.asked.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            drop(thread.join());
        }
    }
}
