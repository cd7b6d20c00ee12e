//! Endpoints: organizations, their teams, their projects.

mod organization;
mod project;
mod team;

use crate::{Live, ProjectKeys};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};
use insula_blueprint::LimitIndex;
use insula_kernel::{Env, Error, OrgId};
use insula_storage::Storage;
use insula_web::{Api, Json};
use serde::Serialize;
use std::sync::Arc;

/// How far a limit of stock goes for an organization; `None` is unlimited.
pub type StockBound = Arc<dyn Fn(OrgId, LimitIndex) -> Option<i64> + Send + Sync>;

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The stores.
    pub storage: Storage,
    /// Time and randomness.
    pub env: Env,
    /// What requests know of organizations and projects.
    pub live: Arc<Live>,
    /// How many projects and teams an organization may have.
    pub bound: StockBound,
    /// The API keys of projects.
    pub keys: Arc<dyn ProjectKeys>,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    organization::api().merge(project::api()).merge(team::api())
}

/// The version that `If-Match` asks for.
fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text == "*" {
        return Ok(None);
    }
    let version =
        text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|digits| digits.parse().ok());
    // A tag that was never ours can't match.
    Ok(Some(version.unwrap_or(-1)))
}

/// A reply with the `ETag` of this version.
fn tagged(version: i64, shown: impl Serialize) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    let mut response = Json(shown).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
