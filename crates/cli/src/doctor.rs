//! `insula doctor`: says what is wrong with a set-up, and what would help.

use crate::{
    Outcome,
    client::Client,
    output::{Failed, Output},
    run,
};
use clap::Args;
use insula_app::Config;
use insula_kernel::Env;
use insula_storage::{Engine, POSTGRES_ROLES, Storage};
use serde_json::{Value as Json, json};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

#[derive(Args)]
pub(crate) struct DoctorArguments {
    /// The configuration file of `insula serve` to look at.
    #[arg(long)]
    config: Option<PathBuf>,
    /// A running installation to look at.
    #[arg(long)]
    url: Option<String>,
    /// Print the script that makes the PostgreSQL roles, and nothing else.
    #[arg(long, exclusive = true)]
    postgres_roles: bool,
    /// Print a fresh master secret, and nothing else.
    #[arg(long, exclusive = true)]
    new_secret: bool,
}

/// What was found of one thing.
struct Finding {
    what: &'static str,
    problem: Option<String>,
}

impl Finding {
    fn of<T>(what: &'static str, checked: &Result<T, String>) -> Self {
        Self { what, problem: checked.as_ref().err().cloned() }
    }
}

pub(crate) fn run(arguments: &DoctorArguments, output: &Output) -> Outcome {
    if arguments.postgres_roles {
        output.plain(POSTGRES_ROLES);
        return Ok(());
    }
    if arguments.new_secret {
        let mut secret = [0u8; 32];
        Env::system().rng.fill(&mut secret);
        output.plain(&secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        return Ok(());
    }
    let mut findings = Vec::new();
    if let Some(config) = &arguments.config {
        look_at_config(config, &mut findings)?;
    }
    if let Some(url) = &arguments.url {
        let client = Client::anonymous(url);
        let ready = client.get("/readyz").map(drop).map_err(|failed| failed.message);
        findings.push(Finding::of("the installation answers and is ready", &ready));
    }
    if findings.is_empty() {
        return Err(Failed::new("nothing to look at: say --config FILE, --url URL, or both"));
    }
    report(&findings, output)
}

fn look_at_config(path: &Path, findings: &mut Vec<Finding>) -> Outcome {
    let read = Config::read(path);
    findings.push(Finding::of("the configuration can be read", &read));
    let Ok((config, blueprint)) = read else { return Ok(()) };
    if let Some(blueprint) = blueprint {
        let checked = insula_app::operations().load(&blueprint).map_err(|mistakes| mistakes.to_string());
        findings.push(Finding::of("the blueprint has no mistakes", &checked));
    }
    let free = TcpListener::bind(config.listen).map_err(|error| format!("{}: {error}", config.listen));
    findings.push(Finding::of("the address is free", &free));
    drop(free);
    findings.push(Finding::of("the data folder can be written", &writable(&config.data)));
    let what = match config.engine {
        Engine::Sqlite { .. } => "the embedded store opens",
        Engine::Postgres(_) => "PostgreSQL answers, and keeps tenants apart",
    };
    let opened = run::runtime()?.block_on(async {
        let storage = Storage::open(&config.engine).await.map_err(|error| error.to_string())?;
        storage.close().await;
        Ok::<_, String>(())
    });
    findings.push(Finding::of(what, &opened));
    Ok(())
}

fn writable(folder: &Path) -> Result<(), String> {
    let probe = folder.join(".doctor");
    let wrote = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, ""))
        .and_then(|()| std::fs::remove_file(&probe));
    wrote.map_err(|error| format!("{}: {error}", folder.display()))
}

fn report(findings: &[Finding], output: &Output) -> Outcome {
    let line = |finding: &Finding| match &finding.problem {
        None => format!("  ok   {}", finding.what),
        Some(problem) => format!("  BAD  {}\n       {}", finding.what, problem.replace('\n', "\n       ")),
    };
    let text = findings.iter().map(line).collect::<Vec<_>>().join("\n");
    let found = |finding: &Finding| json!({ "check": finding.what, "ok": finding.problem.is_none(), "problem": finding.problem });
    let document = Json::Array(findings.iter().map(found).collect());
    if findings.iter().all(|finding| finding.problem.is_none()) {
        output.result(&text, &json!({ "findings": document }));
        return Ok(());
    }
    Err(Failed::mistakes(format!("not everything is as it must be\n{text}"), json!({ "findings": document })))
}
