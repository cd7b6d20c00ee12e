//! Projects: parts of an organization that keep keys, data and usage apart.

use crate::{
    LiveProject,
    slug::{is_label, label_from},
    store::{
        ALL_PROJECTS, ARCHIVE_PROJECT, COUNT_PROJECTS, FIND_PROJECT, FIND_PROJECT_BY_SLUG, INSERT_PROJECT,
        LIST_PROJECTS, UPDATE_PROJECT,
    },
    team, text,
};
use insula_access::{ArchiveProject, Authorized, CreateProject, ListProjects, UpdateProject};
use insula_kernel::{
    Env, Error, ErrorKind, Instant, KeyId, OrgId, Page, PageRequest, ProjectId, Result, TeamId,
};
use insula_storage::{
    FromRow, PlatformTx, Row, StoreError, StoreResult, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
};
use insula_web::Patch;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::{fmt, pin::Pin, str::FromStr};

/// Where a project stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProjectStatus {
    /// In use.
    Active,
    /// Out of use, for good; what was used in it can still be looked at.
    Archived,
}

impl ProjectStatus {
    /// The word for it, in stores and replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for ProjectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProjectStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Active, Self::Archived]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("unknown status of a project: {text}"))
    }
}

/// A project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// What people call it.
    pub name: String,
    /// What addresses call it; no other active project of the organization has the same.
    pub slug: String,
    /// The team it belongs to.
    pub team: Option<TeamId>,
    /// Where it stands.
    pub status: ProjectStatus,
    /// Since when it exists.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
    /// How often it was changed: what its `ETag` shows.
    #[serde(skip)]
    pub version: i64,
}

impl FromRow for Project {
    fn from_row(row: &Row) -> StoreResult<Self> {
        let status: String = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            slug: row.get(2)?,
            team: row.get(3)?,
            status: status.parse().map_err(StoreError::Failed)?,
            version: row.get(5)?,
            created_at: row.get(6)?,
            updated_at: row.get(7)?,
        })
    }
}

impl Project {
    /// As requests need it.
    #[must_use]
    pub fn live(&self, org: OrgId) -> LiveProject {
        LiveProject {
            id: self.id,
            org,
            slug: self.slug.as_str().into(),
            team: self.team,
            status: self.status,
        }
    }
}

/// A new project.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// What people call it.
    pub name: String,
    /// What addresses call it.
    pub slug: String,
    /// The team it belongs to.
    pub team: Option<TeamId>,
}

impl NewProject {
    /// Checks what a caller asks for; without a slug, one is made of the name.
    pub fn check(name: &str, slug: Option<&str>, team: Option<TeamId>) -> Result<Self> {
        let name = text::check_name(name, "/name")?;
        let slug = match slug {
            Some(slug) => check_slug(slug)?,
            None => check_slug(&label_from(&name))?,
        };
        Ok(Self { name, slug, team })
    }
}

fn check_slug(slug: &str) -> Result<String> {
    if is_label(slug) {
        return Ok(slug.to_owned());
    }
    let detail = "A slug has 3 to 40 lower-case letters, digits and hyphens between them.";
    Err(Error::invalid_field("/slug", "malformed", detail))
}

/// What is to be changed of a project.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectPatch {
    /// What people call it: 1 to 100 characters.
    pub name: Patch<String>,
    /// What addresses call it: 3 to 40 lower-case letters, digits and hyphens between them.
    pub slug: Patch<String>,
    /// The team it belongs to; null takes it out of its team.
    pub team: Patch<TeamId>,
}

/// An answer that has to be looked up.
pub type LookedUp<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The API keys of projects, which another domain keeps.
pub trait ProjectKeys: Send + Sync {
    /// The keys of a project that aren't revoked.
    fn of<'a>(&'a self, tx: &'a mut TenantTx, project: ProjectId) -> LookedUp<'a, Vec<KeyId>>;

    /// Revokes these keys, as part of the transaction.
    fn revoke<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        actor: &'a Actor,
        proof: &'a Authorized<ArchiveProject>,
        keys: &'a [KeyId],
    ) -> LookedUp<'a, ()>;

    /// Lets requests know that these keys were revoked.
    fn revoked(&self, keys: &[KeyId]);

    /// Lets requests know that the project of these keys belongs to this team now.
    fn moved(&self, keys: &[KeyId], team: Option<TeamId>);
}

/// Makes a project; `bound` is how many active ones there may be.
pub async fn create(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<CreateProject>,
    new: &NewProject,
    bound: Option<i64>,
) -> Result<Project> {
    tx.lock().await?;
    if let Some(bound) = bound
        && count(tx).await? >= bound
    {
        let detail = format!("The plan allows {bound} projects and all are in use; archive one, or upgrade.");
        return Err(Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail));
    }
    if let Some(team) = new.team {
        ensure_team(tx, team).await?;
    }
    let id = ProjectId::generate(env);
    let values = args![id, new.name.as_str(), new.slug.as_str(), new.team, env.now()];
    tx.execute(&INSERT_PROJECT, values).await.map_err(|error| slug_taken(error, &new.slug))?;
    let made = by_id(tx, id).await?;
    record(tx, env, actor, "project.created", &made, facts(&made)).await?;
    Ok(made)
}

/// Changes a project; `expected` is the version that the caller saw, if it says one.
pub async fn update(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<UpdateProject>,
    named: &str,
    patch: &ProjectPatch,
    expected: Option<i64>,
) -> Result<Project> {
    tx.lock().await?;
    let before = find(tx, named).await?;
    if expected.is_some_and(|expected| expected != before.version) {
        let detail = "The project was changed in between; read it again.";
        return Err(Error::new(ErrorKind::PreconditionFailed, "project.changed", detail));
    }
    if before.status == ProjectStatus::Archived {
        let detail = "The project is archived; it can't be changed any more.";
        return Err(Error::new(ErrorKind::Conflict, "project.archived", detail));
    }
    let required = |pointer| Error::invalid_field(pointer, "required", "A project has a name and a slug.");
    let name = match &patch.name {
        Patch::Absent => before.name.clone(),
        Patch::Null => return Err(required("/name")),
        Patch::Value(name) => text::check_name(name, "/name")?,
    };
    let slug = match &patch.slug {
        Patch::Absent => before.slug.clone(),
        Patch::Null => return Err(required("/slug")),
        Patch::Value(slug) => check_slug(slug)?,
    };
    let team = match patch.team {
        Patch::Absent => before.team,
        Patch::Null => None,
        Patch::Value(team) => {
            ensure_team(tx, team).await?;
            Some(team)
        }
    };
    if (&name, &slug, team) == (&before.name, &before.slug, before.team) {
        return Ok(before);
    }
    let values = args![before.id, name, slug.as_str(), team, env.now()];
    tx.execute(&UPDATE_PROJECT, values).await.map_err(|error| slug_taken(error, &slug))?;
    let after = by_id(tx, before.id).await?;
    let detail = json!({ "before": facts(&before), "after": facts(&after) });
    record(tx, env, actor, "project.updated", &after, detail).await?;
    Ok(after)
}

/// Takes a project out of use, for good, and says which of its keys were revoked with it. One that is archived already
/// stays as it is.
pub async fn archive(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    proof: &Authorized<ArchiveProject>,
    named: &str,
    keys: &dyn ProjectKeys,
    revoke_keys: bool,
) -> Result<(Project, Vec<KeyId>)> {
    tx.lock().await?;
    let before = find(tx, named).await?;
    if before.status == ProjectStatus::Archived {
        return Ok((before, Vec::new()));
    }
    let in_use = keys.of(tx, before.id).await?;
    if !in_use.is_empty() {
        if !revoke_keys {
            let detail = format!(
                "The project has {} API keys in use; revoke them, or say `?revoke_keys=true`.",
                in_use.len()
            );
            return Err(Error::new(ErrorKind::Conflict, "project.has_keys", detail));
        }
        keys.revoke(tx, actor, proof, &in_use).await?;
    }
    tx.execute(&ARCHIVE_PROJECT, args![before.id, env.now()]).await?;
    let after = by_id(tx, before.id).await?;
    let detail = json!({ "name": after.name, "slug": after.slug, "revoked_keys": in_use });
    record(tx, env, actor, "project.archived", &after, detail).await?;
    Ok((after, in_use))
}

/// A page of the organization's projects whose name or slug contains a text; with a status, only those that stand there.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ListProjects>,
    contains: &str,
    status: Option<ProjectStatus>,
    page: PageRequest,
) -> Result<Page<Project>> {
    let after = page.after.map_or(ProjectId::MIN, |cursor| ProjectId::from_uuid(cursor.id()));
    let values = args![after, text::pattern(contains), status.map(ProjectStatus::as_str), page.limit + 1];
    let rows = tx.fetch_all(&LIST_PROJECTS, values).await?;
    Ok(Page::cut(rows, page, |project: &Project| project.id.uuid()))
}

/// The project that an id names, or the active one that a slug names.
pub async fn find(tx: &mut TenantTx, named: &str) -> Result<Project> {
    let found = match named.parse::<ProjectId>() {
        Ok(id) => tx.fetch_optional(&FIND_PROJECT, args![id]).await?,
        Err(_) => tx.fetch_optional(&FIND_PROJECT_BY_SLUG, args![named]).await?,
    };
    found.ok_or_else(|| Error::not_found("project"))
}

/// How many projects the organization has that aren't archived.
pub async fn count(tx: &mut TenantTx) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_PROJECTS, args![]).await?.0)
}

/// Every project, for the request path.
pub async fn load(tx: &mut PlatformTx) -> Result<Vec<LiveProject>> {
    let rows: Vec<(OrgId, ProjectId, String, Option<TeamId>, String)> =
        tx.fetch_all(&ALL_PROJECTS, args![]).await?;
    rows.into_iter()
        .map(|(org, id, slug, team, status)| {
            let status = status.parse().map_err(Error::internal)?;
            Ok(LiveProject { id, org, slug: slug.into(), team, status })
        })
        .collect()
}

async fn by_id(tx: &mut TenantTx, id: ProjectId) -> Result<Project> {
    Ok(tx.fetch_one(&FIND_PROJECT, args![id]).await?)
}

async fn ensure_team(tx: &mut TenantTx, id: TeamId) -> Result<()> {
    if team::exists(tx, id).await? {
        return Ok(());
    }
    Err(Error::invalid_field("/team", "unknown", "There is no such team in the organization."))
}

fn slug_taken(error: StoreError, slug: &str) -> Error {
    if error.violates_unique("project", &["tenant_id", "slug"]) {
        let detail = format!("Another project is called `{slug}`; choose another slug.");
        return Error::conflict_at("/slug", "project.slug_taken", detail);
    }
    error.into()
}

fn facts(project: &Project) -> Json {
    json!({ "name": project.name, "slug": project.slug, "team": project.team })
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    project: &Project,
    detail: Json,
) -> Result<()> {
    tx.audit(env, actor, AuditEntry { action, target: project.id.to_string(), detail }).await?;
    tx.publish(env, &Message { kind: action, payload: json!(project) }).await?;
    Ok(())
}
