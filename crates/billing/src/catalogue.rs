//! What is offered, as people are shown it: plans with what they cost and how far they go, and what can be had beside
//! them.

use insula_blueprint::{
    AddOn, AfterTrial, Bound, Compiled, Feature, LimitIndex, LimitKind, PlanIndex, Seats,
};
use insula_kernel::{Currency, Decimal, Money};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A plan that is offered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub(crate) struct OfferedPlan {
    key: String,
    name: String,
    /// For whom it is.
    description: Option<String>,
    /// The version that a new subscription gets.
    version: u32,
    /// Whether an organization can choose it itself; else it comes by offer.
    self_service: bool,
    prices: Vec<OfferedPrice>,
    /// What each seat costs, where it is billed by the head.
    seats: Option<OfferedSeats>,
    /// The least that a billing period comes to, recurring charges and usage together, by currency.
    minimum: Vec<Money>,
    limits: Vec<OfferedLimit>,
    /// What usage costs from the first unit on.
    usage: Vec<OfferedUsage>,
    /// What it costs to go beyond quotas.
    overage: Vec<OfferedOverage>,
    /// What can be had beside it.
    addons: Vec<OfferedAddOn>,
    features: BTreeMap<String, serde_json::Value>,
    /// The trial it begins with, where there is one.
    trial: Option<OfferedTrial>,
    is_default: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanPrice")]
struct OfferedPrice {
    #[schemars(extend("enum" = ["month", "quarter", "year"]))]
    interval: &'static str,
    price: Money,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanSeats")]
struct OfferedSeats {
    /// How many seats the plan's own price covers.
    included: u64,
    /// The limit that is the number of seats.
    limit: Option<String>,
    /// What each seat beyond those costs.
    prices: Vec<OfferedPrice>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanTrial")]
struct OfferedTrial {
    days: u32,
    /// What comes then where no payment method is known: `past_due`, or the key of the plan to go on with.
    then: String,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanLimit")]
struct OfferedLimit {
    key: String,
    #[schemars(extend("enum" = ["rate", "quota", "hold", "stock"]))]
    kind: &'static str,
    #[schemars(extend("enum" = ["second", "minute", "hour", "day", "month", null]))]
    window: Option<&'static str>,
    /// How far it goes; null is unlimited.
    limit: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanUsage")]
struct OfferedUsage {
    meter: String,
    /// What one is called.
    unit: String,
    prices: Vec<OfferedUsagePrice>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanUsagePrice")]
struct OfferedUsagePrice {
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    currency: &'static str,
    price: insula_rating::Price,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanOverage")]
struct OfferedOverage {
    limit: String,
    /// How many units a lot has.
    per: u64,
    /// What each started lot costs.
    prices: Vec<LotPrice>,
}

/// What a lot costs, in major units; it may be less than the smallest amount of the currency.
#[derive(Serialize, JsonSchema)]
struct LotPrice {
    #[schemars(with = "String")]
    amount: Decimal,
    #[schemars(extend("pattern" = "^[A-Z]{3}$"))]
    currency: &'static str,
}

/// What can be had beside a plan.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddOn")]
struct OfferedAddOn {
    key: String,
    name: String,
    /// What each one taken costs.
    prices: Vec<OfferedPrice>,
    /// What each one taken adds to how far limits go, by limit.
    limits: BTreeMap<String, u64>,
    features: BTreeMap<String, serde_json::Value>,
    /// How many can be taken.
    most: u32,
}

/// A plan as it is offered, of which new subscriptions get this version.
pub(crate) fn offered(
    index: PlanIndex,
    plan: &insula_blueprint::Plan,
    version: u32,
    blueprint: &Compiled,
) -> OfferedPlan {
    let add_ons = blueprint.add_ons().iter().filter(|add_on| add_on.is_for(index));
    let minimum = plan.minimum.iter().filter_map(|(currency, least)| payable(*currency, *least));
    OfferedPlan {
        key: plan.name.clone(),
        name: name(plan.title.as_deref(), &plan.name),
        description: plan.description.clone(),
        version,
        self_service: plan.self_service,
        prices: prices(&plan.prices),
        seats: plan.seats.as_ref().map(|one| seats(one, blueprint)),
        minimum: minimum.collect(),
        limits: limits(plan, blueprint),
        usage: usage(plan, blueprint),
        overage: overage(plan, blueprint),
        addons: add_ons.map(|one| add_on(one, blueprint)).collect(),
        features: features(&plan.features),
        trial: plan.trial.map(|trial| OfferedTrial { days: trial.days, then: then(trial.then, blueprint) }),
        is_default: index == blueprint.product().default_plan,
    }
}

fn name(title: Option<&str>, key: &str) -> String {
    title.map_or_else(|| capitalized(key), str::to_owned)
}

fn prices(prices: &[insula_blueprint::Price]) -> Vec<OfferedPrice> {
    let offered = |price: &insula_blueprint::Price| OfferedPrice {
        interval: price.interval.name(),
        price: price.amount,
    };
    prices.iter().map(offered).collect()
}

/// The amount as money; the blueprint has none that can't be paid.
fn payable(currency: Currency, amount: Decimal) -> Option<Money> {
    let minor = amount.to_scaled(u32::from(currency.decimals())).ok()?;
    Some(Money { minor, currency })
}

fn seats(seats: &Seats, blueprint: &Compiled) -> OfferedSeats {
    OfferedSeats {
        included: seats.included,
        limit: seats.limit.and_then(|limit| limit_name(limit, blueprint)),
        prices: prices(&seats.prices),
    }
}

fn limit_name(limit: LimitIndex, blueprint: &Compiled) -> Option<String> {
    blueprint.limit(limit).map(|limit| limit.name.clone())
}

fn then(after: AfterTrial, blueprint: &Compiled) -> String {
    let plan = match after {
        AfterTrial::PastDue => None,
        AfterTrial::Plan(plan) => blueprint.plan(plan),
    };
    plan.map_or_else(|| "past_due".to_owned(), |plan| plan.name.clone())
}

fn limits(plan: &insula_blueprint::Plan, blueprint: &Compiled) -> Vec<OfferedLimit> {
    let offered = |(index, limit): (_, &insula_blueprint::Limit)| {
        let (kind, window) = match limit.kind {
            LimitKind::Quota { window, .. } => ("quota", Some(window.name())),
            LimitKind::Rate { window, .. } => ("rate", Some(window.name())),
            LimitKind::Hold { .. } => ("hold", None),
            LimitKind::Stock => ("stock", None),
        };
        let bound = match plan.bound(index) {
            Bound::Unlimited => None,
            Bound::At(most) => Some(most),
        };
        OfferedLimit { key: limit.name.clone(), kind, window, limit: bound }
    };
    blueprint.indexed_limits().map(offered).collect()
}

fn usage(plan: &insula_blueprint::Plan, blueprint: &Compiled) -> Vec<OfferedUsage> {
    let priced = |(currency, price): &(Currency, insula_rating::Price)| OfferedUsagePrice {
        currency: currency.code(),
        price: price.clone(),
    };
    let offered = plan.usage.iter().filter_map(|(meter, prices)| {
        let meter = blueprint.meter(*meter)?;
        let (name, unit) = (meter.name.clone(), meter.unit.clone());
        Some(OfferedUsage { meter: name, unit, prices: prices.iter().map(priced).collect() })
    });
    offered.collect()
}

fn overage(plan: &insula_blueprint::Plan, blueprint: &Compiled) -> Vec<OfferedOverage> {
    let lot =
        |(currency, amount): &(Currency, Decimal)| LotPrice { amount: *amount, currency: currency.code() };
    let offered = plan.overage.iter().filter_map(|(limit, overage)| {
        let limit = limit_name(*limit, blueprint)?;
        Some(OfferedOverage { limit, per: overage.per, prices: overage.prices.iter().map(lot).collect() })
    });
    offered.collect()
}

fn add_on(add_on: &AddOn, blueprint: &Compiled) -> OfferedAddOn {
    let limits =
        add_on.limits.iter().filter_map(|(limit, more)| Some((limit_name(*limit, blueprint)?, *more)));
    OfferedAddOn {
        key: add_on.name.clone(),
        name: name(add_on.title.as_deref(), &add_on.name),
        prices: prices(&add_on.prices),
        limits: limits.collect(),
        features: features(&add_on.features),
        most: add_on.most,
    }
}

fn features(features: &BTreeMap<String, Feature>) -> BTreeMap<String, serde_json::Value> {
    let shown = |feature: &Feature| serde_json::to_value(feature).unwrap_or_default();
    features.iter().map(|(name, feature)| (name.clone(), shown(feature))).collect()
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}
