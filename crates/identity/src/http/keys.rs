//! Endpoints: API keys.

use super::State;
use crate::{
    Environment, LiveKey, Network, RateOverride,
    api_key::{self, KeyMaker, KeyRow, MadeKey, NewKey, names},
};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use insula_access::{CreateKey, ListKeys, RevokeKey, RotateKey};
use insula_blueprint::Compiled;
use insula_kernel::{Error, Instant, KeyId, OrgId, Page, Result, Scope as _, Span, UserId};
use insula_storage::Store;
use insula_tenancy::check_name;
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Listing, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const TAG: &str = "API keys";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/api-keys",
                "listApiKeys",
                TAG,
                "The organization's API keys",
            )
            .allows::<ListKeys>()
            .query::<Listing>()
            .replies::<Page<ApiKey>>(200),
            list_api_keys,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/orgs/{org}/api-keys",
                "createApiKey",
                TAG,
                "Make an API key; its secret is shown once",
            )
            .allows::<CreateKey>()
            .idempotent()
            .body::<ApiKeyRequest>()
            .replies::<CreatedApiKey>(201),
            create_api_key,
        )
        .with(
            Endpoint::new(Method::Get, "/v1/orgs/{org}/api-keys/{id}", "getApiKey", TAG, "An API key")
                .allows::<ListKeys>()
                .replies::<ApiKey>(200),
            get_api_key,
        )
        .with(
            Endpoint::new(
                Method::Post,
                "/v1/orgs/{org}/api-keys/{id}/rotate",
                "rotateApiKey",
                TAG,
                "Put a fresh key in the place of one",
            )
            .allows::<RotateKey>()
            .idempotent()
            .body::<RotateRequest>()
            .replies::<CreatedApiKey>(201),
            rotate_api_key,
        )
        .with(
            Endpoint::new(
                Method::Delete,
                "/v1/orgs/{org}/api-keys/{id}",
                "revokeApiKey",
                TAG,
                "Revoke an API key, at once and for good",
            )
            .allows::<RevokeKey>(),
            revoke_api_key,
        )
}

/// Where a key stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum KeyStatus {
    /// Good.
    Active,
    /// Still good, beside the key that takes its place.
    Rotating,
    /// Its time is over.
    Expired,
    /// Revoked.
    Revoked,
}

/// An API key, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
struct ApiKey {
    /// The public part of the key, with the product's prefix.
    id: String,
    name: String,
    environment: Environment,
    /// What it may do.
    scopes: Vec<String>,
    limits: KeyLimits,
    /// Where it may be used from; anywhere if empty.
    allowed_networks: Vec<String>,
    status: KeyStatus,
    created_at: Instant,
    created_by: Option<UserId>,
    expires_at: Option<Instant>,
    revoked_at: Option<Instant>,
    /// The key whose place it took.
    replaces: Option<String>,
    last_used_at: Option<Instant>,
}

/// A key's own rate; where it has none, the plan's holds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct KeyLimits {
    requests_per_second: Option<u32>,
    /// How many may come at once; as many as per second if not said.
    burst: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApiKeyRequest {
    name: String,
    environment: Environment,
    scopes: Vec<String>,
    #[serde(default)]
    limits: KeyLimits,
    /// Networks such as `203.0.113.0/24`; anywhere if none is named.
    #[serde(default)]
    allowed_networks: Vec<String>,
    expires_at: Option<Instant>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RotateRequest {
    /// How long the old key stays good, 0 to 2 592 000 seconds.
    overlap_seconds: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CreatedApiKey {
    api_key: ApiKey,
    /// The key itself. It is shown this once; only a hash of it is stored.
    secret: String,
}

async fn list_api_keys(
    Extract(state): Extract<State>,
    In(proof): In<ListKeys>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<ApiKey>>, Failure> {
    let page = listing.page()?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let rows = api_key::list(&mut tx, &proof, page).await?;
    drop(tx);
    let ledger = state.storage.read(Store::Ledger, &proof).await?;
    let last_use = (state.last_use)(ledger).await?;
    let show = |row: &KeyRow| shown(&state, row, last_use.get(&row.id).copied());
    let items = rows.items.iter().map(show).collect::<Result<_>>()?;
    Ok(Json(Page { items, next_cursor: rows.next_cursor }))
}

async fn get_api_key(
    Extract(state): Extract<State>,
    In(proof): In<ListKeys>,
    Path((_, key)): Path<(String, String)>,
) -> Result<Json<ApiKey>, Failure> {
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let row = api_key::find(&mut tx, key_id(&key)?).await?;
    drop(tx);
    let ledger = state.storage.read(Store::Ledger, &proof).await?;
    let last_use = (state.last_use)(ledger).await?;
    Ok(Json(shown(&state, &row, last_use.get(&row.id).copied())?))
}

async fn create_api_key(
    Extract(state): Extract<State>,
    In(proof): In<CreateKey>,
    info: RequestInfo,
    request: Idempotent<ApiKeyRequest>,
) -> Result<Response, Failure> {
    let new = checked(&request.body)?;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let blueprint = state.blueprint.load_full();
    let maker = maker(&state, &blueprint, proof.organization());
    let made = api_key::create(&mut tx, &maker, &info.actor(proof.principal()), &proof, &new).await?;
    let reply = Reply::new(StatusCode::CREATED, &created(&state, &made)?)?;
    request.keep(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    state.live.put_key(made.live);
    Ok(reply.into_response())
}

async fn rotate_api_key(
    Extract(state): Extract<State>,
    In(proof): In<RotateKey>,
    Path((_, key)): Path<(String, String)>,
    info: RequestInfo,
    request: Idempotent<RotateRequest>,
) -> Result<Response, Failure> {
    let overlap = Span::from_secs(request.body.overlap_seconds.into());
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let blueprint = state.blueprint.load_full();
    let maker = maker(&state, &blueprint, proof.organization());
    let actor = info.actor(proof.principal());
    let (made, old) = api_key::rotate(&mut tx, &maker, &actor, &proof, key_id(&key)?, overlap).await?;
    let reply = Reply::new(StatusCode::CREATED, &created(&state, &made)?)?;
    request.keep(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    state.live.put_key(made.live);
    if let Some(live) = state.live.key(old.id) {
        state.live.put_key(LiveKey { expires_at: old.expires_at, ..LiveKey::clone(&live) });
    }
    Ok(reply.into_response())
}

async fn revoke_api_key(
    Extract(state): Extract<State>,
    In(proof): In<RevokeKey>,
    Path((_, key)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let id = key_id(&key)?;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    api_key::revoke(&mut tx, &state.env, &info.actor(proof.principal()), &proof, id).await?;
    tx.commit().await?;
    state.live.remove_key(id);
    Ok(StatusCode::NO_CONTENT)
}

fn maker<'a>(state: &'a State, blueprint: &'a Arc<Compiled>, org: OrgId) -> KeyMaker<'a> {
    KeyMaker { env: &state.env, pepper: &state.pepper, blueprint, bound: (state.key_bound)(org) }
}

/// A key's id as callers write it: the product's prefix and the public part.
fn key_id(text: &str) -> Result<KeyId> {
    let digits = text.rsplit_once('_').map(|(_, digits)| digits.as_bytes());
    digits.and_then(KeyId::from_digits).ok_or_else(|| Error::not_found("API key"))
}

fn checked(request: &ApiKeyRequest) -> Result<NewKey> {
    let network = |(place, text): (usize, &String)| {
        let wrong = |detail| Error::invalid_field(format!("/allowed_networks/{place}"), "malformed", detail);
        text.parse::<Network>().map_err(wrong)
    };
    let rate = match (request.limits.requests_per_second, request.limits.burst) {
        (Some(per_second), burst) => Some(RateOverride { per_second, burst: burst.unwrap_or(per_second) }),
        (None, None) => None,
        (None, Some(_)) => {
            let detail = "A burst needs `requests_per_second` beside it.";
            return Err(Error::invalid_field("/limits/burst", "incomplete", detail));
        }
    };
    Ok(NewKey {
        name: check_name(&request.name, "/name")?,
        environment: request.environment,
        scopes: request.scopes.clone(),
        networks: request.allowed_networks.iter().enumerate().map(network).collect::<Result<_>>()?,
        rate,
        expires_at: request.expires_at,
    })
}

fn created(state: &State, made: &MadeKey) -> Result<CreatedApiKey> {
    let secret = made.token.reveal(&state.blueprint.load().product().key_prefix);
    Ok(CreatedApiKey { api_key: shown(state, &made.row, None)?, secret: secret.expose().clone() })
}

fn shown(state: &State, row: &KeyRow, last_used_at: Option<Instant>) -> Result<ApiKey> {
    let blueprint = state.blueprint.load();
    let id = |id: KeyId| format!("{}_{}", blueprint.product().key_prefix, id.digits());
    let status = if row.revoked_at.is_some() {
        KeyStatus::Revoked
    } else if row.expires_at.is_some_and(|at| at <= state.env.now()) {
        KeyStatus::Expired
    } else if row.replaced_by.is_some() {
        KeyStatus::Rotating
    } else {
        KeyStatus::Active
    };
    let small = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    Ok(ApiKey {
        id: id(row.id),
        name: row.name.clone(),
        environment: row.environment.parse().map_err(Error::internal)?,
        scopes: names(&row.scopes)?,
        limits: KeyLimits { requests_per_second: small(row.rate_per_second), burst: small(row.rate_burst) },
        allowed_networks: names(&row.allowed_networks)?,
        status,
        created_at: row.created_at,
        created_by: row.created_by,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        replaces: row.replaces.map(id),
        last_used_at,
    })
}
