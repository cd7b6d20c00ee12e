//! API keys of any organizations, revoked in an emergency.

use super::{TAG, organization};
use crate::platform::Platform;
use axum::extract::State as Extract;
use insula_access::{AuthorizedOperator, RevokeKeysEverywhere};
use insula_identity::{
    Environment,
    everywhere::{self, SelectedKey, Selection},
};
use insula_kernel::{Error, Instant, KeyId, OrgId, Result};
use insula_storage::{Store, journal::Actor};
use insula_tenancy::check_name;
use insula_web::{Api, Endpoint, Failure, Json, Method, Operator, RequestInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most keys that one request names.
const MOST_NAMED: usize = 1_000;
/// The most keys that an answer lists.
const MOST_SHOWN: usize = 1_000;
/// How many keys of an organization are revoked by one transaction, so that others get their turn in between.
const AT_ONCE: usize = 500;

pub(super) fn api() -> Api<Platform> {
    let revoke = endpoint!(Post "api-keys/revoke" "revokeKeysEverywhere" "Revoke API keys of any organizations, at once and for good" needs RevokeKeysEverywhere)
        .body::<RevokeBody>()
        .replies::<Revoked>(200);
    Api::default().with(revoke, revoke_keys_everywhere)
}

/// Which keys are to be revoked: those that are all of what is said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    /// These, by their public part or by all of it; at most 1000.
    #[serde(default)]
    keys: Vec<String>,
    /// Those of this organization, by id or address.
    org: Option<String>,
    /// Those for this environment.
    environment: Option<Environment>,
    /// Those made before this instant.
    created_before: Option<Instant>,
    /// Why; it stands in the audit log of each organization.
    reason: String,
    /// Whether only to say which keys would be revoked.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize, JsonSchema)]
struct Revoked {
    /// Whether nothing was revoked: this is what would be.
    dry_run: bool,
    /// How many keys were revoked, or would be.
    revoked: usize,
    /// Those keys, the first 1000 of them.
    keys: Vec<RevokedKey>,
    /// Of the keys that were named, those that aren't among them: unknown, no longer good, or not what else was said.
    missing: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct RevokedKey {
    /// The key.
    id: String,
    /// Whose.
    org: OrgId,
    /// What people call it.
    name: String,
    /// What it is for.
    environment: String,
    /// When it was made.
    created_at: Instant,
}

async fn revoke_keys_everywhere(
    Extract(platform): Extract<Platform>,
    Operator(proof): Operator<RevokeKeysEverywhere>,
    info: RequestInfo,
    Json(body): Json<RevokeBody>,
) -> Result<Json<Revoked>, Failure> {
    let reason = check_name(&body.reason, "/reason")?;
    let selection = selection(&platform, &body)?;
    let mut tx = platform.storage.platform_read(Store::Directory, &proof).await?;
    let mut selected = everywhere::select(&mut tx, platform.env.now(), &proof, &selection).await?;
    drop(tx);
    if !body.dry_run && !selected.is_empty() {
        let actor = info.actor(proof.principal());
        let mut tx = platform.storage.platform_write(Store::Directory, &proof).await?;
        let count = selected.len();
        everywhere::announce(&mut tx, &platform.env, &actor, &proof, &selection, count, &reason).await?;
        tx.commit().await?;
        selected = revoke(&platform, &proof, &actor, selected, &reason).await?;
    }
    let prefix = platform.blueprint.load().product().key_prefix.clone();
    let public = |id: KeyId| format!("{prefix}_{}", id.digits());
    let missing = selection.keys.iter().filter(|id| !selected.iter().any(|key| key.id == **id));
    let missing = missing.map(|id| public(*id)).collect();
    let shown = |key: SelectedKey| RevokedKey {
        id: public(key.id),
        org: key.org,
        name: key.name,
        environment: key.environment,
        created_at: key.created_at,
    };
    let revoked = selected.len();
    let keys = selected.into_iter().take(MOST_SHOWN).map(shown).collect();
    Ok(Json(Revoked { dry_run: body.dry_run, revoked, keys, missing }))
}

fn selection(platform: &Platform, body: &RevokeBody) -> Result<Selection> {
    if body.keys.len() > MOST_NAMED {
        let detail = format!("Name at most {MOST_NAMED} keys.");
        return Err(Error::invalid_field("/keys", "out_of_range", detail));
    }
    let prefix = platform.blueprint.load().product().key_prefix.clone();
    let named = body.keys.iter().enumerate();
    let named = named.map(|(place, text)| everywhere::named(text, &prefix, &format!("/keys/{place}")));
    let unknown = |_| Error::invalid_field("/org", "unknown", "There is no such organization.");
    let selection = Selection {
        keys: named.collect::<Result<_>>()?,
        org: body.org.as_deref().map(|org| organization(platform, org).map_err(unknown)).transpose()?,
        environment: body.environment,
        made_before: body.created_before,
    };
    if selection.is_empty() {
        let detail = "Say which keys: name some, or an organization, an environment, or when they were made.";
        return Err(Error::invalid_field("/keys", "required", detail));
    }
    Ok(selection)
}

/// Revokes these keys, one organization after the other: what is done is done, whatever happens to the rest. Says which
/// were revoked by this and not by someone else meanwhile.
async fn revoke(
    platform: &Platform,
    proof: &AuthorizedOperator<RevokeKeysEverywhere>,
    actor: &Actor,
    selected: Vec<SelectedKey>,
    reason: &str,
) -> Result<Vec<SelectedKey>> {
    let mut revoked = Vec::new();
    for keys in selected.chunk_by(|one, next| one.org == next.org).flat_map(|keys| keys.chunks(AT_ONCE)) {
        let Some(first) = keys.first() else { continue };
        let _turn = platform.organizations.turn(first.org).await;
        let mut tx = platform.storage.platform_write(Store::Directory, proof).await?;
        let before = revoked.len();
        for key in keys {
            if everywhere::revoke(&mut tx, &platform.env, actor, proof, key, reason).await? {
                revoked.push(key.clone());
            }
        }
        tx.commit().await?;
        for key in &revoked[before..] {
            platform.identity.remove_key(key.id);
        }
    }
    Ok(revoked)
}
