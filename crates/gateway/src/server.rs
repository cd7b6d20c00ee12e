//! Sockets: one thread accepts, each core has a thread that serves, and nothing is shared between those but the gate.
//!
//! What must always hold: a connection stays on the thread it was given to; when the server stops, no connection is
//! accepted any more, requests under way are finished within the time given, and what isn't is settled.

mod answer;
mod calls;
mod control;
mod core;
mod forward;
mod io;
mod probes;
mod reply;
mod timer;
mod upload;
mod upstream;
mod websocket;

pub use control::Control;

use crate::{Gate, HostRules};
use insula_kernel::Span;
use insula_metering::log::Log;
use std::{
    io::{Error, ErrorKind, Result},
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    num::NonZeroUsize,
    sync::{Arc, mpsc as std_mpsc},
    thread::{self, JoinHandle},
};
use tokio::sync::{mpsc, watch};

use self::core::{Arrival, CoreParts};

/// Times and sizes of the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Core threads; as many as the machine has if `None`.
    pub cores: Option<NonZeroUsize>,
    /// How long a client may take to send a head, the wait between two requests included.
    pub head_timeout: Span,
    /// How long a client may go without sending or taking any of a body.
    pub client_idle: Span,
    /// The largest head of a request, in bytes.
    pub max_head: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cores: None,
            head_timeout: Span::from_secs(60),
            client_idle: Span::from_secs(60),
            max_head: 64 << 10,
        }
    }
}

/// What the gateway is made of.
pub struct GatewayParts {
    /// Decides.
    pub gate: Arc<Gate>,
    /// Notes what was decided; each core has a writer of its own, numbered from 0.
    pub log: Log,
    /// Which hosts are for what.
    pub hosts: HostRules,
    /// Insula's own API.
    pub control: Control,
    /// Times and sizes.
    pub settings: Settings,
}

/// An address that was taken, not served yet.
pub struct Bound {
    listener: TcpListener,
    local: SocketAddr,
}

/// A gateway that serves. To be ended by [`Running::shutdown`]; dropped, it ends at once.
pub struct Running {
    local: SocketAddr,
    stop: Option<watch::Sender<Option<Span>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Bound {
    pub(crate) fn listen(address: impl ToSocketAddrs) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        Ok(Self { listener, local })
    }

    /// The address, with the port that was given where none was asked for.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves.
    ///
    /// # Errors
    /// When threads can't be started.
    pub fn serve(self, parts: GatewayParts) -> Result<Running> {
        let cores = parts.settings.cores.or_else(|| thread::available_parallelism().ok());
        let cores = cores.map_or(1, NonZeroUsize::get);
        let (stop, stopped) = watch::channel(None);
        let mut running = Running { local: self.local, stop: Some(stop), threads: Vec::new() };
        let parts = Arc::new(parts);
        let mut lines = Vec::new();
        for number in 0..cores {
            let (sender, receiver) = mpsc::unbounded_channel();
            let core = CoreParts { number, gateway: Arc::clone(&parts), stopped: stopped.clone() };
            running.start(format!("core-{number}"), move || core::run(&core, receiver))?;
            lines.push(sender);
        }
        let (gate, told) = (Arc::clone(&parts.gate), stopped.clone());
        running.start("probes".to_owned(), move || probes::run(gate, told))?;
        let listener = self.listener;
        running.start("acceptor".to_owned(), move || accept(listener, lines, stopped))?;
        Ok(running)
    }
}

impl Running {
    /// The address it serves.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Accepts no more connections, finishes what is under way within `drain`, ends the rest, and returns. Blocks.
    pub fn shutdown(mut self, drain: Span) {
        self.end(drain);
    }

    fn end(&mut self, drain: Span) {
        if let Some(stop) = self.stop.take() {
            stop.send_replace(Some(drain));
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the gateway panicked");
            }
        }
    }

    /// Starts a thread that runs a runtime of its own, and waits until that is there.
    fn start<F: Future<Output = ()>>(
        &mut self,
        name: String,
        run: impl FnOnce() -> F + Send + 'static,
    ) -> Result<()> {
        let (ready, is_ready) = std_mpsc::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    drop(ready.send(Ok(())));
                    runtime.block_on(tokio::task::LocalSet::new().run_until(run()));
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        self.threads.push(thread);
        is_ready.recv().map_err(|_| Error::other("a thread ended early"))?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Span::from_micros(0));
    }
}

/// Hands connections to the cores in turn, until the server stops.
async fn accept(
    listener: TcpListener,
    lines: Vec<mpsc::UnboundedSender<Arrival>>,
    mut stopped: watch::Receiver<Option<Span>>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(error = %error, "connections can't be accepted");
            return;
        }
    };
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(Option::is_some) => return,
            accepted = next(&listener) => accepted,
        };
        match accepted {
            Ok(arrival) => {
                // A core that ended has reported why; there is nobody to serve this connection then.
                drop(lines[turn % lines.len()].send(arrival));
                turn = turn.wrapping_add(1);
            }
            Err(error) => {
                // Out of descriptors or memory: some connection has to end first, so don't spin.
                tracing::warn!(error = %error, "a connection was not accepted");
                tokio::time::sleep(Span::from_millis(20).to_std()).await;
            }
        }
    }
}

async fn next(listener: &tokio::net::TcpListener) -> Result<Arrival> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok(Arrival { stream: stream.into_std()?, peer }),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}
