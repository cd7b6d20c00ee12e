//! What is done to a subscription at somebody's wish, and what that would come to.

use super::Subscription;
use crate::{
    engine::{AnchorChange, Catalogue, Changed, Engine, Wanted, When},
    invoice::{self, Invoice},
};
use insula_access::{Authorized, ChangeSubscription, ReadInvoices};
use insula_blueprint::Compiled;
use insula_kernel::{Currency, Env, Instant, InvoiceId, Result, Scope as _};
use insula_rating::Interval;
use insula_storage::{PlatformTx, journal::Actor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// What is asked of a subscription; what isn't said stays as it is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeRequest {
    /// The plan.
    pub plan: Option<String>,
    /// The currency.
    pub currency: Option<Currency>,
    /// How often it is paid.
    pub interval: Option<Interval>,
    /// How many seats.
    pub seats: Option<u64>,
    /// How many of each add-on; 0 gives one back, those that aren't named stay.
    pub add_ons: BTreeMap<String, u32>,
    /// When; if not said, more takes effect at once and less with the end of the period.
    pub when: Option<When>,
    /// What a change at once does with the billing anchor; as the product has it if not said.
    pub anchor: Option<AnchorChange>,
    /// `prorated_at` of a preview not older than ten minutes: what is charged is then what it said, to the cent.
    pub prorated_at: Option<Instant>,
}

impl From<ChangeRequest> for Wanted {
    fn from(request: ChangeRequest) -> Self {
        let ChangeRequest { plan, currency, interval, seats, add_ons, when, anchor, prorated_at } = request;
        Self { plan, currency, interval, seats, add_ons, when, anchor, prorated_at, ..Self::default() }
    }
}

/// What a change would come to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// To be said with the change, so that it comes to exactly this.
    pub prorated_at: Instant,
    /// When it would take effect.
    pub when: When,
    /// The subscription as it would be.
    pub subscription: Subscription,
    /// The invoice that would be made at once; null if nothing would be charged now.
    pub invoice: Option<Invoice>,
    /// The invoice that would come next, with the usage so far.
    pub next_invoice: Option<Invoice>,
}

/// An act on a subscription that isn't a change of what is subscribed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// There is a way to pay: a trial goes over into what is paid for.
    Activate(When),
    /// Stop for a while.
    Pause,
    /// Go on after a pause.
    Resume,
    /// End.
    Cancel(When),
    /// Take back an end, or begin anew after one.
    Reactivate,
}

/// Changes what an organization is subscribed to.
pub async fn change(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<ChangeSubscription>,
    request: ChangeRequest,
) -> Result<Subscription> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, proof.organization()).await?;
    let until = request.prorated_at.unwrap_or_else(|| engine.now());
    engine.run(until.min(engine.now())).await?;
    let before = json!(engine.account.config);
    let Changed { when, .. } = engine.change(request.into()).await?;
    let detail = json!({ "before": before, "after": engine.account.config, "pending": engine.account.pending, "when": when });
    engine.audit(actor, "subscription.changed", detail).await?;
    engine.settle().await?;
    Ok(Subscription::of(engine.account, env.now()))
}

/// What a change would come to. The transaction must not be committed.
pub async fn preview(
    mut tx: PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    proof: &Authorized<ChangeSubscription>,
    request: ChangeRequest,
) -> Result<Preview> {
    let org = proof.organization();
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(&mut tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    engine.made.clear();
    let Changed { at, when } = engine.change(request.into()).await?;
    let subscription = Subscription::of(engine.account.clone(), env.now());
    let at_once = engine.made.clone();
    let next = engine.foresee().await?;
    let mut invoice = None;
    for id in at_once {
        let made = invoice::read_whole(&mut tx, org, id).await?;
        invoice = Some(made).filter(|made| made.reason == "change").or(invoice);
    }
    let next_invoice = match next {
        Some(id) => Some(invoice::read_whole(&mut tx, org, id).await?.upcoming()),
        None => None,
    };
    // Dropped here without a commit: nothing of it has happened.
    Ok(Preview { prorated_at: at, when, subscription, invoice: invoice.map(Invoice::upcoming), next_invoice })
}

/// The next invoice of an organization as it would be if nothing more were used; none if none will come. The transaction
/// must not be committed.
pub async fn upcoming(
    mut tx: PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    proof: &Authorized<ReadInvoices>,
) -> Result<Option<Invoice>> {
    let org = proof.organization();
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(&mut tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await?;
    match engine.foresee().await? {
        Some(id) => Ok(Some(invoice::read_whole(&mut tx, org, id).await?.upcoming())),
        None => Ok(None),
    }
}

/// A draft as it would be if it became final now. The transaction must not be committed.
pub async fn draft(
    mut tx: PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    proof: &Authorized<ReadInvoices>,
    id: InvoiceId,
) -> Result<Invoice> {
    let org = proof.organization();
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(&mut tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    let was_draft = engine.finalize_draft(id, now).await?;
    let shown = invoice::read_whole(&mut tx, org, id).await?;
    Ok(if was_draft { Invoice { status: "draft".to_owned(), ..shown.upcoming() } } else { shown })
}

/// Acts on an organization's subscription.
pub async fn act(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<ChangeSubscription>,
    act: Act,
) -> Result<Subscription> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, proof.organization()).await?;
    let now = engine.now();
    engine.run(now).await?;
    let action = match act {
        Act::Activate(when) => {
            engine.activate(when).await?;
            "subscription.activated"
        }
        Act::Pause => {
            engine.pause().await?;
            "subscription.paused"
        }
        Act::Resume => {
            engine.resume().await?;
            "subscription.resumed"
        }
        Act::Cancel(when) => {
            engine.cancel(when).await?;
            "subscription.canceled"
        }
        Act::Reactivate => {
            engine.reactivate().await?;
            "subscription.reactivated"
        }
    };
    engine.audit(actor, action, json!({})).await?;
    engine.settle().await?;
    Ok(Subscription::of(engine.account, env.now()))
}
