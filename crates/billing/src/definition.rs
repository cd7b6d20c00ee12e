//! What a version of a plan or an add-on offers, in names: it can be read beside any later blueprint.

use insula_blueprint::{
    AddOn, AfterTrial, Bound as Declared, Compiled, Limit, LimitIndex, LimitKind, Meter, OnExceed, Overage,
    Plan, QuotaWindow, RETENTION, retention,
};
use insula_kernel::{Currency, Decimal, Instant, Money, Scale, Span};
use insula_limits::{Bound, Entitlement};
use insula_rating::{Anchor, Interval, Model, Price};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// What a version of a plan offers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Definition {
    /// What people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The plan that an organization's own was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Prices by interval and currency.
    pub prices: Vec<Recurring>,
    /// How far each limit goes; null is unlimited.
    pub limits: BTreeMap<String, Option<u64>>,
    /// What it offers besides.
    pub features: Json,
    /// Its rank among plans.
    pub priority: i64,
    /// What is billed by the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<SeatTerms>,
    /// What usage costs from the first unit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<UsageTerms>,
    /// What it costs to go beyond limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overage: Vec<OverageTerms>,
    /// The least a billing period comes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minimum: Vec<(Currency, Decimal)>,
    /// The trial it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialTerms>,
    /// Days past due before the organization is suspended.
    #[serde(default)]
    pub grace_days: u32,
}

/// What is paid again and again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Recurring {
    /// How often.
    pub interval: Interval,
    /// How much.
    pub price: Money,
}

/// What is billed by the head.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeatTerms {
    /// How many the plan's price covers.
    pub included: u64,
    /// The stock whose bound is the number of seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What each further one costs.
    pub prices: Vec<Recurring>,
}

/// What a meter's usage costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UsageTerms {
    /// The meter.
    pub meter: String,
    /// How many decimals it keeps.
    pub scale: Scale,
    /// The prices by currency.
    pub prices: BTreeMap<String, Price>,
}

/// What it costs to go beyond a limit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OverageTerms {
    /// The limit.
    pub limit: String,
    /// Its meter.
    pub meter: String,
    /// How many decimals the meter keeps.
    pub scale: Scale,
    /// The limit's window: `hour`, `day` or `month`.
    pub window: String,
    /// The prices by currency.
    pub prices: BTreeMap<String, Price>,
}

/// A trial.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrialTerms {
    /// How long, in days of the local calendar.
    pub days: u32,
    /// The plan that comes after it without a way to pay; past due if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
}

/// What a version of an add-on offers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AddOnDefinition {
    /// What people see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Prices of each one taken.
    pub prices: Vec<Recurring>,
    /// What each adds to bounds.
    pub limits: BTreeMap<String, u64>,
    /// What is offered while it is taken.
    pub features: Json,
    /// The plans it is for; all if empty.
    pub plans: Vec<String>,
    /// How many can be taken.
    pub most: u32,
}

/// The price of this interval in this currency.
pub(crate) fn price_in(prices: &[Recurring], currency: Currency, interval: Interval) -> Option<Money> {
    let fits = |price: &&Recurring| price.interval == interval && price.price.currency == currency;
    prices.iter().find(fits).map(|price| price.price)
}

/// What besides its plan decides what an organization may do.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Where billing periods begin.
    pub anchor: Anchor,
    /// How many seats there are.
    pub seats: u64,
    /// The add-ons that are taken, and how many of each.
    pub add_ons: Vec<(Arc<AddOnDefinition>, u32)>,
    /// Whether the organization lets usage go beyond limits that have a price for it.
    pub allows_overage: bool,
    /// What the operator has set for the organization alone, in whole units; `None` is unlimited.
    pub overrides: HashMap<String, Option<u64>>,
    /// How far the organization's own time is ahead.
    pub clock: Span,
    /// Whether it is served.
    pub service: insula_limits::Service,
}

impl Terms {
    /// Those of a new subscription that begins now.
    #[must_use]
    pub fn beginning(at: Instant) -> Self {
        Self {
            anchor: Anchor::utc(at),
            seats: 1,
            add_ons: Vec::new(),
            allows_overage: false,
            overrides: HashMap::new(),
            clock: Span::from_micros(0),
            service: insula_limits::Service::Served,
        }
    }
}

impl Definition {
    /// What a plan of this blueprint offers.
    #[must_use]
    pub fn of(plan: &Plan, blueprint: &Compiled) -> Self {
        let limits =
            blueprint.indexed_limits().map(|(index, limit)| (limit.name.clone(), most(plan.bound(index))));
        let seats = plan.seats.as_ref().map(|seats| SeatTerms {
            included: seats.included,
            limit: seats.limit.and_then(|index| blueprint.limit(index)).map(|limit| limit.name.clone()),
            prices: recurring(&seats.prices),
        });
        let usage = plan.usage.iter().filter_map(|(index, prices)| {
            let meter = blueprint.meter(*index)?;
            let prices = prices.iter().map(|(currency, price)| (currency.code().to_owned(), price.clone()));
            Some(UsageTerms { meter: meter.name.clone(), scale: meter.scale, prices: prices.collect() })
        });
        let trial = plan.trial.map(|trial| TrialTerms {
            days: trial.days,
            then: match trial.then {
                AfterTrial::PastDue => None,
                AfterTrial::Plan(index) => blueprint.plan(index).map(|plan| plan.name.clone()),
            },
        });
        Self {
            title: plan.title.clone(),
            base: None,
            prices: recurring(&plan.prices),
            limits: limits.collect(),
            features: json!(plan.features),
            priority: plan.priority,
            seats,
            usage: usage.collect(),
            overage: plan
                .overage
                .iter()
                .filter_map(|(index, overage)| OverageTerms::of(*index, overage, blueprint))
                .collect(),
            minimum: plan.minimum.clone(),
            trial,
            grace_days: plan.grace_days,
        }
    }

    /// The price of this interval in this currency, if it has one.
    #[must_use]
    pub fn price(&self, currency: Currency, interval: Interval) -> Option<Money> {
        price_in(&self.prices, currency, interval)
    }

    /// What it entitles to under a blueprint, on these terms. For a limit that the version knew nothing of, what the plan
    /// offers now counts; where it is offered no more, the limit is closed until the operator moves its subscribers.
    /// Seats and add-ons come on top, and what the operator has set for the organization alone before all. An
    /// organization's own plan counts as the one it was made from.
    #[must_use]
    pub fn entitlement(&self, plan: &str, version: u32, blueprint: &Compiled, terms: &Terms) -> Entitlement {
        let plan = self.base.as_deref().unwrap_or(plan);
        let bound = |(index, limit): (LimitIndex, &Limit)| {
            let units = self.units(plan, index, limit, blueprint, terms);
            let priced = self.overage.iter().any(|overage| overage.limit == limit.name);
            let is_hard = match limit.on_exceed {
                OnExceed::Reject => !(priced && terms.allows_overage),
                OnExceed::Warn | OnExceed::Bill => false,
            };
            Bound { most: units.map(|units| in_smallest(units, limit, blueprint)), is_hard }
        };
        Entitlement {
            plan: plan.into(),
            plan_version: version,
            priority: self.priority,
            bounds: blueprint.indexed_limits().map(bound).collect(),
            features: Arc::new(self.features(terms)),
            retention: self.retention(terms),
            anchor: terms.anchor.clone(),
            clock: terms.clock,
            service: terms.service,
        }
    }

    /// How far each limit of a blueprint goes on these terms, in whole units; `None` is unlimited.
    pub(crate) fn bounds(
        &self,
        plan: &str,
        blueprint: &Compiled,
        terms: &Terms,
    ) -> BTreeMap<String, Option<u64>> {
        let plan = self.base.as_deref().unwrap_or(plan);
        let bound = |(index, limit): (LimitIndex, &Limit)| {
            (limit.name.clone(), self.units(plan, index, limit, blueprint, terms))
        };
        blueprint.indexed_limits().map(bound).collect()
    }

    /// How far a limit goes, in whole units; `None` is unlimited.
    fn units(
        &self,
        plan: &str,
        index: LimitIndex,
        limit: &Limit,
        blueprint: &Compiled,
        terms: &Terms,
    ) -> Option<u64> {
        if let Some(units) = terms.overrides.get(&limit.name) {
            return *units;
        }
        let offered = || blueprint.plan_index(plan).and_then(|index| blueprint.plan(index));
        let now = || offered().map_or(Some(0), |offered| most(offered.bound(index)));
        let by_plan = match &self.seats {
            Some(SeatTerms { limit: Some(name), .. }) if *name == limit.name => Some(terms.seats),
            _ => self.limits.get(&limit.name).copied().unwrap_or_else(now),
        };
        by_plan.map(|units| units.saturating_add(added(&limit.name, &terms.add_ons)))
    }

    /// How far the limit of this name goes for usage that is rated, in whole units; `None` is unlimited.
    pub(crate) fn rated_bound(&self, limit: &str, terms: &Terms) -> Option<u64> {
        if let Some(units) = terms.overrides.get(limit) {
            return *units;
        }
        let by_plan = self.limits.get(limit).copied().unwrap_or(Some(0));
        by_plan.map(|units| units.saturating_add(added(limit, &terms.add_ons)))
    }

    /// How far back usage is shown: as the plan says, or an add-on that shows more; `None` shows all there is.
    fn retention(&self, terms: &Terms) -> Option<Span> {
        let said = |features: &Json| features.get(RETENTION).and_then(Json::as_str).and_then(retention);
        let by_plan = said(&self.features)?;
        let by_add_ons = terms.add_ons.iter().filter_map(|(add_on, _)| said(&add_on.features));
        Some(by_add_ons.fold(by_plan, Span::max))
    }

    /// Whether each feature is there: a flag that is set, or a word other than `none`. A number offers nothing by itself.
    pub(crate) fn features(&self, terms: &Terms) -> BTreeMap<Box<str>, bool> {
        let is_there = |value: &Json| match value {
            Json::Bool(flag) => *flag,
            Json::String(text) => !text.is_empty() && text != "none",
            _ => false,
        };
        let of_plan = self.features.as_object().into_iter().flatten();
        let of_add_ons = terms.add_ons.iter().filter_map(|(add_on, _)| add_on.features.as_object()).flatten();
        of_plan.chain(of_add_ons).map(|(name, value)| (name.as_str().into(), is_there(value))).collect()
    }
}

impl AddOnDefinition {
    /// What an add-on of this blueprint offers.
    #[must_use]
    pub fn of(add_on: &AddOn, blueprint: &Compiled) -> Self {
        let limit = |(index, more): &(LimitIndex, u64)| Some((blueprint.limit(*index)?.name.clone(), *more));
        Self {
            title: add_on.title.clone(),
            prices: recurring(&add_on.prices),
            limits: add_on.limits.iter().filter_map(limit).collect(),
            features: json!(add_on.features),
            plans: add_on.plans.iter().filter_map(|plan| Some(blueprint.plan(*plan)?.name.clone())).collect(),
            most: add_on.most,
        }
    }
}

impl OverageTerms {
    fn of(index: LimitIndex, overage: &Overage, blueprint: &Compiled) -> Option<Self> {
        let per = Decimal::from_scaled(i64::try_from(overage.per).unwrap_or(i64::MAX), 0);
        let price = |(currency, unit): &(Currency, Decimal)| {
            (currency.code().to_owned(), Price::new(Model::Package { unit: *unit, per }))
        };
        overage_terms(index, overage.prices.iter().map(price).collect(), blueprint)
    }
}

/// What it costs to go beyond a limit, if that is a quota.
pub(crate) fn overage_terms(
    index: LimitIndex,
    prices: BTreeMap<String, Price>,
    blueprint: &Compiled,
) -> Option<OverageTerms> {
    let limit = blueprint.limit(index)?;
    let LimitKind::Quota { meter, window, .. } = limit.kind else { return None };
    let Meter { name, scale, .. } = blueprint.meter(meter)?;
    Some(OverageTerms {
        limit: limit.name.clone(),
        meter: name.clone(),
        scale: *scale,
        window: QuotaWindow::name(window).to_owned(),
        prices,
    })
}

fn recurring(prices: &[insula_blueprint::Price]) -> Vec<Recurring> {
    prices.iter().map(|price| Recurring { interval: price.interval, price: price.amount }).collect()
}

/// What add-ons add to a limit.
fn added(limit: &str, add_ons: &[(Arc<AddOnDefinition>, u32)]) -> u64 {
    let more = |(add_on, taken): &(Arc<AddOnDefinition>, u32)| {
        add_on.limits.get(limit).copied().unwrap_or(0).saturating_mul(u64::from(*taken))
    };
    add_ons.iter().map(more).fold(0, u64::saturating_add)
}

/// A bound in the smallest units of what it bounds. Plans say whole units.
fn in_smallest(units: u64, limit: &Limit, blueprint: &Compiled) -> i64 {
    let scale = match limit.kind {
        LimitKind::Quota { meter, .. } => blueprint.meter(meter).map(|meter| meter.scale).unwrap_or_default(),
        _ => Scale::WHOLE,
    };
    smallest(units, scale)
}

/// Whole units in the smallest units of a scale.
pub(crate) fn smallest(units: u64, scale: Scale) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(scale.factor())
}

/// How far a bound goes; `None` is unlimited.
const fn most(bound: Declared) -> Option<u64> {
    match bound {
        Declared::Unlimited => None,
        Declared::At(most) => Some(most),
    }
}
