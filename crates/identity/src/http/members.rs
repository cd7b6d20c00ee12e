//! Endpoints: an organization's members and their roles, and what the caller may do in it.

use super::State;
use crate::member::{self, Member};
use axum::extract::{Path, State as Extract};
use http::StatusCode;
use insula_access::{
    LeaveOrganization, ListMembers, ListRoles, Principal, ReadOrganization, RemoveMember, UpdateMember,
};
use insula_kernel::{Error, Page, Result, Scope as _, UserId};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, In, Json, Listing, Method, Query, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const TAG: &str = "Members";

pub(super) fn api() -> Api<State> {
    let list = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/members",
        "listMembers",
        TAG,
        "Who is in the organization",
    )
    .allows::<ListMembers>()
    .query::<Listing>()
    .replies::<Page<Member>>(200);
    let update = Endpoint::new(
        Method::Patch,
        "/v1/orgs/{org}/members/{user}",
        "updateMember",
        TAG,
        "Give a member another role, from their next request on",
    )
    .allows::<UpdateMember>()
    .body::<MemberPatch>()
    .replies::<Member>(200);
    let remove = Endpoint::new(
        Method::Delete,
        "/v1/orgs/{org}/members/{user}",
        "removeMember",
        TAG,
        "End a membership, from the next request on; everyone may end their own",
    )
    .allows::<RemoveMember>();
    let roles = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/roles",
        "listRoles",
        TAG,
        "The roles that members can have, and which of them you may give",
    )
    .allows::<ListRoles>()
    .replies::<Page<Role>>(200);
    let mine = Endpoint::new(
        Method::Get,
        "/v1/orgs/{org}/access/permissions",
        "getMyPermissions",
        TAG,
        "What you may do in the organization",
    )
    .allows::<ReadOrganization>()
    .replies::<Permissions>(200);
    Api::default()
        .with(list, list_members)
        .with(update, update_member)
        .with(remove, remove_member)
        .with(roles, list_roles)
        .with(mine, get_my_permissions)
}

/// What may be changed of a membership.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MemberPatch {
    /// The role, of those of `GET …/roles` that you may give.
    role: String,
}

#[derive(Serialize, JsonSchema)]
struct Permissions {
    /// The names of the permissions: what may be given to an API key as scopes.
    permissions: Vec<String>,
}

/// A role of the blueprint.
#[derive(Serialize, JsonSchema)]
struct Role {
    /// Its name.
    name: String,
    /// What it allows.
    permissions: Vec<String>,
    /// Whether you may give it: it allows nothing that you lack.
    grantable: bool,
}

async fn list_members(
    Extract(state): Extract<State>,
    In(proof): In<ListMembers>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<Member>>, Failure> {
    let page = listing.page()?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(Json(member::list(&mut tx, &state.env, &proof, page).await?))
}

async fn update_member(
    Extract(state): Extract<State>,
    In(proof): In<UpdateMember>,
    Path((_, user)): Path<(String, String)>,
    info: RequestInfo,
    Json(patch): Json<MemberPatch>,
) -> Result<Json<Member>, Failure> {
    let (user, org) = (user_id(&user)?, proof.organization());
    let _turn = state.organizations.turn(org).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let blueprint = state.blueprint.load_full();
    let actor = info.actor(proof.principal());
    let changed =
        member::set_role(&mut tx, &state.env, &blueprint, &actor, &proof, user, &patch.role).await?;
    tx.commit().await?;
    state.live.put_member(org, user, &changed.role);
    state.organizations.change(org, |_| {});
    Ok(Json(changed))
}

async fn remove_member(
    Extract(state): Extract<State>,
    In(leaving): In<LeaveOrganization>,
    removing: Result<In<RemoveMember>, Failure>,
    Path((_, user)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let (user, org) = (user_id(&user)?, leaving.organization());
    let _turn = state.organizations.turn(org).await;
    let actor = info.actor(leaving.principal());
    let own = match leaving.principal() {
        Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
        Principal::Key { .. } | Principal::Service { .. } => None,
    };
    let tx = if own == Some(user) {
        let mut tx = state.storage.write(Store::Directory, &leaving).await?;
        member::leave(&mut tx, &state.env, &actor, &leaving, user).await?;
        tx
    } else {
        let In(proof) = removing?;
        let mut tx = state.storage.write(Store::Directory, &proof).await?;
        let blueprint = state.blueprint.load_full();
        member::remove(&mut tx, &state.env, &blueprint, &actor, &proof, user).await?;
        tx
    };
    tx.commit().await?;
    state.live.remove_member(org, user);
    state.organizations.change(org, |_| {});
    Ok(StatusCode::NO_CONTENT)
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse().map_err(|_| Error::not_found("member"))
}

async fn list_roles(
    Extract(state): Extract<State>,
    In(proof): In<ListRoles>,
) -> Result<Json<Page<Role>>, Failure> {
    let blueprint = state.blueprint.load();
    let role = |role: &insula_blueprint::Role| Role {
        name: role.name.clone(),
        permissions: blueprint
            .permissions()
            .names_of(role.permissions)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        grantable: role.permissions.is_subset(proof.permissions()),
    };
    Ok(Json(Page { items: blueprint.roles().iter().map(role).collect(), next_cursor: None }))
}

async fn get_my_permissions(
    Extract(state): Extract<State>,
    In(proof): In<ReadOrganization>,
) -> Result<Json<Permissions>, Failure> {
    let blueprint = state.blueprint.load();
    let names = blueprint.permissions().names_of(proof.permissions());
    Ok(Json(Permissions { permissions: names.into_iter().map(str::to_owned).collect() }))
}
