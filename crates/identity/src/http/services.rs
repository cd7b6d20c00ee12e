//! Endpoints: credentials of upstreams, for the operator's staff.

use super::State;
use crate::service::{self, Service};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use insula_access::{CreateService, ListServices, RevokeService};
use insula_kernel::{Error, Page, ServiceId};
use insula_storage::Store;
use insula_web::{
    Api, Endpoint, Failure, Idempotent, Json, Listing, Method, Operator, Query, Reply, RequestInfo,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Operator";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/operator/services",
                "listServices",
                TAG,
                "What upstreams authenticate with, without the secrets",
            )
            .allows_operator::<ListServices>()
            .query::<Listing>()
            .replies::<Page<Service>>(200),
            list_services,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/operator/services",
                "createService",
                TAG,
                "Issue a credential for an upstream; it is shown once",
            )
            .allows_operator::<CreateService>()
            .idempotent()
            .body::<ServiceRequest>()
            .replies::<CreatedService>(201),
            create_service,
        )
        .with(
            Endpoint::new(
                Method::Delete,
                "/v1/operator/services/{id}",
                "revokeService",
                TAG,
                "Revoke the credential of an upstream, at once and for good",
            )
            .allows_operator::<RevokeService>(),
            revoke_service,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ServiceRequest {
    /// The name of an upstream of the blueprint.
    upstream: String,
}

#[derive(Serialize, JsonSchema)]
struct CreatedService {
    service: Service,
    /// The credential itself, `INSULA_TOKEN` of the upstream. It is shown this once; only a hash of it is stored.
    token: String,
}

async fn list_services(
    Extract(state): Extract<State>,
    Operator(proof): Operator<ListServices>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Service>>, Failure> {
    let page = listing.page()?;
    let mut tx = state.storage.platform_read(Store::Directory, &proof).await?;
    Ok(Json(service::list(&mut tx, &proof, page).await?))
}

async fn create_service(
    Extract(state): Extract<State>,
    Operator(proof): Operator<CreateService>,
    info: RequestInfo,
    request: Idempotent<ServiceRequest>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.platform_write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay_platform(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let blueprint = state.blueprint.load_full();
    let (actor, upstream) = (info.actor(proof.principal()), &request.body.upstream);
    let made =
        service::create(&mut tx, &state.env, &state.pepper, &blueprint, &actor, &proof, upstream).await?;
    let token = made.token.reveal(&blueprint.product().key_prefix).expose().clone();
    let reply = Reply::new(StatusCode::CREATED, &CreatedService { service: made.service, token })?;
    request.keep_platform(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    state.live.put_service(made.live);
    Ok(reply.into_response())
}

async fn revoke_service(
    Extract(state): Extract<State>,
    Operator(proof): Operator<RevokeService>,
    Path(id): Path<String>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let id: ServiceId = id.parse().map_err(|_| Error::not_found("service"))?;
    let mut tx = state.storage.platform_write(Store::Directory, &proof).await?;
    service::revoke(&mut tx, &state.env, &info.actor(proof.principal()), &proof, id).await?;
    tx.commit().await?;
    state.live.remove_service(id);
    Ok(StatusCode::NO_CONTENT)
}
