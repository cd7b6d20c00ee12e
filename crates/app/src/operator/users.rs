//! Everyone who has an account.

use super::TAG;
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::ListUsers;
use insula_identity::{
    member,
    user::{self, User},
};
use insula_kernel::{OrgId, Page, PageRequest, Result};
use insula_storage::Store;
use insula_tenancy::Status;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) fn api() -> Api<Platform> {
    let list = endpoint!(Get "users" "listUsers" "Everyone who has an account, and where they belong" needs ListUsers)
        .query::<UsersQuery>()
        .replies::<Page<UserWithMemberships>>(200);
    Api::default().with(list, list_users)
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct UsersQuery {
    /// Part of an address or a name.
    q: Option<String>,
    /// How many items at most, 1 to 200; 50 if not said.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct UserWithMemberships {
    #[serde(flatten)]
    user: User,
    /// The organizations they belong to.
    memberships: Vec<UserMembership>,
}

#[derive(Serialize, JsonSchema)]
struct UserMembership {
    /// The organization.
    org: OrgId,
    /// What people call it.
    name: String,
    /// What addresses call it.
    slug: String,
    /// Where it stands.
    status: Status,
    /// As what.
    role: String,
}

async fn list_users(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<ListUsers>,
    Query(query): Query<UsersQuery>,
) -> Result<Json<Page<UserWithMemberships>>, Failure> {
    let page = PageRequest::new(query.limit, query.cursor.as_deref())?;
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let listed = user::list(&mut tx, &proof, query.q.as_deref().unwrap_or_default(), page).await?;
    let mut items = Vec::new();
    for user in listed.items {
        let mut memberships = Vec::new();
        for (org, role) in member::memberships_of(&mut tx, user.id).await? {
            if let Some(found) = insula_tenancy::find(&mut tx, org).await? {
                let (name, slug, status) = (found.name, found.slug, found.status);
                memberships.push(UserMembership { org, name, slug, status, role });
            }
        }
        items.push(UserWithMemberships { user, memberships });
    }
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}
