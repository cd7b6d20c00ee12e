//! What the operator offers to organizations.

use super::{TAG, organization};
use crate::{offers::offer_id, platform::Platform};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::{ManageOffers, ReadBilling};
use insula_billing::offer::{self, Offer, OfferQuote, OfferRequest};
use insula_kernel::{Page, PageRequest};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Idempotent, Json, Method, Operator, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) fn api() -> Api<Platform> {
    let list = Endpoint::new(
        Method::Get,
        "/v1/operator/offers",
        "listAllOffers",
        TAG,
        "What organizations asked for and what was offered, the latest first",
    )
    .allows_operator::<ReadBilling>()
    .query::<OffersQuery>()
    .replies::<Page<Offer>>(200);
    let make = Endpoint::new(
        Method::Post,
        "/v1/operator/orgs/{org}/offers",
        "makeOffer",
        TAG,
        "Offer an organization a plan of its own",
    )
    .allows_operator::<ManageOffers>()
    .body::<OfferBody>()
    .replies::<Offer>(201)
    .idempotent();
    let quote = Endpoint::new(
        Method::Post,
        "/v1/operator/offers/{offer}/quote",
        "quoteOffer",
        TAG,
        "Say what an organization that asked would get, and for what",
    )
    .allows_operator::<ManageOffers>()
    .body::<OfferQuote>()
    .replies::<Offer>(200);
    let withdraw = Endpoint::new(
        Method::Post,
        "/v1/operator/offers/{offer}/withdraw",
        "withdrawOffer",
        TAG,
        "Take back an offer that wasn't answered",
    )
    .allows_operator::<ManageOffers>()
    .replies::<Offer>(200);
    Api::default()
        .with(list, list_all_offers)
        .with(make, make_offer)
        .with(quote, quote_offer)
        .with(withdraw, withdraw_offer)
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OfferStatus {
    Requested,
    Offered,
    Accepted,
    Declined,
    Withdrawn,
}

impl OfferStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
        }
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct OffersQuery {
    /// Those that stand so; all if not said.
    status: Option<OfferStatus>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfferBody {
    /// The plan to start from.
    plan: String,
    /// What it is about, in words.
    #[serde(default)]
    message: String,
    /// What is offered.
    quote: OfferQuote,
}

async fn list_all_offers(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ReadBilling>,
    Query(query): Query<OffersQuery>,
) -> Result<Json<Page<Offer>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = platform.storage.platform_read(Store::Ledger, &proof).await?;
    let status = query.status.map(OfferStatus::name);
    Ok(Json(offer::list_all(&mut tx, &proof, status, page).await?))
}

async fn make_offer(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageOffers>,
    Path(org): Path<String>,
    info: RequestInfo,
    request: Idempotent<OfferBody>,
) -> Result<Response, Failure> {
    let mut kept = platform.storage.platform_write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay_platform(&mut kept, platform.env.now()).await? {
        return Ok(reply.into_response());
    }
    let org = organization(&platform, &org)?;
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let OfferBody { plan, message, quote } = &request.body;
    let wanted = OfferRequest { plan: plan.clone(), message: message.clone() };
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    let made = offer::make(&mut tx, &platform.env, &blueprint, &actor, &proof, org, (&wanted, quote)).await?;
    tx.commit().await?;
    let reply = Reply::new(StatusCode::CREATED, &made)?;
    request.keep_platform(&mut kept, &platform.env, &reply).await?;
    kept.commit().await?;
    Ok(reply.into_response())
}

async fn quote_offer(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageOffers>,
    Path(id): Path<String>,
    info: RequestInfo,
    Json(body): Json<OfferQuote>,
) -> Result<Json<Offer>, Failure> {
    let id = offer_id(&id)?;
    let actor = info.actor(proof.principal());
    let blueprint = platform.blueprint.load_full();
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    let quoted = offer::quote(&mut tx, &platform.env, &blueprint, &actor, &proof, id, &body).await?;
    tx.commit().await?;
    Ok(Json(quoted))
}

async fn withdraw_offer(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ManageOffers>,
    Path(id): Path<String>,
    info: RequestInfo,
) -> Result<Json<Offer>, Failure> {
    let id = offer_id(&id)?;
    let actor = info.actor(proof.principal());
    let mut tx = platform.storage.platform_write(Store::Ledger, &proof).await?;
    let withdrawn = offer::withdraw(&mut tx, &platform.env, &actor, &proof, id).await?;
    tx.commit().await?;
    Ok(Json(withdrawn))
}
