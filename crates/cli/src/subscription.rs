//! `insula subscription`: what an organization is subscribed to, and what it would cost to change that.

use crate::{
    Outcome,
    invoices::{Of, shown as invoice},
    output::{Failed, Output, money, text},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value as Json, json};

#[derive(Subcommand)]
pub(crate) enum SubscriptionCommand {
    /// What the organization is subscribed to.
    Show {
        #[command(flatten)]
        of: Of,
    },
    /// What a change would cost, to the cent.
    Preview {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        of: Of,
    },
    /// Change the plan, its interval, seats or add-ons.
    Change {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        of: Of,
    },
    /// End it, with its period if not said otherwise.
    Cancel {
        /// When.
        #[arg(long, value_enum)]
        when: Option<When>,
        #[command(flatten)]
        of: Of,
    },
    /// Stop for a while; the rest of what was paid is given back.
    Pause {
        #[command(flatten)]
        of: Of,
    },
    /// Go on after a pause.
    Resume {
        #[command(flatten)]
        of: Of,
    },
}

/// What is to be changed; what isn't said stays.
#[derive(Args)]
pub(crate) struct Change {
    /// The plan.
    #[arg(long)]
    plan: Option<String>,
    /// The currency, such as USD.
    #[arg(long)]
    currency: Option<String>,
    /// How often it is paid: month, quarter or year.
    #[arg(long)]
    interval: Option<String>,
    /// How many seats.
    #[arg(long)]
    seats: Option<u64>,
    /// How many of an add-on: `analytics=1`, 0 to give it back; once for each.
    #[arg(long = "add-on", value_name = "NAME=NUMBER", value_parser = add_on)]
    add_ons: Vec<(String, u32)>,
    /// When; more at once and less with the period, if not said.
    #[arg(long, value_enum)]
    when: Option<When>,
    /// `prorated_at` of a preview, to be charged what it said.
    #[arg(long)]
    prorated_at: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum When {
    Now,
    PeriodEnd,
}

impl When {
    const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::PeriodEnd => "period_end",
        }
    }
}

fn add_on(text: &str) -> Result<(String, u32), String> {
    let (name, count) = text.split_once('=').ok_or("an add-on is written as name=number")?;
    let count = count.parse().map_err(|_| format!("`{count}` is no whole number"))?;
    Ok((name.to_owned(), count))
}

impl Change {
    fn body(&self) -> Json {
        let mut body = Map::new();
        let mut put = |name: &str, value: Option<Json>| {
            body.extend(value.map(|value| (name.to_owned(), value)));
        };
        put("plan", self.plan.as_ref().map(|plan| json!(plan)));
        put("currency", self.currency.as_ref().map(|currency| json!(currency)));
        put("interval", self.interval.as_ref().map(|interval| json!(interval)));
        put("seats", self.seats.map(|seats| json!(seats)));
        put("when", self.when.map(|when| json!(when.name())));
        put("prorated_at", self.prorated_at.as_ref().map(|at| json!(at)));
        let add_ons: Map<String, Json> =
            self.add_ons.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        put("add_ons", (!add_ons.is_empty()).then_some(Json::Object(add_ons)));
        Json::Object(body)
    }
}

pub(crate) fn run(command: &SubscriptionCommand, output: &Output) -> Outcome {
    let (of, path, body) = match command {
        SubscriptionCommand::Show { of } => {
            let subscription = of.client()?.get(&of.path("/subscription"))?;
            output.result(&shown(&subscription), &subscription);
            return Ok(());
        }
        SubscriptionCommand::Preview { change, of } => return preview(change, of, output),
        SubscriptionCommand::Change { change, of } => (of, "change", change.body()),
        SubscriptionCommand::Cancel { when, of } => {
            (of, "cancel", when.map_or_else(|| json!({}), |when| json!({ "when": when.name() })))
        }
        SubscriptionCommand::Pause { of } => (of, "pause", json!({})),
        SubscriptionCommand::Resume { of } => (of, "resume", json!({})),
    };
    let subscription = of.client()?.post(&of.path(&format!("/subscription/{path}")), &body)?;
    output.result(&shown(&subscription), &subscription);
    Ok(())
}

fn preview(change: &Change, of: &Of, output: &Output) -> Result<(), Failed> {
    let preview = of.client()?.post(&of.path("/subscription/preview"), &change.body())?;
    let mut text_of = format!(
        "takes effect: {}\nprorated at:  {}\n\n{}",
        text(&preview["when"]),
        text(&preview["prorated_at"]),
        shown(&preview["subscription"]),
    );
    for (name, label) in [("invoice", "At once"), ("next_invoice", "Next")] {
        if preview[name].is_null() {
            continue;
        }
        text_of.push_str(&format!("\n{label}: {}\n", money(&preview[name]["due"])));
        text_of.push_str(&invoice(&preview[name]));
    }
    output.result(text_of.trim_end(), &preview);
    Ok(())
}

fn shown(subscription: &Json) -> String {
    let of = |name: &str| text(&subscription[name]);
    let mut shown = format!(
        "{} (version {}): {}\n  paid       per {} in {}\n  seats      {}\n  period     {} to {}\n",
        of("plan"),
        of("plan_version"),
        of("status"),
        of("interval"),
        of("currency"),
        of("seats"),
        text(&subscription["period"]["start"]),
        text(&subscription["period"]["end"]),
    );
    for (name, count) in subscription["add_ons"].as_object().into_iter().flatten() {
        shown.push_str(&format!("  add-on     {count} × {name}\n"));
    }
    for (name, label) in [
        ("trial_end", "trial to"),
        ("past_due_since", "past due"),
        ("paused_at", "paused"),
        ("cancel_at", "ends"),
        ("canceled_at", "ended"),
        ("test_clock", "its time"),
    ] {
        if let Some(at) = subscription[name].as_str() {
            shown.push_str(&format!("  {label:<11}{at}\n"));
        }
    }
    if let Some(pending) = subscription["pending"].as_object() {
        shown.push_str(&format!("  then       {} from {}\n", text(&pending["plan"]), text(&pending["at"])));
    }
    shown
}
