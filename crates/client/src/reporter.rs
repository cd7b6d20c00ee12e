//! Reports events in the background: gathered, sent in batches, sent again until they were answered for.
//!
//! Every event that waits or is under way holds a permit, which it gives back once it was answered for: so the permits
//! bound what is in memory, and having all of them means that nothing waits.

use crate::{Client, Error, Event};
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// How many bytes of events go into a batch: half of what the installation reads.
const BATCH_BYTES: usize = 512 << 10;

/// Told of events that don't count: the event's id, and why.
type Refusals = Arc<dyn Fn(&str, &Error) + Send + Sync>;

/// The bounds and times of a reporter.
#[derive(Clone)]
pub struct ReporterOptions {
    /// How many events may wait or be under way; who reports more waits.
    pub capacity: u32,
    /// How many events go into a batch.
    pub batch: usize,
    /// How long an event waits for others.
    pub linger: Duration,
    /// How many batches are under way at once.
    pub in_flight: usize,
    /// The pause after a first failure; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// Told of events that don't count: the event's id, and why. They are not sent again. Logs them if not said.
    pub on_refusal: Refusals,
}

impl Default for ReporterOptions {
    fn default() -> Self {
        Self {
            capacity: 20_000,
            batch: 1_000,
            linger: Duration::from_millis(200),
            in_flight: 4,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            on_refusal: Arc::new(
                |id, why| tracing::warn!(event = id, error = %why, "an event doesn't count"),
            ),
        }
    }
}

impl ReporterOptions {
    /// With this told of events that don't count.
    #[must_use]
    pub fn on_refusal(mut self, told: impl Fn(&str, &Error) + Send + Sync + 'static) -> Self {
        self.on_refusal = Arc::new(told);
        self
    }
}

impl fmt::Debug for ReporterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {} events, {} in a batch", self.capacity, self.batch)
    }
}

/// Reports events in the background. Cheap to clone. When the last clone is dropped, what waits is still sent, as long as
/// the runtime lives; [`Reporter::flush`] waits for it.
#[derive(Clone)]
pub struct Reporter {
    queue: mpsc::UnboundedSender<Command>,
    permits: Arc<Semaphore>,
    capacity: u32,
    source: Arc<str>,
}

enum Command {
    Report(Waiting),
    /// Don't wait for more.
    Hurry,
}

/// An event on its way.
struct Waiting {
    org: String,
    id: String,
    json: String,
    _permit: OwnedSemaphorePermit,
}

impl Reporter {
    pub(crate) fn start(client: Client, options: ReporterOptions) -> Self {
        let (queue, commands) = mpsc::unbounded_channel();
        let capacity = options.capacity.clamp(1, u32::MAX >> 3);
        let permits = Arc::new(Semaphore::new(capacity as usize));
        let source = client.source().into();
        tokio::spawn(run(Courier { client, options: Arc::new(options) }, commands));
        Self { queue, permits, capacity, source }
    }

    /// Takes an event in; waits while there are too many. It is answered for later: [`ReporterOptions::on_refusal`] hears
    /// of those that don't count.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] where the runtime that the reporter ran on has ended.
    pub async fn report(&self, event: Event) -> Result<(), Error> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Error::Closed)?;
        self.enqueue(&event, permit)
    }

    /// Takes an event in if there is room; gives it back otherwise.
    ///
    /// # Errors
    ///
    /// The event, boxed.
    pub fn try_report(&self, event: Event) -> Result<(), Box<Event>> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => self.enqueue(&event, permit).map_err(|_| Box::new(event)),
            Err(_) => Err(Box::new(event)),
        }
    }

    /// Waits until every event that was taken in has been answered for. Events that come meanwhile wait for that too.
    pub async fn flush(&self) {
        if self.queue.send(Command::Hurry).is_ok() {
            drop(self.permits.acquire_many(self.capacity).await);
        }
    }

    fn enqueue(&self, event: &Event, permit: OwnedSemaphorePermit) -> Result<(), Error> {
        let waiting = Waiting {
            org: event.org().to_owned(),
            id: event.event_id().to_owned(),
            json: event.json(&self.source),
            _permit: permit,
        };
        self.queue.send(Command::Report(waiting)).map_err(|_| Error::Closed)
    }
}

/// Events of one organization that are sent together.
struct Batch {
    events: Vec<Waiting>,
    bytes: usize,
    due: Instant,
}

/// Takes batches to the installation.
#[derive(Clone)]
struct Courier {
    client: Client,
    options: Arc<ReporterOptions>,
}

/// Gathers events by organization, and sends a batch once it is full or its time has come.
async fn run(courier: Courier, mut commands: mpsc::UnboundedReceiver<Command>) {
    let options = Arc::clone(&courier.options);
    let mut gathering: HashMap<String, Batch> = HashMap::new();
    let mut ready: VecDeque<Vec<Waiting>> = VecDeque::new();
    let mut sending = JoinSet::new();
    let mut open = true;
    loop {
        while sending.len() < options.in_flight.max(1) {
            let Some(events) = ready.pop_front() else { break };
            sending.spawn(courier.clone().deliver(events));
        }
        if !open && sending.is_empty() {
            return;
        }
        // While as many batches are under way as may be, those that are gathered go on growing.
        let idle = sending.len() < options.in_flight.max(1);
        let due = gathering.values().map(|batch| batch.due).min().filter(|_| idle);
        tokio::select! {
            command = commands.recv(), if open => match command {
                Some(Command::Report(event)) => gather(&mut gathering, &mut ready, event, &options),
                Some(Command::Hurry) => ready.extend(gathering.drain().map(|(_, batch)| batch.events)),
                None => {
                    open = false;
                    ready.extend(gathering.drain().map(|(_, batch)| batch.events));
                }
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                let now = Instant::now();
                ready.extend(gathering.extract_if(|_, batch| batch.due <= now).map(|(_, batch)| batch.events));
            }
            Some(delivered) = sending.join_next(), if !sending.is_empty() => {
                if let Err(error) = delivered {
                    tracing::error!(%error, "events were lost on their way");
                }
            }
        }
    }
}

fn gather(
    gathering: &mut HashMap<String, Batch>,
    ready: &mut VecDeque<Vec<Waiting>>,
    event: Waiting,
    options: &ReporterOptions,
) {
    let fresh = || Batch { events: Vec::new(), bytes: 0, due: Instant::now() + options.linger };
    let batch = gathering.entry(event.org.clone()).or_insert_with(fresh);
    if !batch.events.is_empty() && batch.bytes + event.json.len() > BATCH_BYTES {
        ready.push_back(std::mem::replace(batch, fresh()).events);
    }
    batch.bytes += event.json.len() + 1;
    let org = event.org.clone();
    batch.events.push(event);
    if batch.events.len() >= options.batch.max(1)
        && let Some(full) = gathering.remove(&org)
    {
        ready.push_back(full.events);
    }
}

impl Courier {
    /// Sends events of one organization until they are answered for.
    async fn deliver(self, events: Vec<Waiting>) {
        let Some(org) = events.first().map(|event| event.org.clone()) else { return };
        let mut parts = vec![events];
        let mut pause = self.options.first_pause;
        while let Some(part) = parts.pop() {
            let texts: Vec<&str> = part.iter().map(|event| event.json.as_str()).collect();
            match self.client.report_batch(&org, &texts).await {
                Ok(receipt) => {
                    pause = self.options.first_pause;
                    for rejection in receipt.rejected {
                        if let Some(event) = part.get(rejection.index) {
                            (self.options.on_refusal)(&event.id, &rejection.into());
                        }
                    }
                }
                Err(error) if error.is_transient() => {
                    let wait = pause.max(error.retry_after().unwrap_or_default());
                    tracing::debug!(%error, events = part.len(), "a batch will be sent again");
                    sleep(wait.min(self.options.longest_pause)).await;
                    pause *= 2;
                    pause = pause.min(self.options.longest_pause);
                    parts.push(part);
                }
                Err(Error::Refused(problem)) if problem.status == 413 && part.len() > 1 => {
                    let mut first = part;
                    let second = first.split_off(first.len() / 2);
                    parts.extend([first, second]);
                }
                Err(error) => {
                    for event in &part {
                        (self.options.on_refusal)(&event.id, &error);
                    }
                }
            }
        }
    }
}
