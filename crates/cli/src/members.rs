//! `insula member`: the people of an organization.

use crate::{
    Failed, Outcome,
    client::{As, Client, Target},
    output::{Output, items, table, text},
};
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

#[derive(Args)]
pub(crate) struct MemberArguments {
    /// The organization, by id or slug.
    #[arg(long, env = "INSULA_ORG", default_value = "demo")]
    org: String,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: MemberCommand,
}

#[derive(Subcommand)]
enum MemberCommand {
    /// The members, and who is invited.
    List,
    /// Invite someone; the link to hand to them is shown this once.
    Invite {
        /// Their address.
        address: String,
        /// The role they get.
        #[arg(long)]
        role: String,
        /// A team they join, by its id; once for each.
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
    },
    /// Give a member another role.
    Role {
        /// The member, by id or address.
        member: String,
        /// The role.
        role: String,
    },
    /// End a membership, at once. The API keys that they made stay.
    Remove {
        /// The member, by id or address.
        member: String,
    },
}

pub(crate) fn run(arguments: &MemberArguments, output: &Output) -> Outcome {
    let client = Client::connect(&arguments.target, As::Demo, Some(&arguments.org))?;
    let path = |rest: &str| format!("/v1/orgs/{}{rest}", arguments.org);
    match &arguments.command {
        MemberCommand::List => {
            let members = everything(&client, &path("/members"))?;
            let invitations = everything(&client, &path("/invitations"))?;
            let both = json!({ "members": members, "invitations": invitations });
            output.result(&listed(&both), &both);
        }
        MemberCommand::Invite { address, role, teams } => {
            let body = json!({ "email": address, "role": role, "teams": teams });
            let sent = client.post(&path("/invitations"), &body)?;
            let said = format!(
                "{}\n\n  {}\n\nHand this link to {address}: it is shown this once, and good once, until {}.",
                text(&sent["invitation"]["id"]),
                text(&sent["link"]),
                text(&sent["invitation"]["expires_at"]),
            );
            output.result(&said, &sent);
        }
        MemberCommand::Role { member, role } => {
            let id = id_of(&client, &path("/members"), member)?;
            let changed = client.patch(&path(&format!("/members/{id}")), &json!({ "role": role }))?;
            output.result(&format!("{member} is {role} from the next request on."), &changed);
        }
        MemberCommand::Remove { member } => {
            let id = id_of(&client, &path("/members"), member)?;
            client.delete(&path(&format!("/members/{id}")))?;
            let said = format!("{member} is no member any more: their next request is refused.");
            output.result(&said, &json!({ "removed": id }));
        }
    }
    Ok(())
}

/// Every item of a list, page after page.
fn everything(client: &Client, path: &str) -> Result<Vec<Json>, Failed> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}?limit=200{cursor}"))?;
        all.extend(items(&page["items"]).cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// The id of a member who is named by id or address.
fn id_of(client: &Client, path: &str, member: &str) -> Result<String, Failed> {
    if !member.contains('@') {
        return Ok(member.to_owned());
    }
    let wanted = member.to_lowercase();
    let has_address = |one: &Json| text(&one["user"]["email"]).to_lowercase() == wanted;
    let found = everything(client, path)?.into_iter().find(has_address);
    let found = found.ok_or_else(|| Failed::new(format!("{member} is no member of the organization")))?;
    Ok(text(&found["user"]["id"]))
}

fn listed(both: &Json) -> String {
    let member = |member: &Json| {
        let user = &member["user"];
        vec![
            text(&user["id"]),
            text(&user["email"]),
            text(&user["display_name"]),
            text(&member["role"]),
            text(&member["status"]),
            text(&member["joined_at"]),
        ]
    };
    let invited = |invitation: &Json| {
        let status = if invitation["status"] == "pending" { "invited" } else { "invitation expired" };
        let mut row = ["id", "email"].map(|column| text(&invitation[column])).to_vec();
        row.extend(["–".to_owned(), text(&invitation["role"]), status.to_owned(), "–".to_owned()]);
        row
    };
    let rows: Vec<Vec<String>> =
        items(&both["members"]).map(member).chain(items(&both["invitations"]).map(invited)).collect();
    table(&["ID", "ADDRESS", "NAME", "ROLE", "STATUS", "SINCE"], &rows)
}
