//! API keys: made, shown once, rotated, revoked.

use crate::{
    Environment, KeyToken, LiveKey, Network, RateOverride, Scopes,
    store::{ALL_KEYS, COUNT_KEYS, FIND_KEY, INSERT_KEY, LIST_KEYS, REPLACE_KEY, REVOKE_KEY},
};
use insula_access::{Authorized, CreateKey, ListKeys, Principal, RevokeKey, RotateKey, ensure_grantable};
use insula_blueprint::{Compiled, PermissionSet};
use insula_kernel::{
    Env, Error, ErrorKind, FieldError, Instant, KeyId, Keyring, OrgId, Page, PageRequest, Result, Span,
    UserId,
};
use insula_storage::{
    PlatformTx, TenantTx, args,
    journal::{Actor, AuditEntry, Message},
    row,
};
use serde_json::json;
use std::sync::Arc;

/// The longest time that an old key stays good beside its successor.
pub const LONGEST_OVERLAP: Span = Span::from_days(30);
const MOST_SCOPES: usize = 64;
const MOST_NETWORKS: usize = 32;
/// Requests per second that a key may be given.
const FASTEST: u32 = 1_000_000;

row! {
    /// A key, as it is stored.
    #[derive(Clone, Debug)]
    pub struct KeyRow {
        /// Its id.
        pub id: KeyId,
        /// What people call it.
        pub name: String,
        /// What it is for.
        pub environment: String,
        /// What it may do, as a JSON list of names.
        pub scopes: String,
        /// Where it may be used from, as a JSON list of networks.
        pub allowed_networks: String,
        /// Its own rate.
        pub rate_per_second: Option<i64>,
        /// Its own burst.
        pub rate_burst: Option<i64>,
        /// Who made it, if it was a person.
        pub created_by: Option<UserId>,
        /// When it was made.
        pub created_at: Instant,
        /// From when on it is refused.
        pub expires_at: Option<Instant>,
        /// Since when it is revoked.
        pub revoked_at: Option<Instant>,
        /// Whose place it took.
        pub replaces: Option<KeyId>,
        /// Who took its place.
        pub replaced_by: Option<KeyId>,
    }
}

row! {
    struct RequestRow {
        org: OrgId,
        id: KeyId,
        secret_hash: Vec<u8>,
        environment: String,
        scopes: String,
        allowed_networks: String,
        rate_per_second: Option<i64>,
        rate_burst: Option<i64>,
        expires_at: Option<Instant>,
    }
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where it may be used from; anywhere if empty.
    pub networks: Vec<Network>,
    /// Its own rate.
    pub rate: Option<RateOverride>,
    /// From when on it is refused.
    pub expires_at: Option<Instant>,
}

/// A key that was just made: the only time its secret is there.
pub struct MadeKey {
    /// As it is stored.
    pub row: KeyRow,
    /// As requests need it; to be taken in once the transaction has committed.
    pub live: LiveKey,
    /// As its holder has it.
    pub token: KeyToken,
}

/// What the making of keys needs besides a transaction.
pub struct KeyMaker<'a> {
    /// Time and randomness.
    pub env: &'a Env,
    /// The server's pepper.
    pub pepper: &'a Keyring,
    /// The blueprint in force.
    pub blueprint: &'a Compiled,
    /// How many keys the organization's plan allows; `None` is unlimited.
    pub bound: Option<i64>,
}

impl NewKey {
    /// Checks the parts that a key can't have.
    pub fn check(&self, now: Instant, blueprint: &Compiled) -> Result<PermissionSet> {
        let mut wrong = Vec::new();
        let mut refuse =
            |pointer: String, code, detail: String| wrong.push(FieldError { pointer, code, detail });
        let mut wanted = PermissionSet::EMPTY;
        if self.scopes.is_empty() || self.scopes.len() > MOST_SCOPES {
            refuse("/scopes".into(), "length", format!("A key has 1 to {MOST_SCOPES} scopes."));
        }
        for (place, scope) in self.scopes.iter().enumerate() {
            match blueprint.permissions().expand(scope) {
                Some(set) => wanted = wanted.union(set),
                None => refuse(
                    format!("/scopes/{place}"),
                    "unknown",
                    format!("There is no permission `{scope}`."),
                ),
            }
        }
        if self.networks.len() > MOST_NETWORKS {
            refuse(
                "/allowed_networks".into(),
                "length",
                format!("A key has at most {MOST_NETWORKS} networks."),
            );
        }
        if self.expires_at.is_some_and(|at| at <= now) {
            refuse("/expires_at".into(), "in_the_past", "A key expires in the future, or never.".into());
        }
        if self.rate.is_some_and(|rate| {
            !(1..=FASTEST).contains(&rate.per_second) || !(1..=FASTEST).contains(&rate.burst)
        }) {
            refuse("/limits".into(), "out_of_range", format!("A rate and its burst are 1 to {FASTEST}."));
        }
        if wrong.is_empty() { Ok(wanted) } else { Err(Error::invalid(wrong)) }
    }
}

/// Makes a key. Nobody gives a key what they lack, and the plan bounds how many there are.
pub async fn create(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    actor: &Actor,
    proof: &Authorized<CreateKey>,
    new: &NewKey,
) -> Result<MadeKey> {
    let wanted = new.check(maker.env.now(), maker.blueprint)?;
    ensure_grantable(proof.permissions(), wanted, maker.blueprint.permissions())?;
    tx.lock().await?;
    if let Some(bound) = maker.bound {
        let (count,): (i64,) = tx.fetch_one(&COUNT_KEYS, args![maker.env.now()]).await?;
        if count >= bound {
            let detail =
                format!("The plan allows {bound} API keys and all are in use; revoke one, or upgrade.");
            return Err(Error::new(ErrorKind::PaymentRequired, "plan.limit_reached", detail));
        }
    }
    let made = insert(tx, maker, proof.principal(), new, None).await?;
    record(tx, maker.env, actor, "api_key.created", &made.row).await?;
    Ok(made)
}

/// Makes a key that takes another's place; both are good for the overlap.
pub async fn rotate(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    actor: &Actor,
    proof: &Authorized<RotateKey>,
    id: KeyId,
    overlap: Span,
) -> Result<(MadeKey, KeyRow)> {
    if overlap > LONGEST_OVERLAP || overlap < Span::from_secs(0) {
        let detail = format!("An overlap is 0 to {} seconds.", LONGEST_OVERLAP.ceil_secs());
        return Err(Error::invalid_field("/overlap_seconds", "out_of_range", detail));
    }
    tx.lock().await?;
    let old = find(tx, id).await?;
    let now = maker.env.now();
    if old.revoked_at.is_some() || old.replaced_by.is_some() || old.expires_at.is_some_and(|at| at <= now) {
        let detail =
            "Only a key that is in use can be rotated; this one was revoked, replaced or has expired.";
        return Err(Error::new(ErrorKind::Conflict, "api_key.not_active", detail));
    }
    let new = NewKey {
        name: old.name.clone(),
        environment: old.environment.parse().map_err(Error::internal)?,
        scopes: names(&old.scopes)?,
        networks: networks(&old.allowed_networks)?,
        rate: rate(old.rate_per_second, old.rate_burst),
        expires_at: old.expires_at,
    };
    let wanted = new.check(now, maker.blueprint)?;
    ensure_grantable(proof.permissions(), wanted, maker.blueprint.permissions())?;
    let made = insert(tx, maker, proof.principal(), &new, Some(old.id)).await?;
    let until = old.expires_at.map_or(now + overlap, |at| at.min(now + overlap));
    tx.execute(&REPLACE_KEY, args![old.id, made.row.id, until]).await?;
    record(tx, maker.env, actor, "api_key.rotated", &made.row).await?;
    let old = find(tx, old.id).await?;
    Ok((made, old))
}

/// Revokes a key, for good. What isn't there or is revoked already looks the same.
pub async fn revoke(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    _proof: &Authorized<RevokeKey>,
    id: KeyId,
) -> Result<()> {
    if tx.execute(&REVOKE_KEY, args![id, env.now()]).await? == 0 {
        return Err(Error::not_found("API key"));
    }
    let row = find(tx, id).await?;
    record(tx, env, actor, "api_key.revoked", &row).await
}

/// A page of the organization's keys, revoked ones included.
pub async fn list(
    tx: &mut TenantTx,
    _proof: &Authorized<ListKeys>,
    page: PageRequest,
) -> Result<Page<KeyRow>> {
    let after = page.after.map_or(KeyId::MIN, |cursor| KeyId::from_uuid(cursor.id()));
    let rows = tx.fetch_all(&LIST_KEYS, args![after, page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |row: &KeyRow| row.id.uuid()))
}

/// A key of the organization.
pub async fn find(tx: &mut TenantTx, id: KeyId) -> Result<KeyRow> {
    tx.fetch_optional(&FIND_KEY, args![id]).await?.ok_or_else(|| Error::not_found("API key"))
}

/// How many keys the organization has in use.
pub async fn count(tx: &mut TenantTx, now: Instant) -> Result<i64> {
    Ok(tx.fetch_one::<(i64,)>(&COUNT_KEYS, args![now]).await?.0)
}

/// Every key that is good, for the request path.
pub async fn load(tx: &mut PlatformTx, now: Instant, blueprint: &Compiled) -> Result<Vec<LiveKey>> {
    let rows: Vec<RequestRow> = tx.fetch_all(&ALL_KEYS, args![now]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(LiveKey {
                id: row.id,
                org: row.org,
                secret_hash: row
                    .secret_hash
                    .try_into()
                    .map_err(|_| Error::internal("a key's hash is cut off"))?,
                environment: row.environment.parse().map_err(Error::internal)?,
                scopes: Arc::new(Scopes::compile(names(&row.scopes)?, blueprint)),
                networks: networks(&row.allowed_networks)?.into(),
                rate: rate(row.rate_per_second, row.rate_burst),
                expires_at: row.expires_at,
            })
        })
        .collect()
}

async fn insert(
    tx: &mut TenantTx,
    maker: &KeyMaker<'_>,
    principal: Principal,
    new: &NewKey,
    replaces: Option<KeyId>,
) -> Result<MadeKey> {
    let token = KeyToken::generate(maker.env, new.environment);
    let secret_hash = token.hash(maker.pepper);
    let created_by = match principal {
        Principal::User { user, .. } | Principal::Operator { user, .. } => Some(user),
        Principal::Key { .. } => None,
    };
    let scopes = json!(new.scopes).to_string();
    let allowed = json!(new.networks.iter().map(ToString::to_string).collect::<Vec<_>>()).to_string();
    let values = args![
        token.id,
        new.name.as_str(),
        new.environment.as_str(),
        &secret_hash[..],
        scopes,
        allowed,
        new.rate.map(|rate| rate.per_second),
        new.rate.map(|rate| rate.burst),
        created_by,
        maker.env.now(),
        new.expires_at,
        replaces,
    ];
    tx.execute(&INSERT_KEY, values).await?;
    let live = LiveKey {
        id: token.id,
        org: tx.org(),
        secret_hash,
        environment: new.environment,
        scopes: Arc::new(Scopes::compile(new.scopes.iter().map(String::as_str), maker.blueprint)),
        networks: new.networks.clone().into(),
        rate: new.rate,
        expires_at: new.expires_at,
    };
    Ok(MadeKey { row: find(tx, token.id).await?, live, token })
}

async fn record(
    tx: &mut TenantTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    row: &KeyRow,
) -> Result<()> {
    let detail = json!({ "name": row.name, "environment": row.environment, "scopes": names(&row.scopes)? });
    let message = Message { kind: action, payload: json!({ "id": row.id, "name": row.name }) };
    tx.audit(env, actor, AuditEntry { action, target: row.id.to_string(), detail }).await?;
    tx.publish(env, &message).await?;
    Ok(())
}

/// The names in a stored list.
pub(crate) fn names(stored: &str) -> Result<Vec<String>> {
    serde_json::from_str(stored)
        .map_err(|error| Error::internal(format!("a stored list can't be read: {error}")))
}

fn networks(stored: &str) -> Result<Vec<Network>> {
    names(stored)?.iter().map(|text| text.parse().map_err(Error::internal)).collect()
}

fn rate(per_second: Option<i64>, burst: Option<i64>) -> Option<RateOverride> {
    let per_second = u32::try_from(per_second?).ok()?;
    let burst = burst.and_then(|burst| u32::try_from(burst).ok()).unwrap_or(per_second);
    Some(RateOverride { per_second, burst })
}
