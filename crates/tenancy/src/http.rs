//! Endpoints: an organization and its settings.

use crate::{Organization, organization};
use axum::{
    extract::State as Extract,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use insula_access::{ReadOrganization, UpdateOrganization};
use insula_kernel::{Env, Error};
use insula_storage::{Storage, Store};
use insula_web::{Api, Endpoint, Failure, In, Json, Method, Patch, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Organization";

/// What the endpoints work with.
#[derive(Clone)]
pub struct State {
    /// The stores.
    pub storage: Storage,
    /// Time and randomness.
    pub env: Env,
}

/// The endpoints.
#[must_use]
pub fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}",
                "getOrganization",
                TAG,
                "An organization and its settings",
            )
            .allows::<ReadOrganization>()
            .replies::<Organization>(200),
            get_organization,
        )
        .with(
            Endpoint::new(
                Method::Patch,
                "/v1/orgs/{org}",
                "updateOrganization",
                TAG,
                "Change an organization's settings",
            )
            .allows::<UpdateOrganization>()
            .body::<OrganizationPatch>()
            .replies::<Organization>(200),
            update_organization,
        )
}

/// What may be changed of an organization.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationPatch {
    /// What people call it: 1 to 100 characters.
    #[serde(default)]
    name: Patch<String>,
}

async fn get_organization(
    Extract(state): Extract<State>,
    In(proof): In<ReadOrganization>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(tagged(organization::get(&mut tx).await?))
}

async fn update_organization(
    Extract(state): Extract<State>,
    In(proof): In<UpdateOrganization>,
    info: RequestInfo,
    headers: HeaderMap,
    Json(patch): Json<OrganizationPatch>,
) -> Result<Response, Failure> {
    let expected = expected_version(&headers)?;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let changed = match patch.name {
        Patch::Absent => organization::get(&mut tx).await?,
        Patch::Null => {
            return Err(Error::invalid_field("/name", "required", "An organization has a name.").into());
        }
        Patch::Value(name) => {
            let name = check_name(&name, "/name")?;
            let actor = info.actor(proof.principal());
            organization::update(&mut tx, &state.env, &actor, &proof, &name, expected).await?
        }
    };
    tx.commit().await?;
    Ok(tagged(changed))
}

/// A name that people can read: 1 to 100 characters, none of them a control character.
pub fn check_name(text: &str, pointer: &str) -> Result<String, Error> {
    let name = text.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            pointer,
            "length",
            "A name has 1 to 100 characters, without control characters.",
        ));
    }
    Ok(name.to_owned())
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

fn tagged(organization: Organization) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", organization.version));
    let mut response = Json(organization).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
