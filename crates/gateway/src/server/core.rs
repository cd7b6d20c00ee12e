//! A core: one thread with its connections, its end of the log, and its connections to upstreams.

use super::{GatewayParts, answer::Client, io::ClientIo, upstream::Pool};
use crate::{Gate, Lane};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioTimer;
use insula_kernel::Span;
use insula_web::Entrance;
use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    net::{SocketAddr, TcpStream as StdStream},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, watch},
};

/// A connection that was accepted.
pub(crate) struct Arrival {
    pub(crate) stream: StdStream,
    pub(crate) peer: SocketAddr,
}

/// What a core is made of.
pub(crate) struct CoreParts {
    pub(crate) number: usize,
    pub(crate) gateway: Arc<GatewayParts>,
    pub(crate) stopped: watch::Receiver<Option<Span>>,
}

/// One core.
pub(crate) struct Core {
    pub(crate) gateway: Arc<GatewayParts>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) entrance: Arc<dyn Entrance>,
    pub(crate) lane: Lane,
    pub(crate) pool: Pool,
    connections: Cell<usize>,
    draining: Cell<bool>,
    drain: Notify,
    emptied: Notify,
}

/// Serves the connections that come in until the server stops, then ends them within the time given.
pub(crate) fn run(
    parts: &CoreParts,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
) -> impl Future<Output = ()> + use<> {
    let gateway = Arc::clone(&parts.gateway);
    let writer = gateway.log.writer(u16::try_from(parts.number).unwrap_or(u16::MAX));
    let gate = Arc::clone(&gateway.gate);
    let core = Rc::new(Core {
        lane: gate.lane(writer),
        entrance: Arc::<Gate>::clone(&gate),
        gate,
        gateway,
        pool: Pool::default(),
        connections: Cell::new(0),
        draining: Cell::new(false),
        drain: Notify::new(),
        emptied: Notify::new(),
    });
    serve(core, arrivals, parts.stopped.clone())
}

async fn serve(
    core: Rc<Core>,
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
    mut stopped: watch::Receiver<Option<Span>>,
) {
    let drain = loop {
        tokio::select! {
            biased;
            stop = stopped.wait_for(Option::is_some) => break stop.ok().and_then(|stop| *stop),
            Some(arrival) = arrivals.recv() => core.take(arrival),
        }
    };
    // What was accepted before the end is served too.
    while let Ok(arrival) = arrivals.try_recv() {
        core.take(arrival);
    }
    core.draining.set(true);
    core.drain.notify_waiters();
    let emptied = async {
        while core.connections.get() > 0 {
            core.emptied.notified().await;
        }
    };
    // Connections that are left when this returns are dropped with the thread's runtime, and settled by that.
    if tokio::time::timeout(drain.map_or_else(Default::default, Span::to_std), emptied).await.is_err() {
        tracing::warn!(connections = core.connections.get(), "connections were ended before they were done");
    }
}

impl Core {
    /// Whether the server is about to stop.
    pub(crate) const fn is_draining(&self) -> bool {
        self.draining.get()
    }

    fn take(self: &Rc<Self>, arrival: Arrival) {
        // Without it only latency suffers.
        drop(arrival.stream.set_nodelay(true));
        match TcpStream::from_std(arrival.stream) {
            Ok(stream) => {
                let counted = Counted::one_more(self);
                tokio::task::spawn_local(counted.0.clone().connection(stream, arrival.peer, counted));
            }
            Err(error) => tracing::warn!(error = %error, "a connection was not taken in"),
        }
    }

    async fn connection(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, _counted: Counted) {
        let settings = &self.gateway.settings;
        let client = Rc::new(Client::new(peer.ip()));
        let io = ClientIo::new(stream, settings.client_idle, Arc::clone(&client.unread));
        let core = Rc::clone(&self);
        let service = service_fn(move |request: Request<Incoming>| {
            let (core, client) = (Rc::clone(&core), Rc::clone(&client));
            async move { Ok::<_, Infallible>(core.answer(&client, request).await) }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(settings.head_timeout.to_std())
                .max_header_size(settings.max_head)
                .half_close(true)
                .serve_connection(io, service)
                .with_upgrades()
        );
        let mut drained = pin!(self.drain.notified());
        let mut told = false;
        let mut waiting = false;
        let ended = poll_fn(|context| {
            // Asked only at first, to be woken, and when it has come: not at every step of every request.
            if !waiting || (self.draining.get() && !told) {
                waiting = true;
                if drained.as_mut().poll(context).is_ready() || self.draining.get() {
                    told = true;
                    Pin::new(&mut *connection).graceful_shutdown();
                }
            }
            connection.as_mut().poll(context)
        });
        if let Err(error) = ended.await {
            tracing::debug!(error = %error, "a connection ended");
        }
    }
}

/// A connection that is open; when the last one goes, the core hears of it.
pub(crate) struct Counted(Rc<Core>);

impl Counted {
    /// Counts one more.
    pub(crate) fn one_more(core: &Rc<Core>) -> Self {
        core.connections.set(core.connections.get() + 1);
        Self(Rc::clone(core))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let left = self.0.connections.get() - 1;
        self.0.connections.set(left);
        if left == 0 {
            self.0.emptied.notify_one();
        }
    }
}
