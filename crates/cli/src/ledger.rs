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
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let span = format!("{} to {}", text(&checked["from"]), text(&checked["to"]));
    let list = |name: &str| checked[name].as_array().map_or(&[][..], Vec::as_slice);
    let (sums, invoices) = (list("discrepancies"), list("differences"));
    if sums.is_empty() && invoices.is_empty() {
        let count = &checked["invoices"];
        let said = format!(
            "Every sum from {span} is that of its events, and so is each of {count} invoices and statements.\n"
        );
        output.result(&said, &checked);
        return Ok(());
    }
    let sum = |sum: &Json| {
        let of = |name: &str| format!("{} of {}", sum[name]["quantity"], sum[name]["events"]);
        let mut row: Vec<String> =
            ["org", "meter", "part", "start"].iter().map(|name| text(&sum[*name])).collect();
        row.extend([of("expected"), of("found")]);
        row
    };
    let invoice = |wrong: &Json| {
        ["org", "invoice", "meter", "fault", "billed", "found"]
            .iter()
            .map(|name| text(&wrong[*name]))
            .collect()
    };
    let mut said = String::new();
    if !sums.is_empty() {
        let rows: Vec<Vec<String>> = sums.iter().map(sum).collect();
        said += &table(&["ORGANIZATION", "METER", "SUM", "FROM", "EVENTS SAY", "LEDGER SAYS"], &rows);
    }
    if !invoices.is_empty() {
        let rows: Vec<Vec<String>> = invoices.iter().map(invoice).collect();
        said += &table(&["ORGANIZATION", "INVOICE", "METER", "EVENTS", "BILLED", "FOUND"], &rows);
    }
    output.result(&said, &checked);
    let (sums, invoices) = (sums.len(), invoices.len());
    Err(Failed::from(format!("{sums} sums and {invoices} invoices from {span} aren't those of their events")))
}
