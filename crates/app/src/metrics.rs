//! `/metrics` for Prometheus, at an address of its own.
//!
//! What must always hold: tenants can't reach it, and nothing in it tells one of them from another, however many there
//! are. What is shown is gathered when it is asked for, from what is counted anyway; a request pays for none of it.

use crate::platform::Platform;
use axum::{Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header};
use insula_billing::books::Compared;
use insula_kernel::{Decimal, Result};
use insula_metering::{Figures, archive, ingest::Ingest, log::Log};
use insula_storage::{Store, Worker};
use std::{fmt::Write as _, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Of the text exposition format, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What figures are gathered from.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) platform: Platform,
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) log: Log,
    /// What was settled of an earlier run, before this one wrote anything.
    pub(crate) inherited: u64,
}

/// The listener, until it is told to stop.
pub(crate) struct Metrics {
    local: SocketAddr,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Metrics {
    /// Serves what these sources say.
    pub(crate) fn start(listener: std::net::TcpListener, sources: Sources) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(false);
        let router = Router::new().route("/metrics", get(show)).with_state(sources);
        let running = tokio::spawn(async move {
            let until = async move { drop(stopped.wait_for(|stop| *stop).await) };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%error, "metrics are no longer served");
            }
        });
        Ok(Self { local, stop, running })
    }

    /// The address it listens at.
    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Ends at once: a scrape that is under way is asked again elsewhere.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(true);
        self.running.abort();
        let _ = self.running.await;
    }
}

async fn show(State(sources): State<Sources>) -> impl IntoResponse {
    match sources.gather().await {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, CONTENT_TYPE)], text),
        Err(error) => {
            tracing::warn!(%error, "metrics can't be gathered");
            let text = "metrics can't be gathered; the log says why\n".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/plain")], text)
        }
    }
}

impl Sources {
    async fn gather(&self) -> Result<String> {
        let mut page = Page::default();
        self.traffic(&mut page);
        let figures = self.platform.settler.figures();
        self.log(&mut page, &figures)?;
        self.ingestion(&mut page);
        ledger(&mut page, &figures);
        books(&mut page, self.platform.books.compared());
        self.outboxes(&mut page).await?;
        self.events(&mut page).await?;
        if let Some(bytes) = resident_memory() {
            page.gauge("process_resident_memory_bytes", "Memory of the process that is in use.", bytes);
        }
        Ok(page.0)
    }

    fn traffic(&self, page: &mut Page) {
        let traffic = self.platform.gate.traffic();
        page.counter("insula_admissions_total", "Requests let through to upstreams.", traffic.admitted);
        let name = "insula_refusals_total";
        page.family(
            name,
            "counter",
            "Requests answered with a problem by the gateway, by the class of its code.",
        );
        for (class, count) in traffic.refused {
            page.sample(name, Some(("class", class)), count);
        }
        let help = "Requests let through that haven't ended.";
        page.gauge("insula_requests_in_flight", help, traffic.in_flight);
        let held = self.platform.gate.holds(self.platform.env.now());
        page.gauge("insula_holds", "What is held at this moment, over all limits.", held);
        let name = "insula_upstream_healthy";
        page.family(name, "gauge", "Whether requests go to a target of an upstream that is probed.");
        let mut targets: Vec<_> =
            self.platform.gate.target_health().into_iter().map(|one| (one.target, one.healthy)).collect();
        // One that several upstreams have is well only if all of their probes say so.
        targets.sort_unstable();
        targets.dedup_by(|later, kept| later.0 == kept.0);
        for (target, healthy) in targets {
            page.sample(name, Some(("target", &target)), u8::from(healthy));
        }
    }

    fn log(&self, page: &mut Page, figures: &Figures) -> Result<()> {
        let log = self.log.figures().map_err(|error| {
            insula_kernel::Error::internal("the write-ahead log can't be looked at").caused_by(error)
        })?;
        let help = "Bytes that the segments of the write-ahead log take up.";
        page.gauge("insula_log_bytes", help, log.bytes);
        let settled = (figures.events + figures.duplicates).saturating_sub(self.inherited);
        let help = "Events in the write-ahead log that aren't in the ledger yet.";
        page.gauge("insula_log_unsettled_events", help, log.charged.saturating_sub(settled));
        let help = "How far back everything acknowledged is in the ledger.";
        page.gauge("insula_settlement_lag_seconds", help, Decimal::from_scaled(figures.lag.as_micros(), 6));
        let settled = "Events written into the ledger.";
        page.counter("insula_settled_events_total", settled, figures.events);
        let help = "Of those, requests charged as reserved because their end wasn't seen.";
        page.counter("insula_recovered_events_total", help, figures.recovered);
        let help = "Requests that cost nothing because they reached no upstream.";
        page.counter("insula_released_requests_total", help, figures.released);
        let help = "Places of the write-ahead log that can't be read; 0 when all is well.";
        page.counter("insula_log_damages_total", help, figures.damaged);
        Ok(())
    }

    fn ingestion(&self, page: &mut Page) {
        let figures = self.ingest.figures();
        let name = "insula_ingested_events_total";
        page.family(name, "counter", "Events that upstreams reported, by what became of them.");
        for (outcome, count) in [
            ("accepted", figures.accepted),
            ("duplicate", figures.duplicates),
            ("conflict", figures.conflicts),
            ("rejected", figures.rejected),
        ] {
            page.sample(name, Some(("outcome", outcome)), count);
        }
    }

    async fn events(&self, page: &mut Page) -> Result<()> {
        let mut tx = self.platform.storage.platform_read(Store::Ledger, &Worker::Archive).await?;
        let places = archive::places(&mut tx).await?;
        let name = "insula_ledger_events";
        page.family(name, "gauge", "Events in the ledger, by whether they are at hand or in the archive.");
        page.sample(name, Some(("place", "hot")), places.hot);
        page.sample(name, Some(("place", "archived")), places.packed);
        page.gauge("insula_ledger_archive_bytes", "Bytes that the archive takes.", places.pack_bytes);
        Ok(())
    }

    async fn outboxes(&self, page: &mut Page) -> Result<()> {
        let name = "insula_outbox_messages";
        page.family(name, "gauge", "Messages between stores that wait to be delivered.");
        for (store, named) in [(Store::Directory, "directory"), (Store::Ledger, "ledger")] {
            let mut tx = self.platform.storage.platform_read(store, &Worker::Relay).await?;
            page.sample(name, Some(("store", named)), tx.backlog().await?);
        }
        Ok(())
    }
}

/// Whether what was charged is what was admitted.
fn ledger(page: &mut Page, figures: &Figures) {
    let at = Decimal::from_scaled(figures.checked_at.as_micros(), 6);
    let help = "When sums were last compared with their events; 0 before the first time.";
    page.gauge("insula_ledger_check_last_run_timestamp_seconds", help, at);
    let help = "Days of organizations whose sums were compared with their events.";
    page.counter("insula_ledger_checked_days_total", help, figures.checked);
    let help = "Events that sums were compared with: what was admitted or reported.";
    page.counter("insula_ledger_checked_events_total", help, figures.checked_events);
    let help = "Sums that weren't those of their events; 0 when all is well.";
    page.counter("insula_ledger_differences_total", help, figures.mismatches);
}

/// Whether what is billed is what was charged.
fn books(page: &mut Page, compared: Compared) {
    let help = "Final invoices and statements that were compared with their events, over and over.";
    page.counter("insula_books_checked_invoices_total", help, compared.invoices);
    let help = "Events that invoices were compared with.";
    page.counter("insula_books_checked_events_total", help, compared.events);
    let help = "Where an invoice wasn't that of its events; 0 when all is well.";
    page.counter("insula_books_differences_total", help, compared.differences);
}

/// What the process uses of the memory, where the system says so.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The text exposition format. Names and values of labels are ours, so nothing is to be escaped.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string can't fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl std::fmt::Display) {
        let _ = match label {
            Some((label, of)) => writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(self.0, "{name} {value}"),
        };
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, None, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, None, value);
    }
}
