//! `insula key`: API keys of an organization.

use crate::{
    Outcome,
    client::{As, Client, Target},
    output::{Output, table},
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
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
    let base = format!("/v1/orgs/{}/api-keys", arguments.org);
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
        KeyCommand::List => {
            let page = client.get(&format!("{base}?limit=200"))?;
            output.result(&listed(&page), &page);
        }
    }
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
