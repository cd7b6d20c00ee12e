//! What the operator does about what organizations are charged.

use crate::{
    account::{Config, Status},
    engine::{Catalogue, Engine, Wanted, When},
    invoice::{self, Invoice},
    plan::current_version,
    store::{SUBSCRIBERS_OF, SUBSCRIPTIONS_OF},
    subscription::Subscription,
};
use insula_access::{
    AuthorizedOperator, ListOrganizations, ManageBilling, ReadOrganizationOf, UpdateOrganizationOf,
};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Error, ErrorKind, Instant, InvoiceId, Money, OrgId, Result};
use insula_storage::{PlatformTx, args, journal::Actor, row};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;

/// The longest description and reason.
const LONGEST: usize = 500;

/// What is done about an invoice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnInvoice {
    /// It was paid.
    Pay,
    /// It is withdrawn.
    Void,
}

/// What is given back of an invoice.
#[derive(Clone, Copy, Debug)]
pub struct Credit<'a> {
    /// How much, tax included.
    pub amount: Money,
    /// Why; it stands on the credit note.
    pub reason: &'a str,
}

/// What is added to an invoice.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// What it is, for the customer.
    pub description: &'a str,
    /// What it costs, without tax.
    pub amount: Money,
    /// Whether an invoice is made of it at once.
    pub at_once: bool,
}

/// Notes that an invoice was paid, or withdraws it.
pub async fn on_invoice(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageBilling>,
    (org, id): (OrgId, InvoiceId),
    what: OnInvoice,
) -> Result<Invoice> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    let action = match what {
        OnInvoice::Pay => {
            engine.pay(id).await?;
            "invoice.paid"
        }
        OnInvoice::Void => {
            engine.void(id).await?;
            "invoice.voided"
        }
    };
    engine.audit(actor, action, json!({ "invoice": id })).await?;
    engine.settle().await?;
    invoice::read_whole(tx, org, id).await
}

/// Gives back a part of an invoice, tax included.
pub async fn credit(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageBilling>,
    (org, id): (OrgId, InvoiceId),
    Credit { amount, reason }: Credit<'_>,
) -> Result<Invoice> {
    check_text("/reason", reason)?;
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    let note = engine.credit(id, amount, reason, &actor.name).await?;
    let detail = json!({ "invoice": id, "credit_note": note.number, "amount": amount, "reason": reason });
    engine.audit(actor, "credit_note.created", detail).await?;
    engine.settle().await?;
    invoice::read_whole(tx, org, id).await
}

/// Adds something to an organization's next invoice, or makes one of it at once.
pub async fn add_item(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageBilling>,
    org: OrgId,
    Item { description, amount, at_once }: Item<'_>,
) -> Result<Option<Invoice>> {
    check_text("/description", description)?;
    if amount.minor <= 0 {
        return Err(Error::invalid_field("/amount", "out_of_range", "An item costs more than nothing."));
    }
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    engine.made.clear();
    engine.add_one_off(description, amount, &actor.name, at_once).await?;
    engine
        .audit(actor, "invoice_item.added", json!({ "description": description, "amount": amount }))
        .await?;
    engine.settle().await?;
    match engine.made.last().copied() {
        Some(id) => Ok(Some(invoice::read_whole(tx, org, id).await?)),
        None => Ok(None),
    }
}

/// What moving subscribers to the current version of their plan came to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Migrated {
    /// The version they move to.
    pub version: u32,
    /// Organizations that move.
    pub moved: Vec<OrgId>,
    /// Organizations that can't, and why.
    pub kept: Vec<Kept>,
}

/// An organization that stays where it is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Kept {
    /// The organization.
    pub org: OrgId,
    /// Why.
    pub reason: String,
}

/// Subscribers of a plan that are on another version than the current one.
pub async fn behind(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ManageBilling>,
    plan: &str,
) -> Result<(u32, Vec<OrgId>)> {
    let version = current_version(tx, plan).await.map_err(|_| Error::not_found("plan"))?;
    let found: Vec<(OrgId,)> = tx.fetch_all(&SUBSCRIBERS_OF, args![plan, version]).await?;
    Ok((version, found.into_iter().map(|(org,)| org).collect()))
}

/// Moves one subscriber to a version of the plan it is on, at once or with its period.
pub async fn migrate(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<ManageBilling>,
    org: OrgId,
    (version, when): (u32, When),
) -> Result<()> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    if engine.account.status == Status::Canceled {
        return Err(Error::new(
            ErrorKind::Conflict,
            "subscription.canceled",
            "The subscription was canceled.",
        ));
    }
    let Config { plan, .. } = engine.account.config.clone();
    let wanted = Wanted {
        plan: Some(plan),
        version: Some(i64::from(version)),
        when: Some(when),
        by_operator: true,
        ..Wanted::default()
    };
    engine.change(wanted).await?;
    engine.audit(actor, "subscription.migrated", json!({ "version": version, "when": when })).await?;
    engine.settle().await
}

row! {
    struct SummaryRow {
        org: OrgId,
        plan: String,
        version: i64,
        status: String,
        trial_end: Option<Instant>,
        cancel_at: Option<Instant>,
    }
}

/// A subscription in one line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SubscriptionSummary {
    /// The plan.
    pub plan: String,
    /// The version of the plan.
    pub plan_version: i64,
    /// Where it stands.
    #[schemars(extend("enum" = ["trialing", "active", "past_due", "paused", "canceled"]))]
    pub status: &'static str,
    /// When the trial ends.
    pub trial_end: Option<Instant>,
    /// When it is to end.
    pub cancel_at: Option<Instant>,
}

/// The subscriptions of these organizations.
pub async fn summaries(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ListOrganizations>,
    orgs: impl Iterator<Item = OrgId>,
) -> Result<HashMap<OrgId, SubscriptionSummary>> {
    let rows: Vec<SummaryRow> = tx.fetch_rows(&SUBSCRIPTIONS_OF, orgs.map(Into::into).collect()).await?;
    rows.into_iter()
        .map(|row| {
            let SummaryRow { org, plan, version, status, trial_end, cancel_at } = row;
            let status = Status::from_name(&status)?.shown();
            Ok((org, SubscriptionSummary { plan, plan_version: version, status, trial_end, cancel_at }))
        })
        .collect()
}

/// The subscription of an organization; none if it has none.
pub async fn subscription_of(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    _proof: &AuthorizedOperator<ReadOrganizationOf>,
    org: OrgId,
) -> Result<Option<Subscription>> {
    let mut catalogue = Catalogue::default();
    let engine = Engine::look(tx, env, blueprint, &mut catalogue, org).await?;
    Ok(engine.map(|engine| Subscription::of(engine.account, env.now())))
}

/// Puts an organization on another plan at once, also on one that comes by offer only. The currency and the interval stay
/// if the plan has a price in them; one that it is on already changes nothing.
pub async fn change_plan(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<UpdateOrganizationOf>,
    org: OrgId,
    plan: &str,
) -> Result<Subscription> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    let before = engine.account.config.clone();
    if before.plan != plan || engine.account.pending.is_some() {
        let price = engine.nearest_price(plan).await?;
        let wanted = Wanted {
            plan: Some(plan.to_owned()),
            currency: price.map(|(currency, _)| currency),
            interval: price.map(|(_, interval)| interval),
            when: Some(When::Now),
            by_operator: true,
            ..Wanted::default()
        };
        engine.change(wanted).await?;
        let detail = json!({ "before": before, "after": engine.account.config, "when": When::Now });
        engine.audit(actor, "subscription.changed", detail).await?;
        engine.settle().await?;
    }
    Ok(Subscription::of(engine.account, env.now()))
}

/// Ends the subscription of an organization that was closed, at once; one that has ended stays as it is.
pub async fn end_with_organization(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    org: OrgId,
) -> Result<()> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    if engine.account.status == Status::Canceled {
        return Ok(());
    }
    engine.cancel(When::Now).await?;
    engine.audit(actor, "subscription.canceled", json!({ "reason": "organization" })).await?;
    engine.settle().await
}

fn check_text(pointer: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        let detail = format!("Say it in 1 to {LONGEST} characters.");
        return Err(Error::invalid_field(pointer, "length", detail));
    }
    Ok(())
}
