//! `insula org`: organizations, as the operator runs them.

use crate::{
    Outcome,
    client::{As, Client, Target, in_query},
    output::{Output, items, table, text},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};

#[derive(Subcommand)]
pub(crate) enum OrgCommand {
    /// The organizations, with what they are subscribed to and used.
    List {
        /// Part of a name or slug.
        #[arg(long)]
        q: Option<String>,
        /// Those that stand there.
        #[arg(long, value_enum)]
        status: Option<Status>,
        /// Those on this plan.
        #[arg(long)]
        plan: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Everything about one organization.
    Show(Of),
    /// Make an organization; the link for its owner is shown this once.
    Create(Create),
    /// Take an organization out of service, at once.
    Suspend {
        /// Why; it stands in the audit log.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        of: Of,
    },
    /// Put an organization back into service.
    Reactivate {
        /// Why; it stands in the audit log.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        of: Of,
    },
    /// Close an organization, at once and for good.
    Deactivate {
        /// Why; it stands in the audit log.
        #[arg(long)]
        reason: Option<String>,
        /// Don't ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        of: Of,
    },
}

/// Which organization.
#[derive(Args)]
pub(crate) struct Of {
    /// The organization, by id or slug.
    org: String,
    #[command(flatten)]
    target: Target,
}

#[derive(Args)]
pub(crate) struct Create {
    /// What people call it.
    name: String,
    /// What addresses call it.
    #[arg(long)]
    slug: String,
    /// The address of who is to own it.
    #[arg(long)]
    owner: String,
    /// The plan, also one that comes by offer only; the product's default if not said.
    #[arg(long)]
    plan: Option<String>,
    /// Let its time be moved ahead.
    #[arg(long)]
    test_clock: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Status {
    Pending,
    Active,
    Suspended,
    Deactivated,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
        }
    }
}

impl Of {
    fn client(&self) -> Result<Client, crate::Failed> {
        Client::connect(&self.target, As::Operator, None)
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/operator/orgs/{}{rest}", self.org)
    }
}

pub(crate) fn run(command: &OrgCommand, output: &Output) -> Outcome {
    match command {
        OrgCommand::List { q, status, plan, target } => {
            let filters =
                [("q", q.as_deref()), ("status", status.map(Status::name)), ("plan", plan.as_deref())];
            let mut path = "/v1/operator/orgs?limit=200".to_owned();
            for (name, value) in filters {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={}", in_query(value)));
                }
            }
            let page = Client::connect(target, As::Operator, None)?.get(&path)?;
            output.result(&listed(&page), &page);
        }
        OrgCommand::Show(of) => {
            let organization = of.client()?.get(&of.path(""))?;
            output.result(&shown(&organization), &organization);
        }
        OrgCommand::Create(create) => {
            let body = json!({
                "name": create.name,
                "slug": create.slug,
                "owner_email": create.owner,
                "plan": create.plan,
                "test_clock": create.test_clock,
            });
            let client = Client::connect(&create.target, As::Operator, None)?;
            let made = client.post("/v1/operator/orgs", &body)?;
            let said = format!(
                "{}  {}\n\n  {}\n\nHand this link to {}: it is shown this once, and good once, until {}.",
                text(&made["organization"]["id"]),
                text(&made["organization"]["slug"]),
                text(&made["link"]),
                text(&made["invitation"]["email"]),
                text(&made["invitation"]["expires_at"]),
            );
            output.result(&said, &made);
        }
        OrgCommand::Suspend { reason, of } => {
            let changed = of.client()?.post(&of.path("/suspend"), &json!({ "reason": reason }))?;
            output.result(&stands(&changed), &changed);
        }
        OrgCommand::Reactivate { reason, of } => {
            let changed = of.client()?.post(&of.path("/reactivate"), &json!({ "reason": reason }))?;
            output.result(&stands(&changed), &changed);
        }
        OrgCommand::Deactivate { reason, yes, of } => {
            if !yes {
                let question = format!("{} would be closed for good, its subscription ended.", of.org);
                output.confirm(&question)?;
            }
            let reason = reason.as_ref().map(|reason| format!("?reason={}", in_query(reason)));
            let closed = of.client()?.delete(&of.path(&reason.unwrap_or_default()))?;
            output.result(&stands(&closed), &closed);
        }
    }
    Ok(())
}

fn stands(organization: &Json) -> String {
    format!("{} is {}.", text(&organization["slug"]), text(&organization["status"]))
}

fn listed(page: &Json) -> String {
    let row = |organization: &Json| {
        vec![
            text(&organization["id"]),
            text(&organization["slug"]),
            text(&organization["name"]),
            text(&organization["status"]),
            text(&organization["subscription"]["plan"]),
            text(&organization["subscription"]["status"]),
            text(&organization["usage_today"]),
            text(&organization["usage_month"]),
        ]
    };
    let rows: Vec<Vec<String>> = items(&page["items"]).map(row).collect();
    table(&["ID", "SLUG", "NAME", "STATUS", "PLAN", "SUBSCRIPTION", "TODAY", "MONTH"], &rows)
}

fn shown(organization: &Json) -> String {
    let mut shown = String::new();
    let mut say = |name: &str, value: &Json| shown.push_str(&format!("{name:<14}{}\n", text(value)));
    for name in ["id", "slug", "name", "status"] {
        say(name, &organization[name]);
    }
    say("plan", &organization["subscription"]["plan"]);
    say("subscription", &organization["subscription"]["status"]);
    for name in ["members", "invitations", "api_keys", "projects", "teams", "usage_today", "usage_month"] {
        say(name, &organization[name]);
    }
    let row =
        |limit: &Json| ["key", "used", "limit", "resets_at"].map(|column| text(&limit[column])).to_vec();
    let rows: Vec<Vec<String>> = items(&organization["limits"]).map(row).collect();
    shown.push('\n');
    shown.push_str(&table(&["LIMIT", "USED", "OF", "RESETS AT"], &rows));
    shown
}
