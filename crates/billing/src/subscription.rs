//! Subscriptions: which version of which plan an organization is on, and all that can be done about it.

mod acts;
mod clocks;
mod entitlements;

pub use acts::{Act, ChangeRequest, Preview, act, change, draft, preview, upcoming};
pub use clocks::{
    TestClock, advance, clocks, closed_until, closed_until_of, due, postpone, run, test_clocks,
};
pub(crate) use entitlements::{Versions, terms_of};
pub use entitlements::{entitlement_of, entitlements};

use crate::{
    account::{Account, AccountRow, Config, Status},
    definition::{Definition, Terms},
    engine::{Catalogue, Engine},
    invoice::Span as Stretch,
    plan::current_version,
    store::{ALLOW_OVERAGE, GET_SUBSCRIPTION, INSERT_SUBSCRIPTION, REMOVE_PREPARED},
};
use insula_access::{Authorized, ChangeSubscription, ReadSubscription};
use insula_blueprint::Compiled;
use insula_kernel::{Currency, Env, Error, Instant, OrgId, Result, Scope as _, Span, SubscriptionId};
use insula_limits::Entitlement;
use insula_rating::{Anchor, Interval};
use insula_storage::{
    PlatformTx, TenantTx, Value, args,
    journal::{Actor, AuditEntry},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A subscription.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The plan.
    pub plan: String,
    /// The version of the plan.
    pub plan_version: i64,
    /// Where it stands.
    #[schemars(extend("enum" = ["trialing", "active", "past_due", "paused", "canceled"]))]
    pub status: &'static str,
    /// The currency it is billed in.
    pub currency: Currency,
    /// How often it is paid.
    pub interval: Interval,
    /// How many seats it has.
    pub seats: u64,
    /// The add-ons that are taken, and how many of each.
    pub add_ons: BTreeMap<String, u32>,
    /// The billing period that is going on.
    pub period: Stretch,
    /// The time zone whose calendar periods follow.
    pub time_zone: String,
    /// When the trial ends.
    pub trial_end: Option<Instant>,
    /// Whether there is a way to pay.
    pub pays: bool,
    /// Since when something is owed.
    pub past_due_since: Option<Instant>,
    /// Since when it is paused.
    pub paused_at: Option<Instant>,
    /// When it is to end.
    pub cancel_at: Option<Instant>,
    /// When it ended.
    pub canceled_at: Option<Instant>,
    /// What it changes to at the end of the period.
    pub pending: Option<Pending>,
    /// Whether usage may go beyond the limits that have a price for it.
    pub allows_overage: bool,
    /// The organization's own time, if it has a test clock.
    pub test_clock: Option<Instant>,
    /// When it began.
    pub started_at: Instant,
}

/// A change that is to come.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pending {
    /// When.
    pub at: Instant,
    /// The plan.
    pub plan: String,
    /// The currency.
    pub currency: Currency,
    /// The interval.
    pub interval: Interval,
    /// The seats.
    pub seats: u64,
    /// The add-ons.
    pub add_ons: BTreeMap<String, u32>,
}

impl Subscription {
    pub(crate) fn of(account: Account, real: Instant) -> Self {
        let now = account.time(real);
        let taken = |config: &Config| {
            config
                .add_ons
                .iter()
                .map(|(name, taken)| (name.clone(), taken.quantity))
                .collect::<BTreeMap<_, _>>()
        };
        let period = account.period;
        let pending = account.pending.as_ref().map(|pending| Pending {
            at: period.end,
            plan: pending.plan.clone(),
            currency: pending.currency,
            interval: pending.interval,
            seats: pending.seats,
            add_ons: taken(pending),
        });
        Self {
            id: account.id,
            status: account.status.shown(),
            add_ons: taken(&account.config),
            currency: account.config.currency,
            interval: account.config.interval,
            seats: account.config.seats,
            plan: account.config.plan,
            plan_version: account.config.version,
            period: Stretch { start: period.start, end: period.end },
            time_zone: account.anchor.zone().to_owned(),
            trial_end: account.trial_end,
            pays: account.pays,
            past_due_since: account.past_due_since,
            paused_at: account.paused_at,
            cancel_at: account.cancel_at,
            canceled_at: account.canceled_at,
            pending,
            allows_overage: account.allows_overage,
            test_clock: account.clock.map(|_| now),
            started_at: account.started_at,
        }
    }
}

/// A subscription to be prepared.
#[derive(Clone, Debug)]
pub struct NewSubscription<'a> {
    /// The plan.
    pub plan: &'a str,
    /// The currency; the first that the plan has a price in, if not said.
    pub currency: Option<Currency>,
    /// The interval; the shortest that the plan has a price for, if not said.
    pub interval: Option<Interval>,
    /// The time zone of its calendar; the blueprint's if not said.
    pub zone: Option<&'a str>,
    /// Whether its clock can be moved.
    pub test_clock: bool,
}

impl<'a> NewSubscription<'a> {
    /// To this plan, on the terms that it has by itself.
    #[must_use]
    pub const fn to(plan: &'a str) -> Self {
        Self { plan, currency: None, interval: None, zone: None, test_clock: false }
    }
}

/// Prepares the subscription of an organization that isn't visible yet, to the newest version of a plan, and says which
/// that is and on which terms.
pub async fn prepare(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    org: OrgId,
    new: &NewSubscription<'_>,
) -> Result<(u32, Terms)> {
    let version = current_version(tx, new.plan).await?;
    let prices =
        blueprint.plan_index(new.plan).and_then(|index| blueprint.plan(index)).map(|plan| &plan.prices);
    let fits = |price: &&insula_blueprint::Price| {
        new.currency.is_none_or(|currency| price.amount.currency == currency)
            && new.interval.is_none_or(|interval| price.interval == interval)
    };
    let price = prices.and_then(|prices| prices.iter().find(fits));
    if price.is_none() && (new.currency.is_some() || new.interval.is_some()) {
        let detail = format!("`{}` has no such price.", new.plan);
        return Err(Error::invalid_field("/organization/currency", "no_price", detail));
    }
    let usd = || Currency::from_code("USD").ok_or_else(|| Error::internal("there is no USD"));
    let currency = match price.map(|price| price.amount.currency).or(new.currency) {
        Some(currency) => currency,
        None => usd()?,
    };
    let interval = price.map(|price| price.interval).or(new.interval).unwrap_or(Interval::Month);
    let zone = new.zone.unwrap_or(&blueprint.billing().time_zone);
    // Periods begin with whole seconds, which is what shares of them are counted in.
    let now = env.now().floor(Span::from_secs(1));
    let anchor = Anchor::new(now, zone)
        .map_err(|unknown| Error::invalid_field("/organization/time_zone", "unknown", unknown.to_string()))?;
    let seats = blueprint
        .plan_index(new.plan)
        .and_then(|index| blueprint.plan(index)?.seats.as_ref())
        .map_or(1, |seats| seats.included.max(1));
    let config = Config {
        plan: new.plan.to_owned(),
        version: i64::from(version),
        currency,
        interval,
        seats,
        add_ons: BTreeMap::new(),
    };
    let account = Account {
        org,
        id: SubscriptionId::generate(env),
        status: Status::Prepared,
        config,
        period: anchor.containing(interval, now),
        anchor: anchor.clone(),
        usage_from: now,
        trial_end: None,
        past_due_since: None,
        lapsed_at: None,
        paused_at: None,
        cancel_at: None,
        canceled_at: None,
        pays: false,
        pending: None,
        changed_at: now,
        sequence: 0,
        allows_overage: false,
        clock: new.test_clock.then(|| Span::from_micros(0)),
        started_at: now,
    };
    let mut values: Vec<Value> = account.values(None);
    values.extend(args![account.id, now]);
    tx.execute(&INSERT_SUBSCRIPTION, values).await?;
    Ok((version, Terms { anchor, seats, ..Terms::beginning(now) }))
}

/// What an organization is entitled to from its first moment, before the ledger is asked: its plan as the blueprint in
/// force has it. `version` and `terms` are those that [`prepare`] subscribed it to.
#[must_use]
pub fn first_entitlement(plan: &str, version: u32, terms: &Terms, blueprint: &Compiled) -> Entitlement {
    match blueprint.plan_index(plan).and_then(|index| blueprint.plan(index)) {
        Some(offered) => Definition::of(offered, blueprint).entitlement(plan, version, blueprint, terms),
        // The plan went away in between; the ledger knows the version that was subscribed to.
        None => Definition::default().entitlement(plan, version, blueprint, terms),
    }
}

/// Begins a prepared subscription, from when it was prepared; one that has begun goes on.
pub async fn activate(tx: &mut PlatformTx, env: &Env, blueprint: &Compiled, org: OrgId) -> Result<()> {
    let mut catalogue = Catalogue::default();
    let mut engine = Engine::lock(tx, env, blueprint, &mut catalogue, org).await?;
    let now = engine.now();
    engine.run(now).await
}

/// Removes a subscription whose organization never became visible; one that has begun stays.
pub async fn remove_prepared(tx: &mut PlatformTx, org: OrgId) -> Result<()> {
    tx.execute(&REMOVE_PREPARED, args![org]).await?;
    Ok(())
}

/// The organization's subscription.
pub async fn get(
    tx: &mut TenantTx,
    env: &Env,
    _proof: &Authorized<ReadSubscription>,
) -> Result<Subscription> {
    let found: Option<AccountRow> = tx.fetch_optional(&GET_SUBSCRIPTION, args![]).await?;
    let account: Account = found.ok_or_else(|| Error::not_found("subscription"))?.try_into()?;
    Ok(Subscription::of(account, env.now()))
}

/// Says whether usage may go beyond the limits that have a price for it.
pub async fn allow_overage(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    proof: &Authorized<ChangeSubscription>,
    allowed: bool,
) -> Result<()> {
    tx.execute(&ALLOW_OVERAGE, args![allowed]).await?;
    let action = if allowed { "subscription.overage_allowed" } else { "subscription.overage_refused" };
    let target = proof.organization().to_string();
    tx.audit(env, actor, AuditEntry { action, target, detail: json!({}) }).await?;
    Ok(())
}
