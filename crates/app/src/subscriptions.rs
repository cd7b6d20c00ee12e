//! What an organization can do about its subscription: kept in the ledger, known to requests at once.

use crate::platform::Platform;
use axum::extract::State as Extract;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use insula_access::{Authorized, ChangeSubscription, ReadSubscription};
use insula_billing::{
    When,
    subscription::{self, Act, ChangeRequest, Preview, Subscription},
};
use insula_kernel::{Error, OrgId, Result, Scope as _};
use insula_storage::{Store, Worker};
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Method, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Billing";

macro_rules! acts {
    ($($name:literal $id:literal $text:literal => $handler:ident;)+) => {
        Api::default()$(.with(
            Endpoint::new(Method::Post, concat!("/v1/orgs/{org}/subscription/", $name), $id, TAG, $text)
                .allows::<ChangeSubscription>()
                .replies::<Subscription>(200),
            $handler,
        ))+
    };
}

pub(crate) fn api() -> Api<Platform> {
    let overage = Endpoint::new(
        Method::Patch,
        "/v1/orgs/{org}/subscription",
        "updateSubscription",
        TAG,
        "Say whether usage may go beyond the limits that have a price for it",
    )
    .allows::<ChangeSubscription>()
    .body::<TermsBody>()
    .replies::<Subscription>(200);
    let preview = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/subscription/preview",
        "previewSubscription",
        TAG,
        "What a change would cost, to the cent",
    )
    .allows::<ChangeSubscription>()
    .body::<ChangeRequest>()
    .replies::<Preview>(200);
    let change = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/subscription/change",
        "changeSubscription",
        TAG,
        "Change the plan, its interval, seats or add-ons",
    )
    .allows::<ChangeSubscription>()
    .body::<ChangeRequest>()
    .replies::<Subscription>(200)
    .idempotent();
    let activate = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/subscription/activate",
        "activateSubscription",
        TAG,
        "Go over from a trial to what is paid for",
    )
    .allows::<ChangeSubscription>()
    .body::<WhenBody>()
    .replies::<Subscription>(200);
    let cancel = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/subscription/cancel",
        "cancelSubscription",
        TAG,
        "End the subscription, now or with its period",
    )
    .allows::<ChangeSubscription>()
    .body::<WhenBody>()
    .replies::<Subscription>(200);
    Api::default()
        .with(overage, update_subscription)
        .with(preview, preview_subscription)
        .with(change, change_subscription)
        .with(activate, activate_subscription)
        .with(cancel, cancel_subscription)
        .merge(acts! {
            "pause" "pauseSubscription" "Stop for a while; the rest of what was paid is given back" => pause_subscription;
            "resume" "resumeSubscription" "Go on after a pause" => resume_subscription;
            "reactivate" "reactivateSubscription" "Take back an end, or begin anew after one" => reactivate_subscription;
        })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TermsBody {
    /// Whether usage may go beyond the limits that have a price for it; otherwise it is refused there.
    allows_overage: bool,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct WhenBody {
    /// When; with the period (or the trial) if not said.
    when: Option<When>,
}

async fn update_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    In(reading): In<ReadSubscription>,
    info: RequestInfo,
    Json(body): Json<TermsBody>,
) -> Result<Json<Subscription>, Failure> {
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.write(Store::Ledger, &proof).await?;
    subscription::allow_overage(&mut tx, &platform.env, &actor, &proof, body.allows_overage).await?;
    let changed = subscription::get(&mut tx, &platform.env, &reading).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, proof.organization()).await?;
    Ok(Json(changed))
}

async fn preview_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    Json(body): Json<ChangeRequest>,
) -> Result<Json<Preview>, Failure> {
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    Ok(Json(subscription::preview(tx, &platform.env, &blueprint, &proof, body).await?))
}

async fn change_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
    request: Idempotent<ChangeRequest>,
) -> Result<Response, Failure> {
    // Replies are kept in the directory. Lost between the two commits, a repeated request is told that the subscription is
    // as was asked for; nothing is charged twice.
    let mut kept = platform.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut kept, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    let actor = info.actor(proof.principal());
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    let wanted = request.body.clone();
    let changed = subscription::change(&mut tx, &platform.env, &blueprint, &actor, &proof, wanted).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, proof.organization()).await?;
    let reply = Reply::new(StatusCode::OK, &changed)?;
    request.keep(&mut kept, &platform.env, &reply).await?;
    kept.commit().await?;
    Ok(reply.into_response())
}

async fn activate_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
    Json(body): Json<WhenBody>,
) -> Result<Json<Subscription>, Failure> {
    act(&platform, &proof, &info, Act::Activate(body.when.unwrap_or(When::PeriodEnd))).await
}

async fn cancel_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
    Json(body): Json<WhenBody>,
) -> Result<Json<Subscription>, Failure> {
    act(&platform, &proof, &info, Act::Cancel(body.when.unwrap_or(When::PeriodEnd))).await
}

async fn pause_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
) -> Result<Json<Subscription>, Failure> {
    act(&platform, &proof, &info, Act::Pause).await
}

async fn resume_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
) -> Result<Json<Subscription>, Failure> {
    act(&platform, &proof, &info, Act::Resume).await
}

async fn reactivate_subscription(
    Extract(platform): Extract<Platform>,
    In(proof): In<ChangeSubscription>,
    info: RequestInfo,
) -> Result<Json<Subscription>, Failure> {
    act(&platform, &proof, &info, Act::Reactivate).await
}

async fn act(
    platform: &Platform,
    proof: &Authorized<ChangeSubscription>,
    info: &RequestInfo,
    act: Act,
) -> Result<Json<Subscription>, Failure> {
    let actor = info.actor(proof.principal());
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    let changed = subscription::act(&mut tx, &platform.env, &blueprint, &actor, proof, act).await?;
    tx.commit().await?;
    refresh_entitlement(platform, proof.organization()).await?;
    Ok(Json(changed))
}

/// Lets requests know what an organization may do now, as the ledger has it.
pub(crate) async fn refresh_entitlement(platform: &Platform, org: OrgId) -> Result<()> {
    // One after the other, so that what was read last is what stays; and no blueprint changes meanwhile.
    let _turn = platform.applying.lock().await;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let entitlement = subscription::entitlement_of(&mut tx, &platform.env, org, &blueprint).await?;
    drop(tx);
    let entitlement = entitlement.ok_or_else(|| Error::internal("an organization without a subscription"))?;
    platform.gate.put_entitlement(org, |_| entitlement);
    Ok(())
}
