//! What another blueprint would change: of what is offered, for everyone, and for each organization.
//!
//! What must always hold: nothing is written. What organizations pay and may use is computed as the engine and the gate
//! compute it, from the versions they are on; so what is foretold is what happens if nothing changes in between.

mod everyone;
mod fields;

pub use everyone::{Changes, Everyone};
pub use fields::FieldChange;

use crate::{
    account::{Account, AccountRow, Config, Status},
    charges::Offer,
    definition::{AddOnDefinition, Definition, Terms},
    overrides,
    plan::{add_on_key, small},
    store::{ALL_SUBSCRIPTIONS, CURRENT_DIGESTS},
    subscription::{Versions, terms_of},
};
use everyone::{Bounds, usable};
use insula_access::{AuthorizedOperator, PlanBlueprint};
use insula_blueprint::Compiled;
use insula_kernel::{Instant, Money, OrgId, Result};
use insula_rating::Interval;
use insula_storage::{PlatformTx, args};
use schemars::JsonSchema;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// How many organizations are named; all are counted.
const MOST_NAMED: usize = 200;

/// What another blueprint would change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "BlueprintEffects")]
pub struct Effects {
    /// Whether it differs from the one in force.
    pub changed: bool,
    /// The plans, also those that would be gone.
    pub plans: Vec<OfferedChange>,
    /// The add-ons, also those that would be gone.
    pub add_ons: Vec<OfferedChange>,
    /// What changes for every organization at once, whatever its plan.
    pub everyone: Everyone,
    /// How many organizations it touches, and how.
    pub counts: Counts,
    /// The first 200 of them.
    pub organizations: Vec<OrganizationEffect>,
}

/// What becomes of a plan or an add-on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OfferedChange {
    /// Its name.
    pub key: String,
    /// What becomes of it.
    #[schemars(extend("enum" = ["new", "changed", "unchanged", "gone"]))]
    pub change: &'static str,
    /// The version that new subscribers get now.
    pub version: Option<u32>,
    /// The version that they would get.
    pub next_version: Option<u32>,
    /// How many organizations are on any version of it.
    pub subscribers: u64,
    /// What differs between the versions.
    pub fields: Vec<FieldChange>,
}

/// How many organizations a blueprint touches.
#[derive(Clone, Copy, Default, Debug, Serialize, JsonSchema)]
pub struct Counts {
    /// All that it touches.
    pub touched: u64,
    /// Those that stay on a version that new subscribers don't get any more.
    pub grandfathered: u64,
    /// Those that would pay more if they were moved to the new version.
    pub would_pay_more: u64,
    /// Those that would pay less.
    pub would_pay_less: u64,
    /// Those that can't be moved, since the new version has no such price or the plan is gone.
    pub immovable: u64,
    /// Those that get less at once.
    pub lose_at_once: u64,
    /// Those that get more at once.
    pub gain_at_once: u64,
}

/// What a blueprint changes for one organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OrganizationEffect {
    /// The organization.
    pub org: OrgId,
    /// Its address.
    pub slug: Option<String>,
    /// The plan it is on.
    pub plan: String,
    /// The version it is on, and stays on until it is moved.
    pub version: u32,
    /// When its period ends, with which it could be moved.
    pub period_end: Instant,
    /// Whether its plan would be offered no more.
    pub plan_gone: bool,
    /// What moving it to the new version of its plan would change; null if the plan doesn't change, or is gone.
    pub if_moved: Option<Moved>,
    /// What changes as soon as the blueprint is in force.
    pub at_once: AtOnce,
}

/// What moving an organization to another version would change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Moved {
    /// The version it would be on.
    pub version: u32,
    /// How often it pays.
    pub interval: Interval,
    /// What recurs each period now: plan, seats and add-ons.
    pub before: Money,
    /// What would recur; null if the version has no price in its currency and interval.
    pub after: Option<Money>,
    /// What it would pay more each period, below zero what less.
    pub difference: Option<Money>,
    /// Limits that would go further: whole units, or `unlimited`.
    pub limits_up: Vec<FieldChange>,
    /// Limits that would go less far.
    pub limits_down: Vec<FieldChange>,
    /// Features it would have.
    pub features_gained: Vec<String>,
    /// Features it wouldn't have any more.
    pub features_lost: Vec<String>,
    /// What else differs, such as prices of usage and what features say.
    pub terms: Vec<FieldChange>,
}

/// What changes for an organization at once, though it stays on its version.
#[derive(Clone, Default, PartialEq, Debug, Serialize, JsonSchema)]
pub struct AtOnce {
    /// Limits that go further, or are no more (null): whole units, or `unlimited`.
    pub limits_up: Vec<FieldChange>,
    /// Limits that go less far, or are new.
    pub limits_down: Vec<FieldChange>,
    /// Routes of both blueprints that it couldn't use and can.
    pub routes_gained: Vec<String>,
    /// Routes of both blueprints that it could use and can't any more.
    pub routes_lost: Vec<String>,
}

/// Versions as they are, and as they would be.
struct Outlook<'a> {
    before: &'a Compiled,
    after: &'a Compiled,
    versions: Versions,
    /// The new version of each plan that changes, and its number.
    next: BTreeMap<String, (u32, Arc<Definition>)>,
    gone: BTreeSet<String>,
}

/// What putting `after` in force instead of `before` would change.
pub async fn effects(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<PlanBlueprint>,
    before: &Compiled,
    after: &Compiled,
) -> Result<Effects> {
    let rows: Vec<AccountRow> = tx.fetch_all(&ALL_SUBSCRIPTIONS, args![]).await?;
    let mut accounts: Vec<Account> = rows.into_iter().map(Account::try_from).collect::<Result<_>>()?;
    accounts.retain(|account| !matches!(account.status, Status::Canceled));
    accounts.sort_by_key(|account| account.org);
    let current: Vec<(String, i64, String)> = tx.fetch_all(&CURRENT_DIGESTS, args![]).await?;
    let versions = Versions::read(tx).await?;
    let mut overrides = overrides::all(tx).await?;

    let (plans, next) = plan_changes(before, after, &current, &versions, &accounts)?;
    let add_ons = add_on_changes(before, after, &current, &versions, &accounts)?;
    let gone = plans.iter().filter(|plan| plan.change == "gone").map(|plan| plan.key.clone()).collect();
    let outlook = Outlook { before, after, versions, next, gone };
    let (mut counts, mut organizations) = (Counts::default(), Vec::new());
    for account in &accounts {
        let overrides = overrides.remove(&account.org).unwrap_or_default();
        let Some(effect) = outlook.effect(account, overrides)? else { continue };
        counts.add(&effect);
        if organizations.len() < MOST_NAMED {
            organizations.push(effect);
        }
    }
    let changed = before.digest() != after.digest();
    Ok(Effects { changed, plans, add_ons, everyone: Everyone::of(before, after), counts, organizations })
}

impl Counts {
    fn add(&mut self, effect: &OrganizationEffect) {
        let difference = effect.if_moved.as_ref().and_then(|moved| moved.difference);
        let has_no_price = effect.if_moved.as_ref().is_some_and(|moved| moved.after.is_none());
        self.touched += 1;
        self.grandfathered += u64::from(effect.if_moved.is_some() || effect.plan_gone);
        self.would_pay_more += u64::from(difference.is_some_and(|more| more.minor > 0));
        self.would_pay_less += u64::from(difference.is_some_and(|more| more.minor < 0));
        self.immovable += u64::from(has_no_price || effect.plan_gone);
        let AtOnce { limits_up, limits_down, routes_gained, routes_lost } = &effect.at_once;
        self.lose_at_once += u64::from(!limits_down.is_empty() || !routes_lost.is_empty());
        self.gain_at_once += u64::from(!limits_up.is_empty() || !routes_gained.is_empty());
    }
}

type Next = BTreeMap<String, (u32, Arc<Definition>)>;

fn latest<'c>(current: &'c [(String, i64, String)], key: &str) -> Option<(i64, &'c str)> {
    let found = current.iter().find(|(name, ..)| name == key);
    found.map(|(_, version, digest)| (*version, digest.as_str()))
}

fn plan_changes(
    before: &Compiled,
    after: &Compiled,
    current: &[(String, i64, String)],
    versions: &Versions,
    accounts: &[Account],
) -> Result<(Vec<OfferedChange>, Next)> {
    let (mut changes, mut next) = (Vec::new(), Next::new());
    let count = |name: &str| accounts.iter().filter(|account| account.config.plan == name).count() as u64;
    for plan in after.plans() {
        let known = latest(current, &plan.name);
        let definition = Arc::new(Definition::of(plan, after));
        let digest = plan.digest.to_string();
        let old = known.and_then(|(version, _)| versions.plan(&plan.name, version));
        let change = offered_change(&plan.name, known, &digest, count(&plan.name))?;
        let fields = match old.filter(|_| change.change == "changed") {
            Some(old) => fields::between(&fields::of_plan(old), &fields::of_plan(&definition)),
            None => Vec::new(),
        };
        if let (Some(version), "changed") = (change.next_version, change.change) {
            next.insert(plan.name.clone(), (version, definition));
        }
        changes.push(OfferedChange { fields, ..change });
    }
    for plan in before.plans().iter().filter(|plan| after.plan_index(&plan.name).is_none()) {
        let version = latest(current, &plan.name).map(|(version, _)| small(version)).transpose()?;
        changes.push(gone(&plan.name, version, count(&plan.name)));
    }
    Ok((changes, next))
}

fn add_on_changes(
    before: &Compiled,
    after: &Compiled,
    current: &[(String, i64, String)],
    versions: &Versions,
    accounts: &[Account],
) -> Result<Vec<OfferedChange>> {
    let mut changes = Vec::new();
    let takes = |account: &&Account, name: &str| account.config.add_ons.contains_key(name);
    let count = |name: &str| accounts.iter().filter(|account| takes(account, name)).count() as u64;
    for add_on in after.add_ons() {
        let known = latest(current, &add_on_key(&add_on.name));
        let definition = AddOnDefinition::of(add_on, after);
        let old = known.and_then(|(version, _)| versions.add_on(&add_on.name, version));
        let change = offered_change(&add_on.name, known, &add_on.digest.to_string(), count(&add_on.name))?;
        let fields = match old.filter(|_| change.change == "changed") {
            Some(old) => fields::between(&fields::of_add_on(old), &fields::of_add_on(&definition)),
            None => Vec::new(),
        };
        changes.push(OfferedChange { fields, ..change });
    }
    for add_on in before.add_ons().iter().filter(|add_on| after.add_on(&add_on.name).is_none()) {
        let version = latest(current, &add_on_key(&add_on.name));
        let version = version.map(|(version, _)| small(version)).transpose()?;
        changes.push(gone(&add_on.name, version, count(&add_on.name)));
    }
    Ok(changes)
}

fn offered_change(
    key: &str,
    known: Option<(i64, &str)>,
    digest: &str,
    subscribers: u64,
) -> Result<OfferedChange> {
    let version = known.map(|(version, _)| small(version)).transpose()?;
    let (change, next) = match known {
        None => ("new", 1),
        Some((version, same)) if same == digest => ("unchanged", small(version)?),
        Some((version, _)) => ("changed", small(version + 1)?),
    };
    let (key, fields) = (key.to_owned(), Vec::new());
    Ok(OfferedChange { key, change, version, next_version: Some(next), subscribers, fields })
}

fn gone(key: &str, version: Option<u32>, subscribers: u64) -> OfferedChange {
    let (key, fields) = (key.to_owned(), Vec::new());
    OfferedChange { key, change: "gone", version, next_version: None, subscribers, fields }
}

impl Outlook<'_> {
    /// What changes for an organization, if anything does.
    fn effect(
        &self,
        account: &Account,
        overrides: HashMap<String, Option<u64>>,
    ) -> Result<Option<OrganizationEffect>> {
        let Config { plan, version, .. } = &account.config;
        let Some(definition) = self.versions.plan(plan, *version) else { return Ok(None) };
        let offer = Offer { plan: Arc::new(definition.clone()), add_ons: self.taken(&account.config) };
        let add_ons = offer.add_ons.values().map(|(taken, add_on)| (Arc::clone(add_on), taken.quantity));
        let terms = terms_of(account, add_ons.collect(), overrides);
        let at_once = self.at_once(definition, plan, &terms);
        let if_moved = match self.next.get(plan) {
            Some((number, next)) => Some(self.moved(account, &offer, (*number, next), &terms)?),
            None => None,
        };
        let plan_gone = self.gone.contains(plan);
        if if_moved.is_none() && at_once == AtOnce::default() && !plan_gone {
            return Ok(None);
        }
        Ok(Some(OrganizationEffect {
            org: account.org,
            slug: None,
            plan: plan.clone(),
            version: small(*version)?,
            period_end: account.period.end,
            plan_gone,
            if_moved,
            at_once,
        }))
    }

    fn taken(&self, config: &Config) -> BTreeMap<String, (crate::account::Taken, Arc<AddOnDefinition>)> {
        let known = |(name, taken): (&String, &crate::account::Taken)| {
            Some((name.clone(), (*taken, Arc::clone(self.versions.add_on(name, taken.version)?))))
        };
        config.add_ons.iter().filter_map(known).collect()
    }

    fn at_once(&self, definition: &Definition, plan: &str, terms: &Terms) -> AtOnce {
        let bounds = |blueprint| Bounds::of(definition, plan, blueprint, terms);
        let (limits_up, limits_down) = bounds(self.before).against(&bounds(self.after));
        let features = definition.features(terms);
        let (could, can) = (usable(self.before, &features), usable(self.after, &features));
        let routes = |blueprint: &Compiled| -> BTreeSet<String> {
            blueprint.routes().iter().map(|route| route.pattern.clone()).collect()
        };
        let both: BTreeSet<String> = routes(self.before).intersection(&routes(self.after)).cloned().collect();
        let only = |some: &BTreeSet<String>, others: &BTreeSet<String>| {
            some.difference(others).filter(|route| both.contains(*route)).cloned().collect()
        };
        AtOnce { limits_up, limits_down, routes_gained: only(&can, &could), routes_lost: only(&could, &can) }
    }

    fn moved(
        &self,
        account: &Account,
        offer: &Offer,
        (number, next): (u32, &Arc<Definition>),
        terms: &Terms,
    ) -> Result<Moved> {
        let config = &account.config;
        let zero = Money { minor: 0, currency: config.currency };
        let sum = |offer: &Offer, config: &Config| -> Result<Money> {
            let recurs = offer.recurs(config)?;
            let all = recurs.iter().map(|one| one.whole.minor).fold(0, i64::saturating_add);
            Ok(Money { minor: all, ..zero })
        };
        let before = sum(offer, config)?;
        let has_price = next.prices.is_empty() || next.price(config.currency, config.interval).is_some();
        let moved = Config { version: i64::from(number), ..config.clone() };
        let new = Offer { plan: Arc::clone(next), add_ons: offer.add_ons.clone() };
        let after = if has_price { Some(sum(&new, &moved)?) } else { None };
        let difference = after.map(|after| Money { minor: after.minor - before.minor, ..zero });
        let bounds = |definition: &Definition| Bounds::of(definition, &config.plan, self.after, terms);
        let (limits_up, limits_down) = bounds(&offer.plan).against(&bounds(next));
        let has = |definition: &Definition| -> BTreeSet<String> {
            let features = definition.features(terms).into_iter();
            features.filter(|(_, has)| *has).map(|(name, _)| name.into()).collect()
        };
        let (had, gets) = (has(&offer.plan), has(next));
        let terms = fields::between(&fields::of_plan(&offer.plan), &fields::of_plan(next));
        let told = ["prices.", "limits."];
        Ok(Moved {
            version: number,
            interval: config.interval,
            before,
            after,
            difference,
            limits_up,
            limits_down,
            features_gained: gets.difference(&had).cloned().collect(),
            features_lost: had.difference(&gets).cloned().collect(),
            terms: terms
                .into_iter()
                .filter(|change| !told.iter().any(|start| change.field.starts_with(start)))
                .collect(),
        })
    }
}
