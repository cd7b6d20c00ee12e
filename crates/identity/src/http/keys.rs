//! Endpoints: API keys.

use super::State;
use crate::{
    Environment, KeyLimit, KeyLimits, Network,
    api_key::{self, KeyMaker, KeyPatch, KeyRow, MadeKey, NewKey, names},
};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use insula_access::{CreateKey, ListKeys, RevokeKey, RotateKey, UpdateKey};
use insula_blueprint::{Compiled, LimitIndex};
use insula_kernel::{
    Error, Instant, KeyId, OrgId, Page, PageRequest, ProjectId, Result, Scope as _, Span, UserId,
};
use insula_storage::Store;
use insula_tenancy::check_name;
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Method, Patch, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

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
            .query::<KeysQuery>()
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
                Method::Patch,
                "/v1/orgs/{org}/api-keys/{id}",
                "updateApiKey",
                TAG,
                "Change an API key, effective at its next request",
            )
            .allows::<UpdateKey>()
            .body::<ApiKeyPatch>()
            .replies::<ApiKey>(200),
            update_api_key,
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
    /// The project it is for.
    project: Option<ProjectId>,
    name: String,
    environment: Environment,
    /// What it may do.
    scopes: Vec<String>,
    /// Its own limits, by the names of the blueprint's rates, quotas and holds.
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

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct KeysQuery {
    /// Only those of this project.
    project: Option<ProjectId>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApiKeyRequest {
    name: String,
    /// The project it is for, by its id or slug.
    project: Option<String>,
    environment: Environment,
    scopes: Vec<String>,
    /// Limits of its own, by the names of the blueprint's rates, quotas and holds.
    #[serde(default)]
    limits: BTreeMap<String, KeyLimit>,
    /// Networks such as `203.0.113.0/24`; anywhere if none is named.
    #[serde(default)]
    allowed_networks: Vec<String>,
    expires_at: Option<Instant>,
}

/// What may be changed of a key.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ApiKeyPatch {
    name: Patch<String>,
    scopes: Patch<Vec<String>>,
    /// Limits of its own: those that are named are changed, or taken away where null; null takes all of them away.
    limits: Patch<BTreeMap<String, Option<KeyLimit>>>,
    /// Networks such as `203.0.113.0/24`; anywhere if null.
    allowed_networks: Patch<Vec<String>>,
    /// Null: never.
    expires_at: Patch<Instant>,
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
    Query(query): Query<KeysQuery>,
) -> Result<Json<Page<ApiKey>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let rows = api_key::list(&mut tx, &proof, query.project, page).await?;
    drop(tx);
    let ledger = state.storage.read(Store::Ledger, &proof).await?;
    // Those of a page stand in the order of their ids.
    let first = rows.items.first().map_or(KeyId::MIN, |row| row.id);
    let last = rows.items.last().map_or(KeyId::MIN, |row| row.id);
    let last_use = (state.last_use)(ledger, first..=last).await?;
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
    let last_use = (state.last_use)(ledger, row.id..=row.id).await?;
    Ok(Json(shown(&state, &row, last_use.get(&row.id).copied())?))
}

async fn create_api_key(
    Extract(state): Extract<State>,
    In(proof): In<CreateKey>,
    info: RequestInfo,
    request: Idempotent<ApiKeyRequest>,
) -> Result<Response, Failure> {
    let new = checked(&request.body)?;
    let _turn = state.organizations.turn(proof.organization()).await;
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

async fn update_api_key(
    Extract(state): Extract<State>,
    In(proof): In<UpdateKey>,
    Path((_, key)): Path<(String, String)>,
    info: RequestInfo,
    Json(request): Json<ApiKeyPatch>,
) -> Result<Json<ApiKey>, Failure> {
    let (id, patch) = (key_id(&key)?, checked_patch(request)?);
    let _turn = state.organizations.turn(proof.organization()).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let blueprint = state.blueprint.load_full();
    let actor = info.actor(proof.principal());
    let row = api_key::update(&mut tx, &state.env, &blueprint, &actor, &proof, id, &patch).await?;
    tx.commit().await?;
    if let Some(live) = state.live.key(id) {
        let mut live = Arc::unwrap_or_clone(live);
        api_key::apply(&mut live, &row, &blueprint)?;
        state.live.put_key(live);
    }
    let ledger = state.storage.read(Store::Ledger, &proof).await?;
    let last_use = (state.last_use)(ledger, id..=id).await?;
    Ok(Json(shown(&state, &row, last_use.get(&id).copied())?))
}

async fn rotate_api_key(
    Extract(state): Extract<State>,
    In(proof): In<RotateKey>,
    Path((_, key)): Path<(String, String)>,
    info: RequestInfo,
    request: Idempotent<RotateRequest>,
) -> Result<Response, Failure> {
    let overlap = Span::from_secs(request.body.overlap_seconds.into());
    let _turn = state.organizations.turn(proof.organization()).await;
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
    state.live.change_key(old.id, |live| live.expires_at = old.expires_at);
    Ok(reply.into_response())
}

async fn revoke_api_key(
    Extract(state): Extract<State>,
    In(proof): In<RevokeKey>,
    Path((_, key)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let id = key_id(&key)?;
    let _turn = state.organizations.turn(proof.organization()).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    api_key::revoke(&mut tx, &state.env, &info.actor(proof.principal()), &proof, id).await?;
    tx.commit().await?;
    state.live.remove_key(id);
    Ok(StatusCode::NO_CONTENT)
}

fn maker<'a>(state: &'a State, blueprint: &'a Arc<Compiled>, org: OrgId) -> KeyMaker<'a> {
    KeyMaker {
        env: &state.env,
        pepper: &state.pepper,
        blueprint,
        bound: (state.bound)(org, LimitIndex::API_KEYS),
    }
}

/// A key's id as callers write it: the product's prefix and the public part.
fn key_id(text: &str) -> Result<KeyId> {
    let digits = text.rsplit_once('_').map(|(_, digits)| digits.as_bytes());
    digits.and_then(KeyId::from_digits).ok_or_else(|| Error::not_found("API key"))
}

fn checked(request: &ApiKeyRequest) -> Result<NewKey> {
    Ok(NewKey {
        name: check_name(&request.name, "/name")?,
        project: request.project.clone(),
        environment: request.environment,
        scopes: request.scopes.clone(),
        networks: networks(&request.allowed_networks)?,
        limits: request.limits.clone(),
        expires_at: request.expires_at,
    })
}

fn checked_patch(request: ApiKeyPatch) -> Result<KeyPatch> {
    let required = |pointer| Error::invalid_field(pointer, "required", "A key has a name and scopes.");
    Ok(KeyPatch {
        name: match request.name {
            Patch::Absent => None,
            Patch::Null => return Err(required("/name")),
            Patch::Value(name) => Some(check_name(&name, "/name")?),
        },
        scopes: match request.scopes {
            Patch::Absent => None,
            Patch::Null => return Err(required("/scopes")),
            Patch::Value(scopes) => Some(scopes),
        },
        networks: match request.allowed_networks {
            Patch::Absent => None,
            Patch::Null => Some(Vec::new()),
            Patch::Value(texts) => Some(networks(&texts)?),
        },
        limits: request.limits,
        expires_at: request.expires_at,
    })
}

fn networks(texts: &[String]) -> Result<Vec<Network>> {
    let network = |(place, text): (usize, &String)| {
        let wrong = |detail| Error::invalid_field(format!("/allowed_networks/{place}"), "malformed", detail);
        text.parse::<Network>().map_err(wrong)
    };
    texts.iter().enumerate().map(network).collect()
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
    Ok(ApiKey {
        id: id(row.id),
        project: row.project,
        name: row.name.clone(),
        environment: row.environment.parse().map_err(Error::internal)?,
        scopes: names(&row.scopes)?,
        limits: KeyLimits::read(&row.limits)?,
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
