//! Organizations and what is done with them.

use crate::{
    LiveOrganization, Slug, Status,
    store::{
        ALL_FOR_REQUESTS, COUNT_BY_STATUS_AND_PLAN, GET, GET_ANY, INSERT, LIST, PARTS_OF, RENAME, SET_PLAN,
        SET_STATUS, UPDATE_ANY,
    },
    text,
};
use insula_access::{
    Authorized, AuthorizedOperator, DeactivateOrganization, ListOrganizations, ReadOrganizationOf,
    ReadOverview, SuspendOrganization, UpdateOrganization, UpdateOrganizationOf,
};
use insula_kernel::{Env, Epoch, Error, ErrorKind, Instant, OrgId, Page, PageRequest, Result};
use insula_storage::{
    FromRow, PlatformTx, Row, StoreResult, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// What people call it.
    pub name: String,
    /// What addresses call it.
    pub slug: String,
    /// Where it stands.
    pub status: Status,
    /// The plan it is on.
    pub plan: String,
    /// The caller's role in it, where the reply is for a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Since when it exists.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
    /// How often it was changed: what its `ETag` shows.
    #[serde(skip)]
    pub version: i64,
}

impl FromRow for Organization {
    fn from_row(row: &Row) -> StoreResult<Self> {
        let status: String = row.get(3)?;
        Ok(Self {
            id: row.get(0)?,
            slug: row.get(1)?,
            name: row.get(2)?,
            status: status.parse().map_err(insula_storage::StoreError::Failed)?,
            plan: row.get(4)?,
            role: None,
            version: row.get(5)?,
            created_at: row.get(6)?,
            updated_at: row.get(7)?,
        })
    }
}

/// A new organization.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its id, under which its store and subscription were prepared.
    pub id: OrgId,
    /// What people call it.
    pub name: String,
    /// What addresses call it.
    pub slug: Slug,
    /// The plan it is on.
    pub plan: String,
}

/// Makes an organization visible: the last step of a sign-up, after everything it needs was prepared.
pub async fn create(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    new: &NewOrganization,
) -> Result<Organization> {
    let now = env.now();
    let values =
        args![new.id, new.slug.as_str(), new.name.as_str(), Status::Active.as_str(), new.plan.as_str(), now];
    tx.execute(&INSERT, values).await.map_err(|error| {
        if error.violates_unique("organization", &["slug"]) { slug_taken(&new.slug) } else { error.into() }
    })?;
    let facts = json!({ "id": new.id, "slug": new.slug.as_str(), "name": new.name, "plan": new.plan });
    tx.audit(
        env,
        new.id,
        actor,
        AuditEntry { action: "organization.created", target: new.id.to_string(), detail: facts.clone() },
    )
    .await?;
    tx.publish(env, new.id, &Message { kind: "organization.created", payload: facts }).await?;
    Ok(Organization {
        id: new.id,
        name: new.name.clone(),
        slug: new.slug.to_string(),
        status: Status::Active,
        plan: new.plan.clone(),
        role: None,
        created_at: now,
        updated_at: now,
        version: 1,
    })
}

/// The error for a slug that another organization has.
#[must_use]
pub fn slug_taken(slug: &Slug) -> Error {
    slug_taken_at(slug, "/organization/slug")
}

/// The same for a slug that stands elsewhere in a request.
#[must_use]
pub fn slug_taken_at(slug: &Slug, pointer: &str) -> Error {
    let detail = format!("`{slug}` is taken; choose another address.");
    Error::conflict_at(pointer, "organization.slug_taken", detail)
}

/// The organization whose transaction it is.
pub async fn get(tx: &mut TenantTx) -> Result<Organization> {
    tx.fetch_optional(&GET, args![]).await?.ok_or_else(|| Error::not_found("organization"))
}

/// An organization, for workers of the platform.
pub async fn find(tx: &mut PlatformTx, id: OrgId) -> Result<Option<Organization>> {
    Ok(tx.fetch_optional(&GET_ANY, args![id]).await?)
}

/// The organizations of these ids, as far as they exist.
pub async fn describe(tx: &mut PlatformTx, ids: &[OrgId]) -> Result<Vec<Organization>> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(find(tx, *id).await?);
    }
    Ok(found)
}

/// Renames the organization; `expected` is the version that the caller saw, if it says one.
pub async fn update(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<UpdateOrganization>,
    name: &str,
    expected: Option<i64>,
) -> Result<Organization> {
    tx.lock().await?;
    let before = get(tx).await?;
    let version = expected.unwrap_or(before.version);
    if tx.execute(&RENAME, args![name, env.now(), version]).await? == 0 {
        let detail = "The organization was changed in between; read it again.";
        return Err(Error::new(ErrorKind::PreconditionFailed, "organization.changed", detail));
    }
    let detail = json!({ "name": { "before": before.name, "after": name } });
    tx.audit(
        env,
        actor,
        AuditEntry { action: "organization.updated", target: before.id.to_string(), detail },
    )
    .await?;
    get(tx).await
}

/// Which organizations are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// A part of their name or slug.
    pub contains: &'a str,
    /// Where they stand, if that matters.
    pub status: Option<Status>,
    /// The plan they are on, if that matters.
    pub plan: Option<&'a str>,
}

/// A page of the organizations that are asked for, for operators.
pub async fn list(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ListOrganizations>,
    wanted: Wanted<'_>,
    page: PageRequest,
) -> Result<Page<Organization>> {
    let after = page.after.map_or(OrgId::MIN, |cursor| OrgId::from_uuid(cursor.id()));
    let Wanted { contains, status, plan } = wanted;
    let status = status.map(Status::as_str);
    let values = args![after, text::pattern(contains), status, plan.map(str::to_owned), page.limit + 1];
    let rows = tx.fetch_all(&LIST, values).await?;
    Ok(Page::cut(rows, page, |organization: &Organization| organization.id.uuid()))
}

/// How many organizations there are of each status and plan.
pub async fn count_all(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadOverview>,
) -> Result<Vec<(Status, String, i64)>> {
    let rows: Vec<(String, String, i64)> = tx.fetch_all(&COUNT_BY_STATUS_AND_PLAN, args![]).await?;
    rows.into_iter()
        .map(|(status, plan, count)| Ok((status.parse().map_err(Error::internal)?, plan, count)))
        .collect()
}

/// How many projects in use and teams an organization has.
pub async fn parts_of(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ReadOrganizationOf>,
    id: OrgId,
) -> Result<(i64, i64)> {
    Ok(tx.fetch_one(&PARTS_OF, args![id]).await?)
}

/// Changes an organization's name or slug on the operator's behalf; what isn't said stays.
pub async fn update_any(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<UpdateOrganizationOf>,
    id: OrgId,
    name: Option<&str>,
    slug: Option<&Slug>,
) -> Result<Organization> {
    let before = find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))?;
    let (new_name, new_slug) =
        (name.unwrap_or(&before.name), slug.map_or(before.slug.as_str(), Slug::as_str));
    if (new_name, new_slug) == (before.name.as_str(), before.slug.as_str()) {
        return Ok(before);
    }
    let values = args![id, new_slug, new_name, env.now()];
    tx.execute(&UPDATE_ANY, values).await.map_err(|error| match slug {
        Some(slug) if error.violates_unique("organization", &["slug"]) => slug_taken_at(slug, "/slug"),
        _ => error.into(),
    })?;
    let detail = json!({
        "name": { "before": before.name, "after": new_name },
        "slug": { "before": before.slug, "after": new_slug },
    });
    let entry = AuditEntry { action: "organization.updated", target: id.to_string(), detail };
    tx.audit(env, id, actor, entry).await?;
    find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))
}

/// Notes which plan an organization is on, as its subscription says.
pub async fn set_plan(tx: &mut PlatformTx, env: &Env, id: OrgId, plan: &str) -> Result<()> {
    tx.execute(&SET_PLAN, args![id, plan, env.now()]).await?;
    Ok(())
}

/// Closes an organization, for good: nobody enters it any more. The message tells the ledger to end its subscription.
pub async fn deactivate(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<DeactivateOrganization>,
    id: OrgId,
    reason: Option<&str>,
) -> Result<Organization> {
    let before = find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))?;
    if matches!(before.status, Status::Deactivated | Status::Erased) {
        let detail = format!("The organization is {} already.", before.status);
        return Err(Error::new(ErrorKind::Conflict, "organization.status", detail));
    }
    tx.execute(&SET_STATUS, args![id, Status::Deactivated.as_str(), env.now()]).await?;
    let action = "organization.deactivated";
    let detail = json!({ "before": before.status, "after": Status::Deactivated, "reason": reason });
    tx.audit(env, id, actor, AuditEntry { action, target: id.to_string(), detail: detail.clone() }).await?;
    tx.publish(env, id, &Message { kind: action, payload: detail }).await?;
    find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))
}

/// Takes an organization out of service, or back into it.
pub async fn set_status(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<SuspendOrganization>,
    id: OrgId,
    status: Status,
    reason: &str,
) -> Result<Organization> {
    let before = find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))?;
    let possible = matches!(
        (before.status, status),
        (Status::Active, Status::Suspended) | (Status::Suspended, Status::Active)
    );
    if !possible {
        let detail = format!("The organization is {}; it can't become {status}.", before.status);
        return Err(Error::new(ErrorKind::Conflict, "organization.status", detail));
    }
    tx.execute(&SET_STATUS, args![id, status.as_str(), env.now()]).await?;
    let action = if status == Status::Active { "organization.reactivated" } else { "organization.suspended" };
    let detail = json!({ "before": before.status, "after": status, "reason": reason });
    tx.audit(env, id, actor, AuditEntry { action, target: id.to_string(), detail: detail.clone() }).await?;
    tx.publish(env, id, &Message { kind: action, payload: detail }).await?;
    find(tx, id).await?.ok_or_else(|| Error::not_found("organization"))
}

/// Takes an organization out of service because its subscription lapsed, or back into it; says whether it changed.
pub async fn set_service(tx: &mut PlatformTx, env: &Env, id: OrgId, status: Status) -> Result<bool> {
    let found = find(tx, id).await?;
    let changes = found.is_some_and(|found| {
        matches!(
            (found.status, status),
            (Status::Active, Status::Suspended) | (Status::Suspended, Status::Active)
        )
    });
    if changes {
        tx.execute(&SET_STATUS, args![id, status.as_str(), env.now()]).await?;
        let action =
            if status == Status::Active { "organization.reactivated" } else { "organization.suspended" };
        let detail = json!({ "after": status, "reason": "subscription" });
        let actor = Actor { name: "worker:billing".to_owned(), address: None, request: None };
        tx.audit(env, id, &actor, AuditEntry { action, target: id.to_string(), detail: detail.clone() })
            .await?;
        tx.publish(env, id, &Message { kind: action, payload: detail }).await?;
    }
    Ok(changes)
}

/// Every organization, for the request path.
pub async fn load(tx: &mut PlatformTx) -> Result<Vec<LiveOrganization>> {
    let rows: Vec<(OrgId, String, String)> = tx.fetch_all(&ALL_FOR_REQUESTS, args![]).await?;
    rows.into_iter()
        .map(|(id, slug, status)| {
            let status = status.parse().map_err(Error::internal)?;
            Ok(LiveOrganization { id, slug: slug.into(), status, epoch: Epoch(0) })
        })
        .collect()
}
