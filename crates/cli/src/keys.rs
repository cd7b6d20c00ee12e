//! `insula key`: API keys of an organization.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Output, items, table, text},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};

#[derive(Args)]
pub(crate) struct KeyArguments {
    /// The organization, by id or slug.
    #[arg(long, env = "INSULA_ORG", default_value = "demo")]
    org: String,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Make a key; its secret is shown this once.
    Create {
        /// What people call it.
        #[arg(long)]
        name: String,
        /// What it is for.
        #[arg(long, value_enum, default_value_t = Environment::Development)]
        environment: Environment,
        /// What it may do; once for each permission.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// The project it is for, by id or slug.
        #[arg(long)]
        project: Option<String>,
        /// A limit of its own: `requests_per_day=1000`, or with a burst `requests_per_second=10:20`; once for each.
        #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = limit)]
        limits: Vec<(String, Json)>,
    },
    /// List the keys.
    List,
    /// Put a fresh key in the place of one.
    Rotate {
        /// The key's id.
        id: String,
        /// How long the old key stays good.
        #[arg(long, default_value_t = 3_600)]
        overlap_seconds: u32,
    },
    /// Revoke a key, at once and for good.
    Revoke {
        /// The key's id.
        id: String,
    },
    /// Revoke keys of any organizations, at once and for good, as the operator: those that are all of what is said.
    RevokeAll(RevokeAll),
}

#[derive(Args)]
struct RevokeAll {
    /// Why; it stands in the audit log of each organization.
    #[arg(long)]
    reason: String,
    /// A key, by its id or by all of it; once for each.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// Those of one organization, by id or slug.
    #[arg(long, value_name = "ORG")]
    of: Option<String>,
    /// Those for this environment.
    #[arg(long, value_enum)]
    environment: Option<Environment>,
    /// Those made before this instant, such as 2026-01-01T00:00:00Z.
    #[arg(long)]
    created_before: Option<String>,
    /// Only say which keys would be revoked.
    #[arg(long)]
    dry_run: bool,
    /// Don't ask.
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Environment {
    Development,
    Staging,
    Production,
}

impl Environment {
    const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

pub(crate) fn run(arguments: &KeyArguments, output: &Output) -> Outcome {
    let base = format!("/v1/orgs/{}/api-keys", arguments.org);
    let client = match &arguments.command {
        KeyCommand::RevokeAll(_) => Client::connect(&arguments.target, As::Operator, None)?,
        _ => Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?,
    };
    match &arguments.command {
        KeyCommand::Create { name, environment, scopes, project, limits } => {
            let limits: serde_json::Map<String, Json> = limits.iter().cloned().collect();
            let body = json!({
                "name": name,
                "environment": environment.name(),
                "scopes": scopes,
                "project": project,
                "limits": limits,
            });
            show_secret(output, &client.post(&base, &body)?);
        }
        KeyCommand::Rotate { id, overlap_seconds } => {
            let body = json!({ "overlap_seconds": overlap_seconds });
            show_secret(output, &client.post(&format!("{base}/{id}/rotate"), &body)?);
        }
        KeyCommand::Revoke { id } => {
            client.delete(&format!("{base}/{id}"))?;
            output
                .result(&format!("{id} is revoked: its next request is refused."), &json!({ "revoked": id }));
        }
        KeyCommand::RevokeAll(wanted) => revoke_all(&client, wanted, output)?,
        KeyCommand::List => {
            let page = client.get(&format!("{base}?limit=200"))?;
            output.result(&listed(&page), &page);
        }
    }
    Ok(())
}

fn revoke_all(client: &Client, wanted: &RevokeAll, output: &Output) -> Outcome {
    let RevokeAll { reason, keys, of, environment, created_before, dry_run, yes } = wanted;
    let body = |dry_run: bool| {
        json!({
            "reason": reason,
            "keys": keys,
            "org": of,
            "environment": environment.map(Environment::name),
            "created_before": created_before,
            "dry_run": dry_run,
        })
    };
    let path = "/v1/operator/api-keys/revoke";
    if !dry_run && !yes {
        let would = client.post(path, &body(true))?;
        output.confirm(&format!("{} keys would be revoked, for good.", would["revoked"]))?;
    }
    let done = client.post(path, &body(*dry_run))?;
    let row = |key: &Json| {
        ["id", "org", "name", "environment", "created_at"].map(|column| text(&key[column])).to_vec()
    };
    let rows: Vec<Vec<String>> = items(&done["keys"]).map(row).collect();
    let said = if *dry_run { "would be revoked" } else { "are revoked: their next request is refused" };
    let mut shown = table(&["ID", "ORG", "NAME", "ENVIRONMENT", "MADE AT"], &rows);
    shown.push_str(&format!("\n\n{} keys {said}.", done["revoked"]));
    for missing in items(&done["missing"]) {
        shown.push_str(&format!(
            "\n{} isn't among them: unknown, no longer good, or not what else was said.",
            text(missing)
        ));
    }
    output.result(&shown, &done);
    Ok(())
}

/// Reads `name=number` or `name=per_second:burst`.
fn limit(text: &str) -> Result<(String, Json), String> {
    let (name, value) = text.split_once('=').ok_or("a limit is written as name=number")?;
    let number = |digits: &str| digits.parse::<i64>().map_err(|_| format!("`{digits}` is no whole number"));
    let limit = match value.split_once(':') {
        None => json!(number(value)?),
        Some((rate, burst)) => json!({ "per_second": number(rate)?, "burst": number(burst)? }),
    };
    Ok((name.to_owned(), limit))
}

fn show_secret(output: &Output, reply: &Json) {
    let id = reply["api_key"]["id"].as_str().unwrap_or_default();
    let secret = reply["secret"].as_str().unwrap_or_default();
    output.result(&format!("{id}\n\n  {secret}\n\nStore it now: it is shown this once."), reply);
}

fn listed(page: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or("–").to_owned();
    let rows: Vec<Vec<String>> = page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| {
            ["id", "name", "environment", "status", "last_used_at"].map(|column| text(&key[column])).to_vec()
        })
        .collect();
    table(&["ID", "NAME", "ENVIRONMENT", "STATUS", "LAST USED"], &rows)
}
