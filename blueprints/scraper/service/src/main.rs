//! The program `scraper-service`.

use clap::Parser as _;
use scraper_service::Config;
use std::{
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let config = Config::parse();
    log(config.log_json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let served = runtime.block_on(async {
        let stop = told_to_stop()?;
        scraper_service::serve(config, listening, stop).await
    });
    // A page that is just being read isn't waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

/// Says where it listens, also to whoever started it at no port in particular.
fn listening(address: SocketAddr) {
    tracing::info!(%address, "listens");
    let mut out = io::stdout();
    // Whoever closed it doesn't want to know.
    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!(%error, "the service can't go on");
    ExitCode::FAILURE
}

fn log(as_json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    if as_json { log.json().init() } else { log.init() }
}

/// Done once the process is asked to end, by a service manager or by hand.
fn told_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
