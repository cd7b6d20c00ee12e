//! Subscriptions: which version of which plan an organization is on, and all that can be done about it.

use crate::{
    account::{Account, AccountRow, Config, Status},
    definition::{AddOnDefinition, Definition, Terms},
    engine::{self, AnchorChange, Catalogue, Changed, Engine, Wanted, When},
    invoice::{self, Invoice, Span as Stretch},
    overrides,
    plan::{current_version, small},
    store::{
        ALL_PLAN_VERSIONS, ALL_SUBSCRIPTIONS, ALLOW_OVERAGE, CLOSED_UNTIL, CLOSED_UNTIL_OF, GET_SUBSCRIPTION,
        INSERT_SUBSCRIPTION, POSTPONE_SUBSCRIPTION, REMOVE_PREPARED, TEST_CLOCKS, TEST_CLOCKS_AFTER,
    },
};
use insula_access::{
    AdvanceClock, Authorized, AuthorizedOperator, ChangeSubscription, ReadInvoices, ReadSubscription,
};
use insula_blueprint::Compiled;
use insula_kernel::{
    Currency, Cursor, Env, Error, ErrorKind, Instant, InvoiceId, OrgId, Page, PageRequest, Result,
    Scope as _, Span, SubscriptionId,
};
use insula_limits::Entitlement;
use insula_rating::{Anchor, Interval};
use insula_storage::{
    PlatformTx, TenantTx, Value, args,
    journal::{Actor, AuditEntry},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

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
    run(tx, env, blueprint, &mut catalogue, org).await?;
    Ok(())
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

/// Organizations for which something is to be done by now, the longest waiting first.
pub async fn due(tx: &mut PlatformTx, now: Instant, limit: u32) -> Result<Vec<OrgId>> {
    engine::due(tx, now, limit).await
}

/// Does everything whose time has come for an organization; says whether what it is entitled to may be another now.
pub async fn run(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    catalogue: &mut Catalogue,
    org: OrgId,
) -> Result<bool> {
    let mut engine = Engine::lock(tx, env, blueprint, catalogue, org).await?;
    let entitles =
        |account: &Account| (account.config.clone(), account.anchor.clone(), account.status.service());
    let before = entitles(&engine.account);
    let now = engine.now();
    engine.run(now).await?;
    Ok(entitles(&engine.account) != before)
}

/// Tries again in a minute what couldn't be done for an organization.
pub async fn postpone(tx: &mut PlatformTx, org: OrgId, now: Instant) -> Result<()> {
    tx.execute(&POSTPONE_SUBSCRIPTION, args![org, now + Span::from_mins(1)]).await?;
    Ok(())
}

/// Moves the clock of an organization that has a test clock, and does in order what comes due on the way. Says where the
/// clock stands.
pub async fn advance(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    catalogue: &mut Catalogue,
    org: OrgId,
    to: Instant,
) -> Result<Instant> {
    let mut engine = Engine::lock(tx, env, blueprint, catalogue, org).await?;
    if engine.account.clock.is_none() {
        let detail =
            "The organization has no test clock; only one that was made with `test_clock` can be moved.";
        return Err(Error::new(ErrorKind::Conflict, "clock.real", detail));
    }
    let now = engine.now();
    if to < now {
        let detail = format!("The clock stands at {now}; it can't go back.");
        return Err(Error::invalid_field("/advance_to", "backwards", detail));
    }
    engine.account.clock = Some(to.saturating_since(env.now()));
    engine.run(to).await?;
    Ok(to)
}

/// Until when what organizations used is charged for good, of so many of them after this one in the order of their ids.
pub async fn closed_until(tx: &mut PlatformTx, after: OrgId, limit: u32) -> Result<Vec<(OrgId, Instant)>> {
    let found: Vec<(OrgId, Instant, Option<Instant>)> =
        tx.fetch_all(&CLOSED_UNTIL, args![after, limit]).await?;
    Ok(found
        .into_iter()
        .map(|(org, open, draft)| (org, draft.map_or(open, |draft| draft.min(open))))
        .collect())
}

/// The same of one organization; `None` if it has no subscription.
pub async fn closed_until_of(tx: &mut PlatformTx, org: OrgId) -> Result<Option<Instant>> {
    let found: Option<(Instant, Option<Instant>)> = tx.fetch_optional(&CLOSED_UNTIL_OF, args![org]).await?;
    Ok(found.map(|(open, draft)| draft.map_or(open, |draft| draft.min(open))))
}

/// How far the own time of organizations with a test clock is ahead.
pub async fn test_clocks(tx: &mut PlatformTx) -> Result<Vec<(OrgId, Span)>> {
    let found: Vec<(OrgId, i64)> = tx.fetch_all(&TEST_CLOCKS, args![]).await?;
    Ok(found.into_iter().map(|(org, ahead)| (org, Span::from_micros(ahead))).collect())
}

/// An organization with a test clock, and where that stands.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct TestClock {
    /// The organization.
    pub org: OrgId,
    /// Its own time.
    pub now: Instant,
}

/// The organizations that have a test clock, in the order of their ids.
pub async fn clocks(
    tx: &mut PlatformTx,
    env: &Env,
    _proof: &AuthorizedOperator<AdvanceClock>,
    page: PageRequest,
) -> Result<Page<TestClock>> {
    let after = OrgId::from_uuid(page.after.map_or(uuid::Uuid::nil(), Cursor::id));
    let found: Vec<(OrgId, i64)> =
        tx.fetch_all(&TEST_CLOCKS_AFTER, args![after, i64::from(page.limit) + 1]).await?;
    let now = env.now();
    let page = Page::cut(found, page, |(org, _)| org.uuid());
    Ok(page.map(|(org, ahead)| TestClock { org, now: now + Span::from_micros(ahead) }))
}

/// What every organization is entitled to, by the version of the plan it is on.
pub async fn entitlements(tx: &mut PlatformTx, blueprint: &Compiled) -> Result<Vec<(OrgId, Entitlement)>> {
    let versions = Versions::read(tx).await?;
    let rows: Vec<AccountRow> = tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await?;
    let mut overrides = overrides::all(tx).await?;
    let mut entitled = Vec::with_capacity(rows.len());
    for row in rows {
        let account = Account::try_from(row)?;
        let overrides = overrides.remove(&account.org).unwrap_or_default();
        entitled.extend(versions.entitlement(&account, overrides, blueprint)?);
    }
    Ok(entitled)
}

/// What one organization is entitled to; `None` if it has no subscription.
pub async fn entitlement_of(
    tx: &mut PlatformTx,
    env: &Env,
    org: OrgId,
    blueprint: &Compiled,
) -> Result<Option<Entitlement>> {
    let mut catalogue = Catalogue::default();
    let Some(mut engine) = Engine::look(tx, env, blueprint, &mut catalogue, org).await? else {
        return Ok(None);
    };
    let config = engine.account.config.clone();
    let offer = engine.offer(&config).await?;
    let account = engine.account;
    let add_ons = offer.add_ons.into_values().map(|(taken, add_on)| (add_on, taken.quantity)).collect();
    let terms = terms_of(&account, add_ons, overrides::of(tx, org).await?);
    let version = small(config.version)?;
    Ok(Some(offer.plan.entitlement(&config.plan, version, blueprint, &terms)))
}

pub(crate) fn terms_of(
    account: &Account,
    add_ons: Vec<(Arc<AddOnDefinition>, u32)>,
    overrides: HashMap<String, Option<u64>>,
) -> Terms {
    Terms {
        anchor: account.anchor.clone(),
        seats: account.config.seats,
        add_ons,
        allows_overage: account.allows_overage,
        overrides,
        clock: account.clock.unwrap_or(Span::from_micros(0)),
        service: account.status.service(),
    }
}

/// Every version of every plan and add-on.
pub(crate) struct Versions {
    plans: HashMap<(String, i64), Definition>,
    add_ons: HashMap<(String, i64), Arc<AddOnDefinition>>,
}

impl Versions {
    pub(crate) async fn read(tx: &mut PlatformTx) -> Result<Self> {
        let rows: Vec<(String, i64, String)> = tx.fetch_all(&ALL_PLAN_VERSIONS, args![]).await?;
        let mut versions = Self { plans: HashMap::new(), add_ons: HashMap::new() };
        for (name, version, text) in rows {
            match crate::plan::add_on_name(&name) {
                Some(add_on) => {
                    versions
                        .add_ons
                        .insert((add_on.to_owned(), version), Arc::new(crate::account::read(&text)?));
                }
                None => {
                    versions.plans.insert((name, version), crate::account::read(&text)?);
                }
            }
        }
        Ok(versions)
    }

    /// A version of a plan.
    pub(crate) fn plan(&self, name: &str, version: i64) -> Option<&Definition> {
        self.plans.get(&(name.to_owned(), version))
    }

    /// A version of an add-on.
    pub(crate) fn add_on(&self, name: &str, version: i64) -> Option<&Arc<AddOnDefinition>> {
        self.add_ons.get(&(name.to_owned(), version))
    }

    fn entitlement(
        &self,
        account: &Account,
        overrides: HashMap<String, Option<u64>>,
        blueprint: &Compiled,
    ) -> Result<Option<(OrgId, Entitlement)>> {
        let Config { plan, version, add_ons, .. } = &account.config;
        let Some(definition) = self.plans.get(&(plan.clone(), *version)) else { return Ok(None) };
        let add_on = |(name, taken): (&String, &crate::account::Taken)| {
            let definition = self.add_ons.get(&(name.clone(), taken.version))?;
            Some((Arc::clone(definition), taken.quantity))
        };
        let terms = terms_of(account, add_ons.iter().filter_map(add_on).collect(), overrides);
        Ok(Some((account.org, definition.entitlement(plan, small(*version)?, blueprint, &terms))))
    }
}
