//! `insula ledger`: whether what was charged is what was admitted, and where the events of it are.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Failed, Output, table},
};
use clap::{Args, Subcommand};
use serde_json::Value as Json;

#[derive(Args)]
pub(crate) struct LedgerArguments {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Subcommand)]
enum LedgerCommand {
    /// Compute every sum of some days once more from its events, and say which differ.
    Check {
        /// An instant of the first day, such as 2026-03-01T00:00:00Z; yesterday if left out.
        #[arg(long)]
        from: Option<String>,
        /// An instant of the last day; today if left out.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Say how many events are at hand, and how many stand in the archive.
    Archive {
        #[command(flatten)]
        target: Target,
    },
}

pub(crate) fn run(arguments: &LedgerArguments, output: &Output) -> Outcome {
    match &arguments.command {
        LedgerCommand::Check { from, to, target } => check(from.as_ref(), to.as_ref(), target, output),
        LedgerCommand::Archive { target } => archive(target, output),
    }
}

fn archive(target: &Target, output: &Output) -> Outcome {
    let client = Client::connect(target, As::Operator, None)?;
    let places = client.get("/v1/operator/ledger/archive")?;
    let text = format!(
        "{} events at hand, {} in {} packs of {} bytes together.\n",
        places["events"], places["archived_events"], places["packs"], places["bytes"]
    );
    output.result(&text, &places);
    Ok(())
}

fn check(from: Option<&String>, to: Option<&String>, target: &Target, output: &Output) -> Outcome {
    let client = Client::connect(target, As::Operator, None)?;
    let asked = [("from", from), ("to", to)];
    let asked: Vec<String> =
        asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))).collect();
    let checked = client.get(&format!("/v1/operator/ledger/check?{}", asked.join("&")))?;
    let wrong = checked["discrepancies"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let span = format!("{} to {}", text(&checked["from"]), text(&checked["to"]));
    if wrong.is_empty() {
        output.result(&format!("Every sum from {span} is that of its events.\n"), &checked);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = wrong
        .iter()
        .map(|sum| {
            let of = |name: &str| format!("{} of {}", sum[name]["quantity"], sum[name]["events"]);
            vec![
                text(&sum["org"]),
                text(&sum["meter"]),
                text(&sum["part"]),
                text(&sum["start"]),
                of("expected"),
                of("found"),
            ]
        })
        .collect();
    output.result(
        &table(&["ORGANIZATION", "METER", "SUM", "FROM", "EVENTS SAY", "LEDGER SAYS"], &rows),
        &checked,
    );
    Err(Failed::from(format!("{} sums from {span} aren't those of their events", wrong.len())))
}
