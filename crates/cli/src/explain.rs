//! `insula explain`: why a request was let through or refused and what it used; how an invoice came about.

use crate::{
    Outcome,
    client::{As, Client, Target},
    lines,
    output::{Failed, Output, table},
};
use clap::Args;
use serde_json::Value as Json;

#[derive(Args)]
pub(crate) struct ExplainArguments {
    /// The request: the `X-Request-Id` of its reply. Or `invoice` and the id of an invoice.
    #[arg(required = true, num_args = 1..=2, value_names = ["REQUEST", "INVOICE"])]
    what: Vec<String>,
    /// One line of the invoice; all of them if not said.
    #[arg(long)]
    line: Option<u32>,
    /// The organization, by id or slug.
    #[arg(long, env = "INSULA_ORG", default_value = "demo")]
    org: String,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &ExplainArguments, output: &Output) -> Outcome {
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
    let request = match &arguments.what[..] {
        [noun, id] if noun == "invoice" => {
            return lines::explain(&client, &arguments.org, (id, arguments.line), output);
        }
        [request] => request,
        _ => return Err(Failed::new("say a request, or `invoice` and the id of an invoice")),
    };
    let why = client.get(&format!("/v1/orgs/{}/explain/{request}", arguments.org))?;
    output.result(&shown(&why), &why);
    Ok(())
}

fn shown(why: &Json) -> String {
    let text = |name: &str| match &why[name] {
        Json::Null => "–".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut shown = format!(
        "{} {} at {}\n  route    {}\n  outcome  {} (status {})\n  key      {}\n  project  {}\n",
        text("request"),
        text("decision"),
        text("at"),
        text("route"),
        text("outcome"),
        text("status"),
        text("key"),
        text("project"),
    );
    if let Some(detail) = why["detail"].as_str() {
        shown.push_str(&format!("  why      {detail}\n"));
    }
    let used = why["used"].as_object().into_iter().flatten();
    for (meter, quantity) in used {
        shown.push_str(&format!("  used     {} {meter}\n", quantity.as_str().unwrap_or_default()));
    }
    for cost in why["costs"].as_array().into_iter().flatten() {
        let (exact, currency) = (&cost["exact"], &cost["amount"]["currency"]);
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        shown.push_str(&format!("  cost     {} {}\n", text(exact), text(currency)));
    }
    for charge in why["charges"].as_array().into_iter().flatten() {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let beyond = charge["limit"].as_str().map_or_else(String::new, |limit| format!(" beyond {limit}"));
        shown.push_str(&format!(
            "  charge   {} {} for {}{beyond} ({} version {})\n",
            text(&charge["exact"]),
            text(&charge["amount"]["currency"]),
            text(&charge["meter"]),
            text(&charge["plan"]),
            charge["plan_version"],
        ));
    }
    if let Some(hold) = why["hold"].as_object() {
        let text = |name: &str| hold[name].as_str().unwrap_or("–").to_owned();
        let end = match (hold["held"].as_bool(), hold["ended_at"].as_str()) {
            (Some(true), _) => format!("held until {} or {}", text("until"), text("expires_at")),
            (_, Some(at)) => format!("ended at {at}"),
            _ => format!("expired at {}", text("expires_at")),
        };
        shown.push_str(&format!("  hold     {} {} of {}, {end}\n", text("id"), text("key"), text("limit")));
    }
    let checks = why["checks"].as_array().into_iter().flatten();
    let rows: Vec<Vec<String>> = checks
        .map(|check| {
            let bound =
                if check["bound"].is_null() { "unlimited".to_owned() } else { check["bound"].to_string() };
            vec![check["limit"].as_str().unwrap_or_default().to_owned(), check["used"].to_string(), bound]
        })
        .collect();
    if !rows.is_empty() {
        shown.push_str(&format!("\n{}", table(&["LIMIT CHECKED", "USED", "ALLOWED"], &rows)));
    }
    shown
}
