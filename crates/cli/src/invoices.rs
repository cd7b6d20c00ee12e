//! `insula invoice`: what an organization is charged.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Output, items, money, table, text},
};
use clap::{Args, Subcommand};
use serde_json::Value as Json;

#[derive(Subcommand)]
pub(crate) enum InvoiceCommand {
    /// The latest invoices.
    List {
        /// Statements of usage that cost nothing too.
        #[arg(long)]
        statements: bool,
        #[command(flatten)]
        of: Of,
    },
    /// One invoice with its lines.
    Show {
        /// The invoice's id.
        id: String,
        #[command(flatten)]
        of: Of,
    },
    /// The next invoice as it would be if nothing more were used.
    Upcoming {
        #[command(flatten)]
        of: Of,
    },
    /// Every line, tax and credit note of what became final, for accounting.
    Export {
        /// As comma-separated values, which is what comes without `--json` too.
        #[arg(long)]
        csv: bool,
        /// What became final from this instant on, such as 2026-01-01T00:00:00Z.
        #[arg(long)]
        from: Option<String>,
        /// What became final before this instant.
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        of: Of,
    },
}

/// Of which organization.
#[derive(Args)]
pub(crate) struct Of {
    /// The organization, by id or slug.
    #[arg(env = "INSULA_ORG", default_value = "demo")]
    pub(crate) org: String,
    #[command(flatten)]
    pub(crate) target: Target,
}

impl Of {
    pub(crate) fn client(&self) -> Result<Client, crate::Failed> {
        Client::connect(&self.target, As::Demo, Some(&self.org))
    }

    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/v1/orgs/{}{rest}", self.org)
    }
}

pub(crate) fn run(command: &InvoiceCommand, output: &Output) -> Outcome {
    match command {
        InvoiceCommand::List { statements, of } => {
            let path = of.path(&format!("/invoices?limit=200&statements={statements}"));
            let page = of.client()?.get(&path)?;
            output.result(&listed(&page), &page);
        }
        InvoiceCommand::Show { id, of } => {
            let invoice = of.client()?.get(&of.path(&format!("/invoices/{id}")))?;
            output.result(&shown(&invoice), &invoice);
        }
        InvoiceCommand::Upcoming { of } => {
            let invoice = of.client()?.get(&of.path("/invoices/upcoming"))?;
            output.result(&shown(&invoice), &invoice);
        }
        InvoiceCommand::Export { csv, from, to, of } => {
            let is_csv = *csv || !output.is_json();
            let mut path =
                of.path(&format!("/invoices/export?format={}", if is_csv { "csv" } else { "json" }));
            for (name, value) in [("from", from), ("to", to)] {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={value}"));
                }
            }
            let rows = of.client()?.get(&path)?;
            output.plain(rows.as_str().map_or_else(|| rows.to_string(), str::to_owned).trim_end());
        }
    }
    Ok(())
}

fn listed(page: &Json) -> String {
    let row = |invoice: &Json| {
        vec![
            text(&invoice["id"]),
            text(&invoice["number"]),
            text(&invoice["status"]),
            text(&invoice["reason"]),
            text(&invoice["created_at"]),
            money(&invoice["total"]),
            money(&invoice["due"]),
        ]
    };
    let rows: Vec<Vec<String>> = items(&page["items"]).map(row).collect();
    table(&["ID", "NUMBER", "STATUS", "FOR", "MADE AT", "TOTAL", "DUE"], &rows)
}

/// An invoice as people read it.
pub(crate) fn shown(invoice: &Json) -> String {
    let line = |line: &Json| {
        vec![
            text(&line["position"]),
            text(&line["kind"]),
            text(&line["description"]),
            text(&line["quantity"]),
            text(&line["events"]),
            text(&line["amount"]["amount"]),
        ]
    };
    let rows: Vec<Vec<String>> = items(&invoice["lines"]).map(line).collect();
    let mut shown = format!(
        "{} {} ({})\n\n{}\n\n",
        text(&invoice["kind"]),
        invoice["number"].as_str().map_or_else(|| text(&invoice["id"]), str::to_owned),
        text(&invoice["status"]),
        table(&["", "KIND", "WHAT", "QUANTITY", "EVENTS", "AMOUNT"], &rows),
    );
    let mut sum = |name: &str, amount: String| shown.push_str(&format!("  {name:<16}{amount}\n"));
    sum("subtotal", money(&invoice["subtotal"]));
    for tax in items(&invoice["taxes"]) {
        let kind = if tax["inclusive"] == true { " contained" } else { "" };
        sum(&format!("{} {} %{kind}", text(&tax["name"]), text(&tax["percent"])), money(&tax["amount"]));
    }
    sum("total", money(&invoice["total"]));
    for (name, label) in [("balance_used", "from the balance"), ("credited", "given back")] {
        if !invoice[name]["amount"]
            .as_str()
            .is_none_or(|amount| amount.bytes().all(|one| b"0.".contains(&one)))
        {
            sum(label, money(&invoice[name]));
        }
    }
    sum("due", money(&invoice["due"]));
    shown
}
