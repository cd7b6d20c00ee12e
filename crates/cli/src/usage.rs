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
    /// The window: minute, hour or day.
    #[arg(long, default_value = "day")]
    window: String,
    /// By what to tell usage apart, with commas between: project, team, key, user, operation, environment, or a property
    /// that the meter names.
    #[arg(long)]
    group_by: Option<String>,
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &UsageArguments, output: &Output) -> Outcome {
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
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
