//! `insula usage`: what an organization used, against its limits and over time.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Output, table},
};
use clap::Args;
use serde_json::{Value as Json, json};

#[derive(Args)]
pub(crate) struct UsageArguments {
    /// The organization, by id or slug.
    #[arg(long, env = "INSULA_ORG", default_value = "demo")]
    org: String,
    /// The meter.
    #[arg(long, default_value = "requests")]
    meter: String,
    /// The window: minute, hour, day, month or period (the subscription's billing period).
    #[arg(long, default_value = "day")]
    window: String,
    /// By what to tell usage apart, with commas between: project, team, key, user, operation, environment, or a property
    /// that the meter names.
    #[arg(long)]
    group_by: Option<String>,
    /// Report all meters instead: what was used, what it cost, against the time before, and what that suggests.
    #[arg(long, conflicts_with_all = ["meter", "window", "group_by"])]
    report: bool,
    /// From when on to report, such as 2026-03-01T00:00:00Z; from the start of the billing period if left out.
    #[arg(long, requires = "report")]
    from: Option<String>,
    /// Until when to report; until now if left out.
    #[arg(long, requires = "report")]
    to: Option<String>,
    /// The currency of costs.
    #[arg(long, requires = "report")]
    currency: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &UsageArguments, output: &Output) -> Outcome {
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
    if arguments.report {
        return report(&client, arguments, output);
    }
    let limits = client.get(&format!("/v1/orgs/{}/limits", arguments.org))?;
    let mut path =
        format!("/v1/orgs/{}/usage?meter={}&window={}", arguments.org, arguments.meter, arguments.window);
    if let Some(names) = &arguments.group_by {
        path.push_str(&format!("&group_by={names}"));
    }
    let usage = client.get(&path)?;
    let text = format!("{}\n\n{}", limit_rows(&limits), usage_rows(&usage));
    output.result(&text, &json!({ "limits": limits, "usage": usage }));
    Ok(())
}

fn report(client: &Client, arguments: &UsageArguments, output: &Output) -> Outcome {
    let UsageArguments { from, to, currency, .. } = arguments;
    let asked = [("from", from), ("to", to), ("currency", currency)];
    let asked: Vec<String> =
        asked.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect();
    let report = client.get(&format!("/v1/orgs/{}/usage/report?{}", arguments.org, asked.join("&")))?;
    let mut shown = format!(
        "{} to {}, against {} to {}\n\n{}\n\n{}\n",
        text(&report["period"]["start"]),
        text(&report["period"]["end"]),
        text(&report["previous"]["start"]),
        text(&report["previous"]["end"]),
        meter_rows(&report),
        operation_rows(&report),
    );
    for advice in report["recommendations"].as_array().into_iter().flatten() {
        shown.push_str(&format!("\n{}: {}", text(&advice["code"]), text(&advice["text"])));
    }
    output.result(&shown, &report);
    Ok(())
}

/// An amount of money with its exact value, if anything has a cost.
fn cost(cost: &Json) -> String {
    if cost.is_null() {
        return text(cost);
    }
    let amount = &cost["amount"];
    format!("{} {} ({})", text(&amount["amount"]), text(&amount["currency"]), text(&cost["exact"]))
}

fn meter_rows(report: &Json) -> String {
    let meters = report["meters"].as_array().into_iter().flatten();
    let percent = |trend: &Json| trend.as_str().map_or_else(|| text(trend), |trend| format!("{trend} %"));
    let mut rows: Vec<Vec<String>> = meters
        .map(|meter| {
            vec![
                text(&meter["meter"]),
                text(&meter["quantity"]),
                text(&meter["unit"]),
                text(&meter["previous"]),
                percent(&meter["trend"]),
                cost(&meter["cost"]),
            ]
        })
        .collect();
    if !report["cost"].is_null() {
        let mut all = vec![String::new(); 6];
        all[0] = "all".to_owned();
        all[5] = cost(&report["cost"]);
        rows.push(all);
    }
    table(&["METER", "USED", "UNIT", "BEFORE", "CHANGE", "COST (EXACTLY)"], &rows)
}

fn operation_rows(report: &Json) -> String {
    let operations = report["operations"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = operations
        .map(|operation| {
            vec![
                text(&operation["operation"]),
                text(&operation["events"]),
                cost(&operation["cost"]),
                text(&operation["cost_per_event"]),
            ]
        })
        .collect();
    table(&["OPERATION", "EVENTS", "COST (EXACTLY)", "FOR EACH"], &rows)
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn limit_rows(limits: &Json) -> String {
    let rows: Vec<Vec<String>> = limits["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|limit| {
            let bound = if limit["limit"].is_null() { "unlimited".to_owned() } else { text(&limit["limit"]) };
            vec![
                text(&limit["key"]),
                text(&limit["used"]),
                bound,
                text(&limit["remaining"]),
                text(&limit["resets_at"]),
            ]
        })
        .collect();
    table(&["LIMIT", "USED", "ALLOWED", "REMAINING", "RESETS AT"], &rows)
}

fn usage_rows(usage: &Json) -> String {
    let rows: Vec<Vec<String>> = usage["buckets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|bucket| {
            let group = bucket["group"].as_object().into_iter().flatten();
            let group: Vec<String> = group.map(|(name, value)| format!("{name}={}", text(value))).collect();
            vec![text(&bucket["start"]), text(&bucket["value"]), group.join(" ")]
        })
        .collect();
    table(&["FROM", &text(&usage["meter"]).to_uppercase(), "OF"], &rows)
}
