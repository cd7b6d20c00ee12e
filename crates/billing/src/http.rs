//! The API of plans and subscriptions.

mod plans;
mod subscription;

pub use plans::{Catalogue, PlanLimit, PlanOffer, PlanPrice};
pub use subscription::SubscriptionReply;

use arc_swap::ArcSwap;
use insula_access::ReadSubscription;
use insula_kernel::Page;
use insula_storage::Storage;
use insula_web::{Api, Endpoint, Method};
use std::sync::Arc;

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The ledger.
    pub storage: Storage,
    /// What is on offer; to be replaced whenever a blueprint is applied.
    pub catalogue: Arc<ArcSwap<Catalogue>>,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    let plans = Endpoint::new(
        Method::Get,
        "/v1/plans",
        "listPlans",
        "plans",
        "The plans on offer, with their prices, limits and features",
    )
    .replies::<Page<PlanOffer>>(200);
    let subscription = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/subscription",
        "getSubscription",
        "plans",
        "The version of the plan that the organization is on",
    )
    .allows::<ReadSubscription>()
    .replies::<SubscriptionReply>(200);
    Api::default().with(plans, plans::list_plans).with(subscription, subscription::get_subscription)
}
