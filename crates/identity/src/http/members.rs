//! Endpoints: an organization's members, and what the caller may do in it.

use super::State;
use crate::member::{self, Member};
use axum::extract::State as Extract;
use insula_access::{ListMembers, ReadOrganization};
use insula_kernel::Page;
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, In, Json, Listing, Method, Query};
use schemars::JsonSchema;
use serde::Serialize;

const TAG: &str = "Members";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/members",
                "listMembers",
                TAG,
                "Who is in the organization",
            )
            .allows::<ListMembers>()
            .query::<Listing>()
            .replies::<Page<Member>>(200),
            list_members,
        )
        .with(
            Endpoint::new(
                Method::Get,
                "/v1/orgs/{org}/access/permissions",
                "getMyPermissions",
                TAG,
                "What you may do in the organization",
            )
            .allows::<ReadOrganization>()
            .replies::<Permissions>(200),
            get_my_permissions,
        )
}

#[derive(Serialize, JsonSchema)]
struct Permissions {
    /// The names of the permissions: what may be given to an API key as scopes.
    permissions: Vec<String>,
}

async fn list_members(
    Extract(state): Extract<State>,
    In(proof): In<ListMembers>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Member>>, Failure> {
    let page = listing.page()?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(Json(member::list(&mut tx, &proof, page).await?))
}

async fn get_my_permissions(
    Extract(state): Extract<State>,
    In(proof): In<ReadOrganization>,
) -> Result<Json<Permissions>, Failure> {
    let blueprint = state.blueprint.load();
    let names = blueprint.permissions().names_of(proof.permissions());
    Ok(Json(Permissions { permissions: names.into_iter().map(str::to_owned).collect() }))
}
