//! Connections to upstreams: each core keeps its own.
//!
//! What must always hold: a connection is used again only after its last reply was read to the end; a request is sent
//! a second time only if nothing of it was sent the first time.

use super::{io::UpstreamIo, timer::Timer, upload::Upload};
use crate::{Snapshot, gate::Probed};
use http::HeaderValue;
use hyper::client::conn::http1::{self, SendRequest};
use insula_blueprint::{Target, UpstreamIndex};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// Idle connections that a core keeps to each target at most.
const IDLE: usize = 64;
/// How long a connection may have been idle to be used again: less than what common servers keep one open for (five
/// seconds), since a request that meets a closing connection may be lost.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// How long a target that couldn't be connected to is passed over where there is another.
const AVOIDED_FOR: Duration = Duration::from_secs(2);
/// How long a connection may take to be ready again after its reply was read.
const READY_WITHIN: Duration = Duration::from_secs(1);

/// Why there is no connection; nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NoConnection {
    /// No target accepts one.
    Unreachable,
    /// Every target has as many requests as it takes.
    Busy,
    /// Every target is unhealthy.
    Unhealthy,
}

/// The connections of one core, and the upstreams of the blueprint it last saw.
#[derive(Default)]
pub(crate) struct Pool {
    homes: RefCell<HashMap<Target, Rc<Home>>>,
    view: RefCell<Option<Rc<View>>>,
}

/// The upstreams of one snapshot.
pub(crate) struct View {
    snapshot: Arc<Snapshot>,
    upstreams: Box<[Service]>,
}

/// An upstream: its targets take turns.
pub(crate) struct Service {
    targets: Box<[Place]>,
    turn: Cell<usize>,
    connect: Duration,
}

/// A target, how many requests it takes at once if that is bounded, and how it does if it is probed.
struct Place {
    home: Rc<Home>,
    capacity: Option<Arc<Semaphore>>,
    probed: Option<Arc<Probed>>,
}

impl Place {
    fn is_healthy(&self) -> bool {
        self.probed.as_deref().is_none_or(Probed::is_healthy)
    }
}

/// Where the idle connections to one target are.
struct Home {
    target: Target,
    header: HeaderValue,
    idle: RefCell<Vec<Idle>>,
    avoided_until: Cell<Option<Instant>>,
}

struct Idle {
    sender: SendRequest<Upload>,
    written: Rc<Cell<u64>>,
    timer: Timer,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; see [`Connection::release`].
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Upload>,
    /// Bytes that went out on it, ever.
    pub(crate) written: Rc<Cell<u64>>,
    /// Runs out when a reply takes too long; set by who waits for one.
    pub(crate) timer: Timer,
    /// Whether it has served another request before.
    pub(crate) reused: bool,
    home: Rc<Home>,
    permit: Option<OwnedSemaphorePermit>,
}

/// A connection that one request alone uses. Its permit is to be kept as long as the connection is.
pub(crate) struct Dedicated {
    pub(crate) stream: TcpStream,
    /// The value of `Host` for its target.
    pub(crate) host: HeaderValue,
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// The upstreams of a snapshot.
    pub(crate) fn view(&self, snapshot: &Arc<Snapshot>) -> Rc<View> {
        if let Some(view) = &*self.view.borrow()
            && Arc::ptr_eq(&view.snapshot, snapshot)
        {
            return Rc::clone(view);
        }
        let mut before = self.homes.borrow_mut();
        let mut homes = HashMap::new();
        let service = |(position, upstream): (usize, &insula_blueprint::Upstream)| {
            let probed = snapshot.probed.get(position).map_or(&[][..], |targets| targets);
            let place = |(at, target): (usize, &Target)| {
                let known = homes.get(target).or_else(|| before.get(target)).cloned();
                let home = known.unwrap_or_else(|| Rc::new(Home::new(target)));
                homes.insert(target.clone(), Rc::clone(&home));
                let capacity = snapshot.capacities.get(target).cloned();
                Place { home, capacity, probed: probed.get(at).cloned().flatten() }
            };
            Service {
                targets: upstream.targets.iter().enumerate().map(place).collect(),
                turn: Cell::new(0),
                connect: upstream.timeouts.connect.to_std(),
            }
        };
        let upstreams = snapshot.compiled.upstreams().iter().enumerate().map(service).collect();
        let view = Rc::new(View { snapshot: Arc::clone(snapshot), upstreams });
        // Targets that are gone take their idle connections with them.
        *before = homes;
        *self.view.borrow_mut() = Some(Rc::clone(&view));
        view
    }
}

impl View {
    pub(crate) fn service(&self, index: UpstreamIndex) -> Option<&Service> {
        self.upstreams.get(index.get())
    }
}

impl Service {
    /// An idle connection to the target whose turn it is, if there is one: nearly always, so it is to be asked for first.
    pub(crate) fn idle(&self) -> Option<Connection> {
        let turn = self.turn.get();
        let place = self.targets.get(turn % self.targets.len().max(1))?;
        let Place { home, capacity, .. } = place;
        if home.is_avoided() || !place.is_healthy() {
            return None;
        }
        let permit = match capacity {
            None => None,
            Some(capacity) => Some(Arc::clone(capacity).try_acquire_owned().ok()?),
        };
        let connection = home.idle(permit)?;
        self.turn.set(turn.wrapping_add(1));
        Some(connection)
    }

    /// A connection to one of the targets, idle or fresh; with `fresh`, fresh alone.
    pub(crate) async fn connection(&self, fresh: bool) -> Result<Connection, NoConnection> {
        self.open(async |home, permit| home.connection(permit, fresh, self.connect).await).await
    }

    /// A connection to one of the targets that no other request will use.
    pub(crate) async fn dedicated(&self) -> Result<Dedicated, NoConnection> {
        let dial = async |home: &Rc<Home>, permit| {
            Some(Dedicated { stream: home.dial(self.connect).await?, host: home.header.clone(), permit })
        };
        self.open(dial).await
    }

    /// What is made of the first target that can be connected to.
    async fn open<T>(
        &self,
        make: impl AsyncFn(&Rc<Home>, Option<OwnedSemaphorePermit>) -> Option<T>,
    ) -> Result<T, NoConnection> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let in_turn = || {
            (0..self.targets.len()).map(|step| &self.targets[turn.wrapping_add(step) % self.targets.len()])
        };
        // Whoever says what a healthy target answers doesn't want one asked that doesn't answer so.
        if !self.targets.iter().any(Place::is_healthy) {
            return Err(NoConnection::Unhealthy);
        }
        let mut busy = None;
        // Those that failed a moment ago come last rather than not at all: perhaps all have.
        for avoided in [false, true] {
            let may_be_asked = |place: &&Place| place.is_healthy() && place.home.is_avoided() == avoided;
            for Place { home, capacity, .. } in in_turn().filter(may_be_asked) {
                let permit = match capacity {
                    None => None,
                    Some(capacity) => match Arc::clone(capacity).try_acquire_owned() {
                        Ok(permit) => Some(permit),
                        Err(_) => {
                            busy = busy.or(Some((home, capacity)));
                            continue;
                        }
                    },
                };
                if let Some(made) = make(home, permit).await {
                    return Ok(made);
                }
            }
        }
        let Some((home, capacity)) = busy else { return Err(NoConnection::Unreachable) };
        let waited = timeout(self.connect, Arc::clone(capacity).acquire_owned()).await;
        let permit = waited.ok().and_then(Result::ok).ok_or(NoConnection::Busy)?;
        make(home, Some(permit)).await.ok_or(NoConnection::Unreachable)
    }
}

impl Home {
    fn new(target: &Target) -> Self {
        let header = HeaderValue::from_str(&target.to_string());
        Self {
            target: target.clone(),
            header: header.unwrap_or_else(|_| HeaderValue::from_static("")),
            idle: RefCell::default(),
            avoided_until: Cell::new(None),
        }
    }

    fn is_avoided(&self) -> bool {
        let Some(until) = self.avoided_until.get() else { return false };
        let avoided = Instant::now() < until;
        if !avoided {
            self.avoided_until.set(None);
        }
        avoided
    }

    async fn connection(
        self: &Rc<Self>,
        permit: Option<OwnedSemaphorePermit>,
        fresh: bool,
        within: Duration,
    ) -> Option<Connection> {
        if !fresh && let Some(idle) = self.take_idle() {
            return Some(self.used_again(idle, permit));
        }
        let (sender, written) = self.connect(within).await?;
        let timer = Timer::default();
        Some(Connection { sender, written, timer, reused: false, home: Rc::clone(self), permit })
    }

    fn idle(self: &Rc<Self>, permit: Option<OwnedSemaphorePermit>) -> Option<Connection> {
        self.take_idle().map(|idle| self.used_again(idle, permit))
    }

    fn used_again(self: &Rc<Self>, idle: Idle, permit: Option<OwnedSemaphorePermit>) -> Connection {
        let Idle { sender, written, timer, .. } = idle;
        Connection { sender, written, timer, reused: true, home: Rc::clone(self), permit }
    }

    fn take_idle(&self) -> Option<Idle> {
        let mut all = self.idle.borrow_mut();
        let now = Instant::now();
        while let Some(idle) = all.pop() {
            if now.duration_since(idle.since) > IDLE_FOR {
                // Those below have been idle for longer still.
                all.clear();
                return None;
            }
            if idle.sender.is_ready() {
                return Some(idle);
            }
        }
        None
    }

    async fn connect(&self, within: Duration) -> Option<(SendRequest<Upload>, Rc<Cell<u64>>)> {
        let stream = self.dial(within).await?;
        let written = Rc::new(Cell::new(0));
        let io = UpstreamIo::new(stream, Rc::clone(&written));
        let (sender, connection) = http1::handshake(io).await.ok()?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection to an upstream ended");
            }
        });
        Some((sender, written))
    }

    async fn dial(&self, within: Duration) -> Option<TcpStream> {
        let address = (self.target.host.as_str(), self.target.port);
        let stream = match timeout(within, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::warn!(upstream.target = %self.target, error = %error, "an upstream can't be connected to");
                return self.avoid();
            }
            Err(_elapsed) => {
                tracing::warn!(upstream.target = %self.target, "an upstream took too long to connect to");
                return self.avoid();
            }
        };
        // Without it only latency suffers.
        drop(stream.set_nodelay(true));
        self.avoided_until.set(None);
        Some(stream)
    }

    fn avoid<T>(&self) -> Option<T> {
        self.avoided_until.set(Some(Instant::now() + AVOIDED_FOR));
        None
    }

    fn keep(&self, sender: SendRequest<Upload>, written: Rc<Cell<u64>>, timer: Timer) {
        let mut all = self.idle.borrow_mut();
        all.retain(|idle| !idle.sender.is_closed());
        if all.len() < IDLE {
            all.push(Idle { sender, written, timer, since: Instant::now() });
        }
    }
}

impl Connection {
    /// The value of `Host` for its target.
    pub(crate) fn host(&self) -> HeaderValue {
        self.home.header.clone()
    }

    /// Gives it back, its reply having been read to the end.
    pub(crate) fn release(self) {
        let Self { mut sender, written, timer, home, permit, .. } = self;
        drop(permit);
        if sender.is_ready() {
            home.keep(sender, written, timer);
        } else if !sender.is_closed() {
            // It may still be reading the end of the request, or about to learn that it is done.
            tokio::task::spawn_local(async move {
                if let Ok(Ok(())) = timeout(READY_WITHIN, sender.ready()).await {
                    home.keep(sender, written, timer);
                }
            });
        }
    }
}
