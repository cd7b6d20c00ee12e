//! Endpoints: projects.

use super::{State, expected_version, tagged};
use crate::project::{self, NewProject, Project, ProjectPatch, ProjectStatus};
use axum::{
    extract::{Path, State as Extract},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use insula_access::{ArchiveProject, CreateProject, ListProjects, UpdateProject};
use insula_blueprint::LimitIndex;
use insula_kernel::{Page, PageRequest, Scope as _, TeamId};
use insula_storage::Store;
use insula_web::{Api, Endpoint, Failure, Idempotent, In, Json, Method, Query, Reply, RequestInfo};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Projects";
const ALL: &str = "/v1/orgs/{org}/projects";
const ONE: &str = "/v1/orgs/{org}/projects/{project}";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(Method::Get, ALL, "listProjects", TAG, "The organization's projects")
                .allows::<ListProjects>()
                .query::<ProjectsQuery>()
                .replies::<Page<Project>>(200),
            list_projects,
        )
        .with(
            Endpoint::new(Method::Post, ALL, "createProject", TAG, "Make a project")
                .allows::<CreateProject>()
                .idempotent()
                .body::<ProjectRequest>()
                .replies::<Project>(201),
            create_project,
        )
        .with(
            Endpoint::new(Method::Get, ONE, "getProject", TAG, "A project, by its id or slug")
                .allows::<ListProjects>()
                .replies::<Project>(200),
            get_project,
        )
        .with(
            Endpoint::new(Method::Patch, ONE, "updateProject", TAG, "Change a project")
                .allows::<UpdateProject>()
                .body::<ProjectPatch>()
                .replies::<Project>(200),
            update_project,
        )
        .with(
            Endpoint::new(
                Method::Delete,
                ONE,
                "archiveProject",
                TAG,
                "Archive a project, for good; its API keys stop at once",
            )
            .allows::<ArchiveProject>()
            .query::<ArchiveQuery>(),
            archive_project,
        )
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ProjectsQuery {
    /// Part of a name or a slug.
    q: Option<String>,
    /// Only those that stand there.
    status: Option<ProjectStatus>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProjectRequest {
    /// What people call it: 1 to 100 characters.
    name: String,
    /// What addresses call it: 3 to 40 lower-case letters, digits and hyphens between them; made of the name if not said.
    slug: Option<String>,
    /// The team it belongs to.
    team: Option<TeamId>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct ArchiveQuery {
    /// Whether to revoke the project's API keys; without, a project that has some is left as it is.
    revoke_keys: bool,
}

async fn list_projects(
    Extract(state): Extract<State>,
    In(proof): In<ListProjects>,
    Query(query): Query<ProjectsQuery>,
) -> Result<Json<Page<Project>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let contains = query.q.as_deref().unwrap_or_default();
    Ok(Json(project::list(&mut tx, &proof, contains, query.status, page).await?))
}

async fn get_project(
    Extract(state): Extract<State>,
    In(proof): In<ListProjects>,
    Path((_, named)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let mut tx = state.storage.read(Store::Directory, &proof).await?;
    let project = project::find(&mut tx, &named).await?;
    Ok(tagged(project.version, project))
}

async fn create_project(
    Extract(state): Extract<State>,
    In(proof): In<CreateProject>,
    info: RequestInfo,
    request: Idempotent<ProjectRequest>,
) -> Result<Response, Failure> {
    let ProjectRequest { name, slug, team } = &request.body;
    let new = NewProject::check(name, slug.as_deref(), *team)?;
    let org = proof.organization();
    let _turn = state.live.turn(org).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    if let Some(reply) = request.replay(&mut tx, state.env.now()).await? {
        return Ok(reply.into_response());
    }
    let actor = info.actor(proof.principal());
    let bound = (state.bound)(org, LimitIndex::PROJECTS);
    let made = project::create(&mut tx, &state.env, &actor, &proof, &new, bound).await?;
    let reply = Reply::new(StatusCode::CREATED, &made)?;
    request.keep(&mut tx, &state.env, &reply).await?;
    tx.commit().await?;
    state.live.put_project(made.live(org));
    Ok(reply.into_response())
}

async fn update_project(
    Extract(state): Extract<State>,
    In(proof): In<UpdateProject>,
    Path((_, named)): Path<(String, String)>,
    info: RequestInfo,
    headers: HeaderMap,
    Json(patch): Json<ProjectPatch>,
) -> Result<Response, Failure> {
    let expected = expected_version(&headers)?;
    let org = proof.organization();
    let actor = info.actor(proof.principal());
    let _turn = state.live.turn(org).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let changed = project::update(&mut tx, &state.env, &actor, &proof, &named, &patch, expected).await?;
    let keys = state.keys.of(&mut tx, changed.id).await?;
    tx.commit().await?;
    state.live.put_project(changed.live(org));
    state.keys.moved(&keys, changed.team);
    Ok(tagged(changed.version, changed))
}

async fn archive_project(
    Extract(state): Extract<State>,
    In(proof): In<ArchiveProject>,
    Path((_, named)): Path<(String, String)>,
    info: RequestInfo,
    Query(query): Query<ArchiveQuery>,
) -> Result<StatusCode, Failure> {
    let org = proof.organization();
    let actor = info.actor(proof.principal());
    let _turn = state.live.turn(org).await;
    let mut tx = state.storage.write(Store::Directory, &proof).await?;
    let (archived, keys) =
        project::archive(&mut tx, &state.env, &actor, &proof, &named, &*state.keys, query.revoke_keys)
            .await?;
    tx.commit().await?;
    state.live.put_project(archived.live(org));
    state.keys.revoked(&keys);
    Ok(StatusCode::NO_CONTENT)
}
