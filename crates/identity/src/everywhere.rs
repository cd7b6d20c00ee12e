//! API keys of all organizations, for the operator in an emergency.

use crate::{
    Environment,
    store::{KEY_TO_REVOKE, KEYS_TO_REVOKE, REVOKE_KEY_OF},
};
use insula_access::{AuthorizedOperator, RevokeKeysEverywhere};
use insula_kernel::{Env, Error, Instant, KeyId, OrgId, Result};
use insula_storage::{
    PlatformTx, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use serde_json::json;

/// Which keys are meant: those that are all of what is said.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// These, if any are named.
    pub keys: Vec<KeyId>,
    /// Those of this organization.
    pub org: Option<OrgId>,
    /// Those for this environment.
    pub environment: Option<Environment>,
    /// Those made before this instant.
    pub made_before: Option<Instant>,
}

row! {
    /// A key that a selection means.
    #[derive(Clone, Debug)]
    pub struct SelectedKey {
        /// Whose.
        pub org: OrgId,
        /// Which.
        pub id: KeyId,
        /// What people call it.
        pub name: String,
        /// What it is for.
        pub environment: String,
        /// When it was made.
        pub created_at: Instant,
    }
}

impl Selection {
    /// Whether nothing is said, which would mean every key there is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.org.is_none() && self.environment.is_none() && self.made_before.is_none()
    }

    fn means(&self, key: &SelectedKey) -> bool {
        self.org.is_none_or(|org| key.org == org)
            && self.environment.is_none_or(|environment| key.environment == environment.as_str())
            && self.made_before.is_none_or(|made| key.created_at < made)
    }
}

/// The keys that a selection means, of those that are good; those of an organization next to each other.
pub async fn select(
    tx: &mut PlatformTx,
    now: Instant,
    _proof: &AuthorizedOperator<RevokeKeysEverywhere>,
    selection: &Selection,
) -> Result<Vec<SelectedKey>> {
    if selection.keys.is_empty() {
        let Selection { org, environment, made_before, .. } = selection;
        let values = args![*org, environment.map(Environment::as_str), *made_before, now];
        return Ok(tx.fetch_all(&KEYS_TO_REVOKE, values).await?);
    }
    let mut named = selection.keys.clone();
    named.sort_unstable();
    named.dedup();
    let mut found = Vec::new();
    for id in named {
        let key: Option<SelectedKey> = tx.fetch_optional(&KEY_TO_REVOKE, args![id, now]).await?;
        found.extend(key.filter(|key| selection.means(key)));
    }
    found.sort_unstable_by_key(|key| (key.org, key.id));
    Ok(found)
}

/// Notes what is about to be revoked, by whom and why, where the operator's own acts stand.
pub async fn announce(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<RevokeKeysEverywhere>,
    selection: &Selection,
    count: usize,
    reason: &str,
) -> Result<()> {
    let detail = json!({
        "keys": selection.keys,
        "org": selection.org,
        "environment": selection.environment,
        "created_before": selection.made_before,
        "count": count,
        "reason": reason,
    });
    let entry = AuditEntry { action: "api_keys.revoked_everywhere", target: "api_keys".to_owned(), detail };
    Ok(tx.audit_platform(env, actor, entry).await?)
}

/// Revokes a key, for good; false if it was revoked meanwhile.
pub async fn revoke(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<RevokeKeysEverywhere>,
    key: &SelectedKey,
    reason: &str,
) -> Result<bool> {
    if tx.execute(&REVOKE_KEY_OF, args![key.id, env.now()]).await? == 0 {
        return Ok(false);
    }
    let action = "api_key.revoked";
    let detail = json!({ "name": key.name, "environment": key.environment, "reason": reason });
    let entry = AuditEntry { action, target: key.id.to_string(), detail };
    tx.audit(env, key.org, actor, entry).await?;
    let payload = json!({ "id": key.id, "name": key.name });
    tx.publish(env, key.org, &Message { kind: action, payload }).await?;
    Ok(true)
}

/// The key that a text names: by its public part, or by all of it, of which nothing else is looked at.
pub fn named(text: &str, prefix: &str, pointer: &str) -> Result<KeyId> {
    let text = text.trim();
    let whole = || crate::KeyToken::parse(text, prefix).ok().map(|token| token.id);
    crate::KeyToken::public_id(text, prefix).or_else(whole).ok_or_else(|| {
        let detail = format!("A key is named by its public part, such as `{prefix}_01m7…`, or by all of it.");
        Error::invalid_field(pointer, "malformed", detail)
    })
}
