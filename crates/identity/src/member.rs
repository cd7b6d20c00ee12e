//! Members: which users belong to which organizations, and as what.
//!
//! What must always hold: an organization that has an owner keeps one. Nobody gives a role that may do more than they
//! themselves, and nobody changes or removes someone who may.

use crate::store::{
    ALL_MEMBERS, COUNT_MEMBERS, FIND_MEMBER, INSERT_MEMBER, LIST_MEMBERS, MEMBERS_WITH_ROLE, MEMBERSHIPS_OF,
    PEOPLE_OF, REMOVE_MEMBER, SET_ROLE,
};
use insula_access::{
    Authorized, AuthorizedOperator, LeaveOrganization, ListMembers, ReadOrganizationOf, RemoveMember,
    UpdateMember, ensure_grantable,
};
use insula_blueprint::{Compiled, PermissionSet};
use insula_kernel::{Env, Error, ErrorKind, Instant, OrgId, Page, PageRequest, Result, UserId};
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use insula_tenancy::team;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// The role of those who may do everything, of whom an organization keeps at least one.
pub const OWNER: &str = "owner";

row! {
    struct MemberRow {
        id: UserId,
        email: String,
        display_name: String,
        locked_until: Option<Instant>,
        role: String,
        joined_at: Instant,
        invited_by: Option<UserId>,
    }
}

/// A member of an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Member {
    /// Who.
    pub user: MemberUser,
    /// As what.
    pub role: String,
    /// Whether they can sign in.
    pub status: MemberStatus,
    /// Since when.
    pub joined_at: Instant,
    /// Who invited them; null for who made the organization, and for who was invited by a program.
    pub invited_by: Option<UserId>,
}

/// Whether a member can sign in at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    /// They can.
    Active,
    /// Not for a while, after too many wrong passwords.
    Locked,
}

/// What an organization sees of a member.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MemberUser {
    /// Their id.
    pub id: UserId,
    /// Their address.
    pub email: String,
    /// Their name.
    pub display_name: String,
}

impl MemberRow {
    fn shown(self, now: Instant) -> Member {
        let locked = self.locked_until.is_some_and(|until| until > now);
        Member {
            user: MemberUser { id: self.id, email: self.email, display_name: self.display_name },
            role: self.role,
            status: if locked { MemberStatus::Locked } else { MemberStatus::Active },
            joined_at: self.joined_at,
            invited_by: self.invited_by,
        }
    }
}

/// Makes a user a member: the first of a new organization, or one who was invited.
pub async fn create(
    tx: &mut PlatformTx,
    env: &Env,
    org: OrgId,
    user: UserId,
    role: &str,
    invited_by: Option<UserId>,
) -> Result<()> {
    let made = tx.execute(&INSERT_MEMBER, args![org, user, role, env.now(), invited_by]).await;
    made.map_err(|error| {
        if error.violates_unique("membership", &["tenant_id", "user_id"]) {
            Error::new(ErrorKind::Conflict, "member.exists", "You are a member of the organization already.")
        } else {
            error.into()
        }
    })?;
    Ok(())
}

/// The organizations that a user belongs to, with their role there.
pub async fn memberships_of(tx: &mut PlatformTx, user: UserId) -> Result<Vec<(OrgId, String)>> {
    Ok(tx.fetch_all(&MEMBERSHIPS_OF, args![user]).await?)
}

/// A page of the organization's members.
pub async fn list(
    tx: &mut TenantTx,
    env: &Env,
    _proof: &Authorized<ListMembers>,
    page: PageRequest,
) -> Result<Page<Member>> {
    let after = page.after.map_or(UserId::MIN, |cursor| UserId::from_uuid(cursor.id()));
    let rows: Vec<MemberRow> = tx.fetch_all(&LIST_MEMBERS, args![after, page.limit + 1]).await?;
    let now = env.now();
    Ok(Page::cut(rows, page, |row| row.id.uuid()).map(|row| row.shown(now)))
}

/// Gives a member another role.
pub async fn set_role(
    tx: &mut TenantTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<UpdateMember>,
    user: UserId,
    role: &str,
) -> Result<Member> {
    let wanted = blueprint.role(role).ok_or_else(|| no_such_role(role))?;
    tx.lock().await?;
    let before = find(tx, env, user).await?;
    ensure_not_above(proof.permissions(), &before.role, blueprint)?;
    ensure_grantable(proof.permissions(), wanted, blueprint.permissions())?;
    if before.role == role {
        return Ok(before);
    }
    ensure_not_last_owner(tx, &before).await?;
    tx.execute(&SET_ROLE, args![user, role]).await?;
    let detail = json!({ "before": before.role, "after": role });
    record(tx, env, actor, "member.role_changed", user, detail).await?;
    find(tx, env, user).await
}

/// Ends someone's membership, and that in the organization's teams.
pub async fn remove(
    tx: &mut TenantTx,
    env: &Env,
    blueprint: &Compiled,
    actor: &Actor,
    proof: &Authorized<RemoveMember>,
    user: UserId,
) -> Result<()> {
    tx.lock().await?;
    let before = find(tx, env, user).await?;
    ensure_not_above(proof.permissions(), &before.role, blueprint)?;
    end(tx, env, actor, "member.removed", &before).await
}

/// Ends one's own membership.
pub async fn leave(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<LeaveOrganization>,
    user: UserId,
) -> Result<()> {
    tx.lock().await?;
    let before = find(tx, env, user).await?;
    end(tx, env, actor, "member.left", &before).await
}

async fn end(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    member: &Member,
) -> Result<()> {
    ensure_not_last_owner(tx, member).await?;
    let user = member.user.id;
    team::leave_all(tx, user).await?;
    tx.execute(&REMOVE_MEMBER, args![user]).await?;
    record(tx, env, actor, action, user, json!({ "email": member.user.email, "role": member.role })).await
}

async fn find(tx: &mut TenantTx, env: &Env, user: UserId) -> Result<Member> {
    let row: Option<MemberRow> = tx.fetch_optional(&FIND_MEMBER, args![user]).await?;
    Ok(row.ok_or_else(|| Error::not_found("member"))?.shown(env.now()))
}

async fn ensure_not_last_owner(tx: &mut TenantTx, member: &Member) -> Result<()> {
    if member.role != OWNER {
        return Ok(());
    }
    let (owners,): (i64,) = tx.fetch_one(&MEMBERS_WITH_ROLE, args![OWNER]).await?;
    if owners > 1 {
        return Ok(());
    }
    let detail = "An organization keeps an owner; make someone else an owner first.";
    Err(Error::new(ErrorKind::Conflict, "member.last_owner", detail))
}

/// Refuses to change what is someone's who may do more than who wants to change it.
pub(crate) fn ensure_not_above(who: PermissionSet, role: &str, blueprint: &Compiled) -> Result<()> {
    // A role that the blueprint no longer has allows nothing.
    let theirs = blueprint.role(role).unwrap_or_default();
    if theirs.is_subset(who) {
        return Ok(());
    }
    let detail =
        format!("Whoever is `{role}` may do more than you; only someone who may as much can change that.");
    Err(Error::new(ErrorKind::Forbidden, "access.above_own", detail))
}

pub(crate) fn no_such_role(role: &str) -> Error {
    Error::invalid_field("/role", "unknown", format!("There is no role `{role}`."))
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    user: UserId,
    detail: serde_json::Value,
) -> Result<()> {
    let message = Message { kind: action, payload: json!({ "user": user, "facts": detail }) };
    tx.audit(env, actor, AuditEntry { action, target: user.to_string(), detail }).await?;
    tx.publish(env, &message).await?;
    Ok(())
}

/// How many places for members the organization has given away: to members, and to who is invited.
pub async fn count(tx: &mut TenantTx, now: Instant) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_MEMBERS, args![now]).await?.0)
}

/// How many members, open invitations and API keys in use an organization has.
pub async fn counts_of(
    tx: &mut PlatformTx,
    now: Instant,
    _proof: &AuthorizedOperator<ReadOrganizationOf>,
    org: OrgId,
) -> Result<(i64, i64, i64)> {
    Ok(tx.fetch_one(&PEOPLE_OF, args![org, now]).await?)
}

/// Every membership, for the request path.
pub async fn load(tx: &mut PlatformTx) -> Result<Vec<((OrgId, UserId), Arc<str>)>> {
    let rows: Vec<(OrgId, UserId, String)> = tx.fetch_all(&ALL_MEMBERS, args![]).await?;
    Ok(rows.into_iter().map(|(org, user, role)| ((org, user), role.into())).collect())
}
