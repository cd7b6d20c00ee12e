//! The service behind the scraper blueprint: a queue of jobs, each of which fetches pages and picks out what CSS
//! selectors say.
//!
//! It knows nothing of accounts, plans or limits: Insula stands in front of it, says who calls, and is told what was
//! used. What must always hold:
//! - A job that was accepted is never lost, whatever becomes of the process, and its end is reported exactly once.
//! - A job is seen by its own project and environment alone.
//! - Sites are visited as they want to be, and nothing is fetched from networks that aren't meant to be reached.

mod address;
mod config;
mod extract;
mod fair;
mod fetch;
mod http;
mod job;
mod meter;
mod problem;
mod queue;
mod report;
mod robots;
mod run;
pub mod shop;
mod sites;
mod store;
mod system;

pub use config::Config;

use crate::{address::Policy, fetch::Fetcher, job::JobKey, queue::Queue, store::Store};
use insula_client::{Client, Verifier};
use queue::Places;
use std::{error::Error, future::IntoFuture as _, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Notify, broadcast},
    task::JoinSet,
    time::timeout,
};

/// The upstream's name in the blueprint.
const UPSTREAM: &str = "scraper";
/// What the service is called in the events that it reports.
const SOURCE: &str = "/services/scraper";
/// How many changes who watches may be behind.
const CHANGES: usize = 1_024;
/// How long requests that are under way may take at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything the service works with.
struct Service {
    store: Store,
    queue: Arc<Queue>,
    fetcher: Fetcher,
    policy: Policy,
    verifier: Verifier,
    /// How long a job's place is held at first, and by each renewal.
    held: Duration,
    /// Jobs that changed, for those who watch them.
    changes: broadcast::Sender<JobKey>,
    /// Told when there is something to report.
    reports: Notify,
}

impl Service {
    fn changed(&self, key: &JobKey) {
        // An error is that nobody watches.
        let _ = self.changes.send(key.clone());
    }
}

/// Runs the service until `stop` is done, then lets requests that are under way end. Jobs that are go on after the next
/// start.
///
/// Says where it listens to `listening`, once it does.
///
/// # Errors
///
/// What kept it from starting, or from going on.
pub async fn serve(
    config: Config,
    listening: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let client = Client::new(&config.insula_url, &config.insula_token)?.with_source(SOURCE);
    let bounds = config.bounds();
    let service = Arc::new(Service {
        store: Store::open(&config.data).await?,
        queue: Arc::new(Queue::new(config.places())),
        policy: bounds.policy.clone(),
        fetcher: Fetcher::new(bounds)?,
        verifier: client.verifier(UPSTREAM),
        held: Duration::from_secs(config.held_seconds),
        changes: broadcast::channel(CHANGES).0,
        reports: Notify::new(),
    });
    let listener = TcpListener::bind(&config.listen).await?;
    listening(listener.local_addr()?);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&service).report(client.clone()));
    tasks.spawn(Arc::clone(&service).keep_places(client.clone()));
    tasks.spawn(Arc::clone(&service).forget(config.keep()));
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let server =
        axum::serve(listener, http::router(Arc::clone(&service))).with_graceful_shutdown(async move {
            stop.await;
            let _ = stopping.send(());
        });
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        done = &mut server => done??,
        failed = run::run(Arc::clone(&service)) => failed?,
        _ = stopped => {
            // Those who watch a job keep their connections open; they are cut off in the end.
            let _ = timeout(DRAIN, server).await;
        }
    }
    tasks.shutdown().await;
    service.report_last(&client).await;
    service.store.interrupt().await?;
    service.store.close().await;
    Ok(())
}
