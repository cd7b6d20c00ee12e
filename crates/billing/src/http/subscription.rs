//! `GET /v1/orgs/{org}/subscription`.

use super::State;
use crate::subscription::{self, Status, Subscription};
use axum::extract::State as From;
use insula_access::ReadSubscription;
use insula_kernel::{Instant, SubscriptionId};
use insula_storage::Store;
use insula_web::{Failure, In, Json};
use schemars::JsonSchema;
use serde::Serialize;

/// The subscription of an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Subscription")]
pub struct SubscriptionReply {
    /// Its id.
    pub id: SubscriptionId,
    /// The plan.
    pub plan: String,
    /// The version of the plan.
    pub plan_version: u32,
    /// Where it stands.
    #[schemars(extend("enum" = ["active"]))]
    pub status: &'static str,
    /// When it was taken.
    pub started_at: Instant,
}

impl std::convert::From<Subscription> for SubscriptionReply {
    fn from(subscription: Subscription) -> Self {
        let Subscription { id, plan, plan_version, status, started_at } = subscription;
        let status = match status {
            // Who asks is a member of an organization that exists, so it is in force; the message that says so in the
            // ledger is on its way.
            Status::Prepared | Status::Active => "active",
        };
        Self { id, plan, plan_version, status, started_at }
    }
}

pub(super) async fn get_subscription(
    From(state): From<State>,
    In(proof): In<ReadSubscription>,
) -> Result<Json<SubscriptionReply>, Failure> {
    let mut tx = state.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(subscription::of(&mut tx).await?.into()))
}
