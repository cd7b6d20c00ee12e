//! `insula project`: the projects of an organization.

use crate::{
    Outcome,
    client::{As, Client, Target, in_query},
    output::{Output, table},
};
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

#[derive(Args)]
pub(crate) struct ProjectArguments {
    /// The organization, by id or slug.
    #[arg(long, env = "INSULA_ORG", default_value = "demo")]
    org: String,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: ProjectCommand,
}

#[derive(Subcommand)]
enum ProjectCommand {
    /// The projects, archived ones included.
    List {
        /// Part of a name or slug.
        #[arg(long)]
        q: Option<String>,
    },
    /// Make a project.
    Create {
        /// What people call it.
        name: String,
        /// What addresses call it; made of the name if not said.
        #[arg(long)]
        slug: Option<String>,
        /// The team it belongs to, by its id.
        #[arg(long)]
        team: Option<String>,
    },
    /// Archive a project, for good.
    Archive {
        /// The project, by its id or slug.
        project: String,
        /// Revoke its API keys, if it has some.
        #[arg(long)]
        revoke_keys: bool,
    },
}

pub(crate) fn run(arguments: &ProjectArguments, output: &Output) -> Outcome {
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
    let base = format!("/v1/orgs/{}/projects", arguments.org);
    match &arguments.command {
        ProjectCommand::List { q } => {
            let filter = q.as_ref().map(|q| format!("&q={}", in_query(q))).unwrap_or_default();
            let page = client.get(&format!("{base}?limit=200{filter}"))?;
            output.result(&listed(&page), &page);
        }
        ProjectCommand::Create { name, slug, team } => {
            let made = client.post(&base, &json!({ "name": name, "slug": slug, "team": team }))?;
            let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
            output.result(&format!("{}  {}", text("id"), text("slug")), &made);
        }
        ProjectCommand::Archive { project, revoke_keys } => {
            client.delete(&format!("{base}/{project}?revoke_keys={revoke_keys}"))?;
            output.result(&format!("{project} is archived."), &json!({ "archived": project }));
        }
    }
    Ok(())
}

fn listed(page: &Json) -> String {
    let text = |value: &Json| value.as_str().unwrap_or("–").to_owned();
    let items = page["items"].as_array().into_iter().flatten();
    let row = |project: &Json| {
        ["id", "slug", "name", "status", "team"].map(|column| text(&project[column])).to_vec()
    };
    table(&["ID", "SLUG", "NAME", "STATUS", "TEAM"], &items.map(row).collect::<Vec<_>>())
}
