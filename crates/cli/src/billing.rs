//! `insula quote` and `insula clock`: what something would cost, and time that can be moved.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Failed, Output, items, money, table, text},
};
use clap::{Args, Subcommand};
use insula_kernel::Instant;
use serde_json::{Value as Json, json};

/// How many clocks are moved with one request: few enough that a year of each is done in its time.
const BATCH: usize = 20;

#[derive(Args)]
pub(crate) struct QuoteArguments {
    /// The currency, such as USD.
    #[arg(long)]
    currency: String,
    /// The price as in a blueprint, as JSON: `{"model":"graduated","tiers":[…]}`.
    #[arg(long)]
    price: String,
    /// How much, as a decimal.
    #[arg(long)]
    quantity: String,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn quote(arguments: &QuoteArguments, output: &Output) -> Outcome {
    let QuoteArguments { currency, price, quantity, target } = arguments;
    let price: Json = serde_json::from_str(price).map_err(|error| format!("--price is no JSON: {error}"))?;
    let client = Client::connect(target, As::Operator, None)?;
    let body = json!({ "currency": currency, "price": price, "quantity": quantity });
    let quote = client.post("/v1/operator/quote", &body)?;
    let row = |step: &Json| {
        ["what", "from", "up_to", "quantity", "price", "amount"].map(|name| text(&step[name])).to_vec()
    };
    let rows: Vec<Vec<String>> = items(&quote["lines"]).map(row).collect();
    let steps = table(&["WHAT", "FROM", "UP TO", "QUANTITY", "EACH", "AMOUNT"], &rows);
    let shown = format!("{steps}\n\nexactly  {}\ntotal    {}", text(&quote["exact"]), money(&quote["total"]));
    output.result(&shown, &quote);
    Ok(())
}

#[derive(Subcommand)]
pub(crate) enum ClockCommand {
    /// The organizations that have a test clock, and where it stands.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Move test clocks; what comes due on the way is done.
    Advance {
        /// One organization, by id or slug.
        #[arg(long, required_unless_present = "all_test")]
        org: Option<String>,
        /// All that have a test clock; those that are further already stay.
        #[arg(long, conflicts_with = "org")]
        all_test: bool,
        /// Where they are to stand, such as 2027-01-01T00:00:00Z.
        #[arg(long)]
        to: Instant,
        #[command(flatten)]
        target: Target,
    },
}

pub(crate) fn clock(command: &ClockCommand, output: &Output) -> Outcome {
    match command {
        ClockCommand::List { target } => {
            let clocks = clocks(&Client::connect(target, As::Operator, None)?)?;
            let row = |clock: &Json| [&clock["org"], &clock["now"]].map(text).to_vec();
            let rows: Vec<Vec<String>> = clocks.iter().map(row).collect();
            output.result(&table(&["ORGANIZATION", "NOW"], &rows), &json!({ "items": clocks }));
        }
        ClockCommand::Advance { org, to, target, .. } => {
            let client = Client::connect(target, As::Operator, None)?;
            let orgs = match org {
                Some(org) => vec![org.clone()],
                None => behind(&client, *to)?,
            };
            let mut done = 0;
            for batch in orgs.chunks(BATCH) {
                let body = json!({ "orgs": batch, "advance_to": to });
                client.post("/v1/operator/clock", &body)?;
                done += batch.len();
                output.progress(&format!("{done} of {} at {to}", orgs.len()));
            }
            let shown = format!("{done} clocks stand at {to}.");
            output.result(&shown, &json!({ "now": to, "orgs": orgs }));
        }
    }
    Ok(())
}

/// The organizations whose test clock stands before an instant.
fn behind(client: &Client, to: Instant) -> Result<Vec<String>, Failed> {
    let is_behind =
        |clock: &&Json| clock["now"].as_str().and_then(|now| now.parse::<Instant>().ok()) < Some(to);
    Ok(clocks(client)?.iter().filter(is_behind).map(|clock| text(&clock["org"])).collect())
}

fn clocks(client: &Client) -> Result<Vec<Json>, Failed> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = client.get(&format!("/v1/operator/clock?limit=200{after}"))?;
        found.extend(items(&page["items"]).cloned());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(found);
        }
    }
}
