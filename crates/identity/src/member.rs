//! Members: which users belong to which organizations, and as what.

use crate::store::{ALL_MEMBERS, COUNT_MEMBERS, INSERT_MEMBER, LIST_MEMBERS, MEMBERSHIPS_OF};
use insula_access::{Authorized, ListMembers};
use insula_kernel::{Env, Instant, OrgId, Page, PageRequest, Result, UserId};
use insula_storage::{PlatformTx, TenantTx, args, row};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

row! {
    struct MemberRow {
        id: UserId,
        email: String,
        display_name: String,
        role: String,
        joined_at: Instant,
    }
}

/// A member of an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Member {
    /// Who.
    pub user: MemberUser,
    /// As what.
    pub role: String,
    /// Since when.
    pub joined_at: Instant,
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

/// Makes a user a member, as the first of a new organization.
pub async fn create(tx: &mut PlatformTx, env: &Env, org: OrgId, user: UserId, role: &str) -> Result<()> {
    tx.execute(&INSERT_MEMBER, args![org, user, role, env.now()]).await?;
    Ok(())
}

/// The organizations that a user belongs to, with their role there.
pub async fn memberships_of(tx: &mut PlatformTx, user: UserId) -> Result<Vec<(OrgId, String)>> {
    Ok(tx.fetch_all(&MEMBERSHIPS_OF, args![user]).await?)
}

/// A page of the organization's members.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ListMembers>,
    page: PageRequest,
) -> Result<Page<Member>> {
    let after = page.after.map_or(UserId::MIN, |cursor| UserId::from_uuid(cursor.id()));
    let rows: Vec<MemberRow> = tx.fetch_all(&LIST_MEMBERS, args![after, page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |row| row.id.uuid()).map(|row| Member {
        user: MemberUser { id: row.id, email: row.email, display_name: row.display_name },
        role: row.role,
        joined_at: row.joined_at,
    }))
}

/// How many members the organization has.
pub async fn count(tx: &mut TenantTx) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_MEMBERS, args![]).await?.0)
}

/// Every membership, for the request path.
pub async fn load(tx: &mut PlatformTx) -> Result<Vec<((OrgId, UserId), Arc<str>)>> {
    let rows: Vec<(OrgId, UserId, String)> = tx.fetch_all(&ALL_MEMBERS, args![]).await?;
    Ok(rows.into_iter().map(|(org, user, role)| ((org, user), role.into())).collect())
}
