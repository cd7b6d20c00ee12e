//! `GET /v1/plans`.

use super::State;
use crate::plan::{AppliedPlan, units};
use axum::extract::State as From;
use insula_blueprint::{Compiled, Feature, Interval, LimitKind, Plan, Price};
use insula_kernel::{Money, Page};
use insula_web::Json;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is on offer: the plans of the blueprint in force, in its order, with their versions.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    plans: Vec<PlanOffer>,
}

impl Catalogue {
    /// The plans of a blueprint that was applied. A plan that wasn't isn't on offer.
    #[must_use]
    pub fn new(blueprint: &Compiled, applied: &[AppliedPlan]) -> Self {
        let default = blueprint.plan(blueprint.product().default_plan).map(|plan| plan.name.as_str());
        let offer = |plan: &Plan| {
            let version = applied.iter().find(|applied| applied.plan == plan.name)?.version;
            Some(PlanOffer {
                key: plan.name.clone(),
                name: plan.name.clone(),
                version,
                self_service: plan.self_service,
                prices: plan.prices.iter().map(price).collect(),
                limits: limits(plan, blueprint),
                features: plan.features.clone(),
                trial_days: None,
                is_default: default == Some(&plan.name),
            })
        };
        Self { plans: blueprint.plans().iter().filter_map(offer).collect() }
    }
}

/// A plan that is on offer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub struct PlanOffer {
    /// Its name in the blueprint.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// Who takes it now takes this version, and keeps it.
    pub version: u32,
    /// Whether organizations can choose it themselves.
    pub self_service: bool,
    /// What it costs, by currency and interval; none if it comes only by an offer.
    pub prices: Vec<PlanPrice>,
    /// How far each limit goes.
    pub limits: Vec<PlanLimit>,
    /// What it offers besides.
    #[schemars(schema_with = "features")]
    pub features: BTreeMap<String, Feature>,
    /// How long it can be tried without paying; null if it can't.
    pub trial_days: Option<u32>,
    /// Whether a new organization that doesn't choose gets it.
    pub is_default: bool,
}

fn features(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": ["string", "boolean", "integer"] } })
}

/// A price of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Price")]
pub struct PlanPrice {
    /// How often it is paid.
    #[schemars(extend("enum" = ["month", "year"]))]
    pub interval: &'static str,
    /// How much.
    pub price: Money,
}

fn price(price: &Price) -> PlanPrice {
    let interval = match price.interval {
        Interval::Month => "month",
        Interval::Year => "year",
    };
    PlanPrice { interval, price: price.amount }
}

/// How far a limit goes on a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanLimit {
    /// The limit's name in the blueprint.
    pub key: String,
    /// The window; null for a stock.
    #[schemars(extend("enum" = ["second", "minute", "hour", "day", null]))]
    pub window: Option<&'static str>,
    /// What it bounds: how often in a window that slides, for each key; how much in a window of the calendar; how many
    /// there are.
    #[schemars(extend("enum" = ["rate", "quota", "stock"]))]
    pub kind: &'static str,
    /// How far it goes; null is unlimited.
    pub limit: Option<i64>,
}

fn limits(plan: &Plan, blueprint: &Compiled) -> Vec<PlanLimit> {
    let of = blueprint.indexed_limits().map(|(index, limit)| {
        let (kind, window) = match limit.kind {
            LimitKind::Quota { window, .. } => ("quota", Some(window.name())),
            LimitKind::Rate { window, .. } => ("rate", Some(window.name())),
            LimitKind::Stock => ("stock", None),
        };
        PlanLimit { key: limit.name.clone(), window, kind, limit: units(plan.bound(index)) }
    });
    of.collect()
}

pub(super) async fn list_plans(From(state): From<State>) -> Json<Page<PlanOffer>> {
    Json(Page { items: state.catalogue.load().plans.clone(), next_cursor: None })
}
