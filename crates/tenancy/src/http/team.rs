//! Endpoints: teams, and who is in them.

use super::{State, expected_version, tagged};
use crate::team::{self, NewTeam, Team, TeamMember, TeamPatch, TeamRole};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use insula_access::{CreateTeam, DeleteTeam, ListTeams, UpdateTeam};
use insula_blueprint::LimitIndex;
use insula_kernel::{Error, Page, PageRequest, Result, Scope as _, TeamId, UserId};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Listing, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Teams";
const ALL: &str = "/v1/orgs/{org}/teams";
const ONE: &str = "/v1/orgs/{org}/teams/{team}";
const MEMBERS: &str = "/v1/orgs/{org}/teams/{team}/members";
const MEMBER: &str = "/v1/orgs/{org}/teams/{team}/members/{user}";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(Method::Get, ALL, "listTeams", TAG, "The organization's teams")
                .allows::<ListTeams>()
                .query::<TeamsQuery>()
                .replies::<Page<Team>>(200),
            list_teams,
        )
        .with(
            Endpoint::new(Method::Post, ALL, "createTeam", TAG, "Make a team")
                .allows::<CreateTeam>()
                .idempotent()
                .body::<TeamRequest>()
                .replies::<Team>(201),
            create_team,
        )
        .with(
            Endpoint::new(Method::Get, ONE, "getTeam", TAG, "A team")
                .allows::<ListTeams>()
                .replies::<Team>(200),
            get_team,
        )
        .with(
            Endpoint::new(Method::Patch, ONE, "updateTeam", TAG, "Change a team")
                .allows::<UpdateTeam>()
                .body::<TeamPatch>()
                .replies::<Team>(200),
            update_team,
        )
        .with(
            Endpoint::new(Method::Delete, ONE, "deleteTeam", TAG, "Delete a team that has no projects")
                .allows::<DeleteTeam>(),
            delete_team,
        )
        .merge(members_api())
}

fn members_api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(Method::Get, MEMBERS, "listTeamMembers", TAG, "Who is in a team")
                .allows::<ListTeams>()
                .query::<Listing>()
                .replies::<Page<TeamMember>>(200),
            list_team_members,
        )
        .with(
            Endpoint::new(
                Method::Put,
                MEMBER,
                "putTeamMember",
                TAG,
                "Put a member of the organization into a team, or give them another role there",
            )
            .allows::<UpdateTeam>()
            .body::<TeamMemberRequest>()
            .replies::<TeamMember>(200),
            put_team_member,
        )
        .with(
            Endpoint::new(Method::Delete, MEMBER, "removeTeamMember", TAG, "Take someone out of a team")
                .allows::<UpdateTeam>(),
            remove_team_member,
        )
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct TeamsQuery {
    /// Part of a name.
    q: Option<String>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TeamRequest {
    /// What people call it: 1 to 100 characters.
    name: String,
    /// What it is for: at most 500 characters.
    description: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TeamMemberRequest {
    /// As what.
    role: TeamRole,
}

async fn list_teams(
    Extract(state): Extract<State>,
    In(proof): In<ListTeams>,
    Query(query): Query<TeamsQuery>,
) -> Result<Json<Page<Team>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(Json(team::list(&mut tx, &proof, query.q.as_deref().unwrap_or_default(), page).await?))
}

async fn get_team(
    Extract(state): Extract<State>,
    In(proof): In<ListTeams>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let team = team::find(&mut tx, team_id(&id)?).await?;
    Ok(tagged(team.version, team))
}

async fn create_team(
    Extract(state): Extract<State>,
    In(proof): In<CreateTeam>,
    info: RequestInfo,
    request: Idempotent<TeamRequest>,
) -> Result<Response, Failure> {
    let new = NewTeam::check(&request.body.name, request.body.description.as_deref())?;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let bound = (state.bound)(proof.organization(), LimitIndex::TEAMS);
    let actor = info.actor(proof.principal());
    let made = team::create(&mut tx, &state.env, &actor, &proof, &new, bound).await?;
    let reply = Reply::new(StatusCode::CREATED, &made)?;
    request.keep(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    Ok(reply.into_response())
}

async fn update_team(
    Extract(state): Extract<State>,
    In(proof): In<UpdateTeam>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
    headers: HeaderMap,
    Json(patch): Json<TeamPatch>,
) -> Result<Response, Failure> {
    let (id, expected) = (team_id(&id)?, expected_version(&headers)?);
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let actor = info.actor(proof.principal());
    let changed = team::update(&mut tx, &state.env, &actor, &proof, id, &patch, expected).await?;
    tx.commit().await?;
    Ok(tagged(changed.version, changed))
}

async fn delete_team(
    Extract(state): Extract<State>,
    In(proof): In<DeleteTeam>,
    Path((_, id)): Path<(String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let id = team_id(&id)?;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    team::delete(&mut tx, &state.env, &info.actor(proof.principal()), &proof, id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn list_team_members(
    Extract(state): Extract<State>,
    In(proof): In<ListTeams>,
    Path((_, id)): Path<(String, String)>,
    Query(listing): Query<Listing>,
) -> Result<Json<Page<TeamMember>>, Failure> {
    let (id, page) = (team_id(&id)?, listing.page()?);
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    Ok(Json(team::members(&mut tx, &proof, id, page).await?))
}

async fn put_team_member(
    Extract(state): Extract<State>,
    In(proof): In<UpdateTeam>,
    Path((_, id, user)): Path<(String, String, String)>,
    info: RequestInfo,
    Json(request): Json<TeamMemberRequest>,
) -> Result<Json<TeamMember>, Failure> {
    let (id, user) = (team_id(&id)?, user_id(&user)?);
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let actor = info.actor(proof.principal());
    let put = team::put_member(&mut tx, &state.env, &actor, &proof, id, user, request.role).await?;
    tx.commit().await?;
    Ok(Json(put))
}

async fn remove_team_member(
    Extract(state): Extract<State>,
    In(proof): In<UpdateTeam>,
    Path((_, id, user)): Path<(String, String, String)>,
    info: RequestInfo,
) -> Result<StatusCode, Failure> {
    let (id, user) = (team_id(&id)?, user_id(&user)?);
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    team::remove_member(&mut tx, &state.env, &info.actor(proof.principal()), &proof, id, user).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn team_id(text: &str) -> Result<TeamId> {
    text.parse().map_err(|_| Error::not_found("team"))
}

fn user_id(text: &str) -> Result<UserId> {
    text.parse().map_err(|_| Error::not_found("member of the organization"))
}
