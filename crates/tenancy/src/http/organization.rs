//! Endpoints: an organization and its settings.

use super::{State, expected_version, tagged};
use crate::{Organization, check_name, organization};
use axum::{extract::State as Extract, response::Response};
use http::HeaderMap;
use insula_access::{ReadOrganization, UpdateOrganization};
use insula_kernel::Error;
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, In, Json, Method, Patch, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Organization";

pub(super) fn api() -> Api<State> {
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
struct OrganizationPatch {
    /// What people call it: 1 to 100 characters.
    #[serde(default)]
    name: Patch<String>,
}

async fn get_organization(
    Extract(state): Extract<State>,
    In(proof): In<ReadOrganization>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let organization = organization::get(&mut tx).await?;
    Ok(tagged(organization.version, organization))
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
    Ok(tagged(changed.version, changed))
}
