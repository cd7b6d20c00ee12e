//! What an organization does about plans of its own: it asks for them, and accepts or declines what is offered.

use crate::{platform::Platform, subscriptions::refresh_entitlement};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::{AnswerOffer, ReadOffers, RequestOffer};
use insula_billing::{
    When,
    offer::{self, AcceptedOffer, Offer, OfferRequest},
};
use insula_kernel::{Error, OfferId, Page, Result, Scope as _};
use insula_storage::{Store, Worker};
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Listing, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Billing";

pub(crate) fn api() -> Api<Platform> {
    let request = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/offers",
        "requestOffer",
        TAG,
        "Ask for a plan of the organization's own",
    )
    .allows::<RequestOffer>()
    .body::<OfferRequest>()
    .replies::<Offer>(201)
    .idempotent();
    let list = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/offers",
        "listOffers",
        TAG,
        "What was asked for and what is offered, the latest first",
    )
    .allows::<ReadOffers>()
    .query::<Listing>()
    .replies::<Page<Offer>>(200);
    let accept = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/offers/{offer}/accept",
        "acceptOffer",
        TAG,
        "Accept an offer: the subscription changes to it",
    )
    .allows::<AnswerOffer>()
    .body::<AcceptBody>()
    .replies::<AcceptedOffer>(200)
    .idempotent();
    let decline = Endpoint::new(
        Method::Post,
        "/v1/orgs/{org}/offers/{offer}/decline",
        "declineOffer",
        TAG,
        "Decline an offer, or take back what was asked for",
    )
    .allows::<AnswerOffer>()
    .replies::<Offer>(200);
    Api::default()
        .with(request, request_offer)
        .with(list, list_offers)
        .with(accept, accept_offer)
        .with(decline, decline_offer)
}

#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct AcceptBody {
    /// When; if not said, more takes effect at once and less with the end of the period.
    when: Option<When>,
}

pub(crate) fn offer_id(text: &str) -> Result<OfferId> {
    text.parse().map_err(|_| Error::not_found("offer"))
}

async fn request_offer(
    Extract(platform): Extract<Platform>,
    In(proof): In<RequestOffer>,
    info: RequestInfo,
    request: Idempotent<OfferRequest>,
) -> Result<Response, Failure> {
    let mut kept = platform.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut kept, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.write(Store::Ledger, &proof).await?;
    let asked = offer::request(&mut tx, &platform.env, &blueprint, &actor, &proof, &request.body).await?;
    tx.commit().await?;
    let reply = Reply::new(StatusCode::CREATED, &asked)?;
    request.keep(&mut kept, &platform.env, &reply).await?;
    kept.commit().await?;
    Ok(reply.into_response())
}

async fn list_offers(
    Extract(platform): Extract<Platform>,
    In(proof): In<ReadOffers>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Offer>>, Failure> {
    let page = listing.page()?;
    let mut tx = platform.storage.read(Store::Ledger, &proof).await?;
    Ok(Json(offer::list(&mut tx, &proof, page).await?))
}

async fn accept_offer(
    Extract(platform): Extract<Platform>,
    In(proof): In<AnswerOffer>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
    request: Idempotent<AcceptBody>,
) -> Result<Response, Failure> {
    let id = offer_id(&id)?;
    // Lost between the two commits, a repeated request is told that the offer was accepted; nothing is charged twice.
    let mut kept = platform.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut kept, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    let actor = info.actor(proof.principal());
    platform.settler.flush().await?;
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &Worker::Billing).await?;
    let when = request.body.when;
    let accepted = offer::accept(&mut tx, &platform.env, &blueprint, &actor, &proof, id, when).await?;
    tx.commit().await?;
    refresh_entitlement(&platform, proof.organization()).await?;
    let reply = Reply::new(StatusCode::OK, &accepted)?;
    request.keep(&mut kept, &platform.env, &reply).await?;
    kept.commit().await?;
    Ok(reply.into_response())
}

async fn decline_offer(
    Extract(platform): Extract<Platform>,
    In(proof): In<AnswerOffer>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<Json<Offer>, Failure> {
    let id = offer_id(&id)?;
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.write(Store::Ledger, &proof).await?;
    let declined = offer::decline(&mut tx, &platform.env, &actor, &proof, id).await?;
    tx.commit().await?;
    Ok(Json(declined))
}
