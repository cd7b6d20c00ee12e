//! Teams: people of an organization who own projects together.

use crate::{
    store::{
        COUNT_TEAMS, DELETE_TEAM, FIND_TEAM, FIND_TEAM_MEMBER, INSERT_TEAM, JOIN_TEAM, LEAVE_TEAM,
        LEAVE_TEAMS, LIST_TEAM_MEMBERS, LIST_TEAMS, PROJECTS_OF_TEAM, PUT_TEAM_MEMBER, RELEASE_PROJECTS,
        REMOVE_TEAM_MEMBERS, UPDATE_TEAM,
    },
    text,
};
use insula_access::{Authorized, CreateTeam, DeleteTeam, ListTeams, UpdateTeam};
use insula_kernel::{Env, Error, ErrorKind, Instant, OrgId, Page, PageRequest, Result, TeamId, UserId};
use insula_storage::{
    FromRow, PlatformTx, Row, StoreError, StoreResult, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
};
use insula_web::Patch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::str::FromStr;

const LONGEST_DESCRIPTION: usize = 500;

/// A team.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// What people call it; no other team of the organization is called the same.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Since when it exists.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
    /// How often it was changed: what its `ETag` shows.
    #[serde(skip)]
    pub version: i64,
}

impl FromRow for Team {
    fn from_row(row: &Row) -> StoreResult<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            description: row.get(2)?,
            version: row.get(3)?,
            created_at: row.get(4)?,
            updated_at: row.get(5)?,
        })
    }
}

/// What someone is in a team.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TeamRole {
    /// Leads it.
    Lead,
    /// Works in it.
    Member,
}

impl TeamRole {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Member => "member",
        }
    }
}

impl FromStr for TeamRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Lead, Self::Member]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("unknown role in a team: {text}"))
    }
}

/// Someone who is in a team.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TeamMember {
    /// Who: a member of the organization.
    pub user: UserId,
    /// As what.
    pub role: TeamRole,
    /// Since when.
    pub added_at: Instant,
}

impl FromRow for TeamMember {
    fn from_row(row: &Row) -> StoreResult<Self> {
        let role: String = row.get(1)?;
        Ok(Self { user: row.get(0)?, role: role.parse().map_err(StoreError::Failed)?, added_at: row.get(2)? })
    }
}

/// A new team.
#[derive(Clone, Debug)]
pub struct NewTeam {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
}

impl NewTeam {
    /// Checks what a caller asks for.
    pub fn check(name: &str, description: Option<&str>) -> Result<Self> {
        let name = text::check_name(name, "/name")?;
        Ok(Self { name, description: description.map(check_description).transpose()?.flatten() })
    }
}

fn check_description(text: &str) -> Result<Option<String>> {
    let text = text.trim();
    if text.chars().count() > LONGEST_DESCRIPTION {
        let detail = format!("A description has at most {LONGEST_DESCRIPTION} characters.");
        return Err(Error::invalid_field("/description", "length", detail));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// What is to be changed of a team.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TeamPatch {
    /// What people call it: 1 to 100 characters.
    pub name: Patch<String>,
    /// What it is for: at most 500 characters.
    pub description: Patch<String>,
}

/// Makes a team; `bound` is how many there may be.
pub async fn create(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<CreateTeam>,
    new: &NewTeam,
    bound: Option<i64>,
) -> Result<Team> {
    tx.lock().await?;
    if let Some(bound) = bound
        && count(tx).await? >= bound
    {
        let detail = format!("The plan allows {bound} teams and all are in use; delete one, or upgrade.");
        return Err(Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail));
    }
    let id = TeamId::generate(env);
    let values = args![id, new.name.as_str(), new.name.to_lowercase(), new.description.clone(), env.now()];
    tx.execute(&INSERT_TEAM, values).await.map_err(|error| name_taken(error, &new.name))?;
    let made = find(tx, id).await?;
    record(tx, env, actor, "team.created", id, facts(&made)).await?;
    Ok(made)
}

/// Changes a team; `expected` is the version that the caller saw, if it says one.
pub async fn update(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<UpdateTeam>,
    id: TeamId,
    patch: &TeamPatch,
    expected: Option<i64>,
) -> Result<Team> {
    tx.lock().await?;
    let before = find(tx, id).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        let detail = "The team was changed in between; read it again.";
        return Err(Error::new(ErrorKind::PreconditionFailed, "team.changed", detail));
    }
    let name = match &patch.name {
        Patch::Absent => before.name.clone(),
        Patch::Null => return Err(Error::invalid_field("/name", "required", "A team has a name.")),
        Patch::Value(name) => text::check_name(name, "/name")?,
    };
    let description = match &patch.description {
        Patch::Absent => before.description.clone(),
        Patch::Null => None,
        Patch::Value(text) => check_description(text)?,
    };
    if (&name, &description) == (&before.name, &before.description) {
        return Ok(before);
    }
    let values = args![id, name.as_str(), name.to_lowercase(), description, env.now()];
    tx.execute(&UPDATE_TEAM, values).await.map_err(|error| name_taken(error, &name))?;
    let after = find(tx, id).await?;
    let detail = json!({ "before": facts(&before), "after": facts(&after) });
    record(tx, env, actor, "team.updated", id, detail).await?;
    Ok(after)
}

/// Deletes a team that has no projects in use.
pub async fn delete(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<DeleteTeam>,
    id: TeamId,
) -> Result<()> {
    tx.lock().await?;
    let before = find(tx, id).await?;
    let (projects,): (i64,) = tx.fetch_one(&PROJECTS_OF_TEAM, args![id]).await?;
    if projects > 0 {
        let detail = format!("The team has {projects} projects; give them to another team or archive them.");
        return Err(Error::new(ErrorKind::Conflict, "team.has_projects", detail));
    }
    tx.execute(&RELEASE_PROJECTS, args![id]).await?;
    tx.execute(&REMOVE_TEAM_MEMBERS, args![id]).await?;
    tx.execute(&DELETE_TEAM, args![id]).await?;
    record(tx, env, actor, "team.deleted", id, facts(&before)).await
}

/// Puts a member of the organization into a team, or gives them another role there.
pub async fn put_member(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<UpdateTeam>,
    id: TeamId,
    user: UserId,
    role: TeamRole,
) -> Result<TeamMember> {
    tx.lock().await?;
    find(tx, id).await?;
    let put = tx.execute(&PUT_TEAM_MEMBER, args![id, user, role.as_str(), env.now()]).await;
    put.map_err(|error| match error {
        StoreError::ForeignKey => Error::not_found("member of the organization"),
        other => other.into(),
    })?;
    record(tx, env, actor, "team.member_put", id, json!({ "user": user, "role": role })).await?;
    Ok(tx.fetch_one(&FIND_TEAM_MEMBER, args![id, user]).await?)
}

/// Takes someone out of a team.
pub async fn remove_member(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<UpdateTeam>,
    id: TeamId,
    user: UserId,
) -> Result<()> {
    tx.lock().await?;
    find(tx, id).await?;
    if tx.execute(&LEAVE_TEAM, args![id, user]).await? == 0 {
        return Err(Error::not_found("member of the team"));
    }
    record(tx, env, actor, "team.member_removed", id, json!({ "user": user })).await
}

/// Takes someone who leaves the organization out of all its teams.
pub async fn leave_all(tx: &mut TenantTx, user: UserId) -> Result<()> {
    tx.execute(&LEAVE_TEAMS, args![user]).await?;
    Ok(())
}

/// Lets a member who was invited to it join a team; one that is gone by now is passed over.
pub async fn join(tx: &mut PlatformTx, env: &Env, org: OrgId, id: TeamId, user: UserId) -> Result<()> {
    tx.execute(&JOIN_TEAM, args![org, id, user, env.now()]).await?;
    Ok(())
}

/// A page of who is in a team.
pub async fn members(
    tx: &mut TenantTx,
    _proof: &Authorized<ListTeams>,
    id: TeamId,
    page: PageRequest,
) -> Result<Page<TeamMember>> {
    find(tx, id).await?;
    let after = page.after.map_or(UserId::MIN, |cursor| UserId::from_uuid(cursor.id()));
    let rows = tx.fetch_all(&LIST_TEAM_MEMBERS, args![id, after, page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |member: &TeamMember| member.user.uuid()))
}

/// A page of the organization's teams whose name contains a text.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ListTeams>,
    contains: &str,
    page: PageRequest,
) -> Result<Page<Team>> {
    let after = page.after.map_or(TeamId::MIN, |cursor| TeamId::from_uuid(cursor.id()));
    let rows = tx.fetch_all(&LIST_TEAMS, args![after, text::pattern(contains), page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |team: &Team| team.id.uuid()))
}

/// A team of the organization.
pub async fn find(tx: &mut TenantTx, id: TeamId) -> Result<Team> {
    tx.fetch_optional(&FIND_TEAM, args![id]).await?.ok_or_else(|| Error::not_found("team"))
}

/// How many teams the organization has.
pub async fn count(tx: &mut TenantTx) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_TEAMS, args![]).await?.0)
}

pub(crate) async fn exists(tx: &mut TenantTx, id: TeamId) -> Result<bool> {
    Ok(tx.fetch_optional::<Team>(&FIND_TEAM, args![id]).await?.is_some())
}

fn name_taken(error: StoreError, name: &str) -> Error {
    if error.violates_unique("team", &["tenant_id", "name_folded"]) {
        let detail = format!("Another team is called `{name}`; choose another name.");
        return Error::conflict_at("/name", "team.name_taken", detail);
    }
    error.into()
}

fn facts(team: &Team) -> Json {
    json!({ "name": team.name, "description": team.description })
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    id: TeamId,
    detail: Json,
) -> Result<()> {
    let message = Message { kind: action, payload: json!({ "id": id, "facts": detail }) };
    tx.audit(env, actor, AuditEntry { action, target: id.to_string(), detail }).await?;
    tx.publish(env, &message).await?;
    Ok(())
}
