//! Endpoints: what is offered, and what an organization has.

use crate::{
    catalogue::{self, OfferedPlan},
    plan::current_versions,
    subscription::{self, Subscription},
};
use arc_swap::ArcSwap;
use axum::extract::State as Extract;
use insula_access::ReadSubscription;
use insula_blueprint::Compiled;
use insula_kernel::Page;
use insula_storage::{Storage, Store, Worker};
use insula_web::{Api, Endpoint, Failure, In, Json, Method};
use std::sync::Arc;

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

async fn list_plans(Extract(state): Extract<State>) -> Result<Json<Page<OfferedPlan>>, Failure> {
    let mut tx = state.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let versions = current_versions(&mut tx).await?;
    drop(tx);
    let blueprint = state.blueprint.load();
    let plan = |(index, plan): (_, &insula_blueprint::Plan)| {
        let version = versions.get(&plan.name).copied().unwrap_or(1);
        catalogue::offered(index, plan, version, &blueprint)
    };
    Ok(Json(Page { items: blueprint.indexed_plans().map(plan).collect(), next_cursor: None }))
}

async fn get_subscription(
    Extract(state): Extract<State>,
    In(proof): In<ReadSubscription>,
) -> Result<Json<Subscription>, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(subscription::get(&mut tx, &proof).await?))
}
