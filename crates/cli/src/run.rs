//! `insula serve`: an installation, until it is told to stop.

use crate::{
    Outcome,
    output::{Failed, Output},
};
use insula_app::{Config, Insula};
use insula_blueprint::Compiled;
use insula_kernel::Env;
use serde_json::json;
use std::path::Path;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// A checked blueprint with its text.
pub(crate) struct Source {
    pub(crate) compiled: Compiled,
    pub(crate) text: String,
}

pub(crate) fn serve(config: &Path, output: &Output) -> Outcome {
    log(true);
    let (config, blueprint) = Config::read(config)?;
    let source = blueprint.as_deref().map(read_blueprint).transpose()?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let public_url = config.public_url.clone();
        let (insula, first) = start(config, source).await?;
        let address = insula.local_addr();
        let mut text = format!("Insula serves {public_url} at {address}.");
        if let Some(operator) = &first {
            text.push_str(&format!("\nThe operator {} was added.", operator.email));
        }
        output.result(&text, &json!({ "url": public_url, "listen": address.to_string() }));
        told_to_stop().await?;
        output.progress("Stopping: requests under way are finished first.");
        insula.shutdown().await;
        Ok(())
    })
}

/// Starts an installation, and says which operator it added, if it did.
pub(crate) async fn start(
    config: Config,
    source: Option<Source>,
) -> Result<(Insula, Option<insula_app::FirstOperator>), Failed> {
    let source = source.map(|source| (source.compiled, source.text));
    Insula::start(config, source, Env::system()).await.map_err(|error| Failed::new(error.to_string()))
}

/// Reads and checks a blueprint, with its text.
pub(crate) fn read_blueprint(path: &Path) -> Result<Source, Failed> {
    let checked = insula_app::operations().load(path).map_err(|mistakes| {
        Failed::mistakes(
            format!("the blueprint has mistakes\n\n{mistakes}"),
            json!({ "diagnostics": mistakes }),
        )
    })?;
    let file = if path.is_dir() { path.join(insula_blueprint::FILE_NAME) } else { path.to_owned() };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    Ok(Source { compiled: checked.compile(), text })
}

pub(crate) fn runtime() -> Result<Runtime, Failed> {
    Runtime::new().map_err(|error| Failed::new(format!("no threads can be started: {error}")))
}

/// Waits for SIGTERM or SIGINT.
pub(crate) async fn told_to_stop() -> Outcome {
    let failed = |error| Failed::new(format!("signals can't be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Logs to standard error: JSON lines in production, words in development. `RUST_LOG` says how much.
pub(crate) fn log(production: bool) {
    let level = if production { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if production { builder.json().init() } else { builder.with_target(false).init() }
}
