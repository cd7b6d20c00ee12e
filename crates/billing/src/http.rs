//! Endpoints: what is offered, and what an organization has.

use crate::{
    plan::current_versions,
    subscription::{self, Subscription},
};
use arc_swap::ArcSwap;
use axum::extract::State as Extract;
use insula_access::ReadSubscription;
use insula_blueprint::{Bound, Compiled, Feature, LimitKind};
use insula_kernel::{Money, Page};
use insula_storage::{Storage, Store, Worker};
use insula_web::{Api, Endpoint, Failure, In, Json, Method};
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

const TAG: &str = "Billing";

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The stores.
    pub storage: Storage,
    /// The blueprint in force.
    pub blueprint: Arc<ArcSwap<Compiled>>,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/plans",
                "listPlans",
                TAG,
                "The plans that are offered, in their order",
            )
            .replies::<Page<OfferedPlan>>(200),
            list_plans,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/subscription",
                "getSubscription",
                TAG,
                "What the organization is subscribed to",
            )
            .allows::<ReadSubscription>()
            .replies::<Subscription>(200),
            get_subscription,
        )
}

/// A plan that is offered.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
struct OfferedPlan {
    key: String,
    name: String,
    /// The version that a new subscription gets.
    version: u32,
    /// Whether an organization can choose it itself; else it comes by offer.
    self_service: bool,
    prices: Vec<OfferedPrice>,
    limits: Vec<OfferedLimit>,
    features: BTreeMap<String, serde_json::Value>,
    /// Days of trial, where there is one.
    trial_days: Option<u32>,
    is_default: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PlanPrice")]
struct OfferedPrice {
    #[schemars(extend("enum" = ["month", "year"]))]
    interval: &'static str,
    price: Money,
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

async fn list_plans(Extract(state): Extract<State>) -> Result<Json<Page<OfferedPlan>>, Failure> {
    let mut tx = state.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let versions = current_versions(&mut tx).await?;
    drop(tx);
    let blueprint = state.blueprint.load();
    let default = blueprint.plan(blueprint.product().default_plan).map(|plan| plan.name.as_str());
    let offered = |plan: &insula_blueprint::Plan| OfferedPlan {
        key: plan.name.clone(),
        name: capitalized(&plan.name),
        version: versions.get(&plan.name).copied().unwrap_or(1),
        self_service: plan.self_service,
        prices: plan
            .prices
            .iter()
            .map(|price| OfferedPrice { interval: price.interval.name(), price: price.amount })
            .collect(),
        limits: limits(plan, &blueprint),
        features: plan.features.iter().map(|(name, feature)| (name.clone(), shown(feature))).collect(),
        trial_days: None,
        is_default: default == Some(plan.name.as_str()),
    };
    Ok(Json(Page { items: blueprint.plans().iter().map(offered).collect(), next_cursor: None }))
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

fn shown(feature: &Feature) -> serde_json::Value {
    serde_json::to_value(feature).unwrap_or_default()
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}

async fn get_subscription(
    Extract(state): Extract<State>,
    In(proof): In<ReadSubscription>,
) -> Result<Json<Subscription>, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(subscription::get(&mut tx, &proof).await?))
}
