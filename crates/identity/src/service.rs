//! What upstreams of the blueprint authenticate with, to report usage: made, shown once, revoked.

use crate::{
    LiveService, ServiceToken,
    store::{ALL_SERVICES, FIND_SERVICE, INSERT_SERVICE, LIST_SERVICES, REVOKE_SERVICE},
};
use insula_access::{AuthorizedOperator, CreateService, ListServices, RevokeService};
use insula_blueprint::Compiled;
use insula_kernel::{Env, Error, Instant, Keyring, Page, PageRequest, Result, ServiceId};
use insula_storage::{
    PlatformTx, args,
    journal::{Actor, AuditEntry},
    row,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

row! {
    /// The credential of an upstream, without its secret.
    #[derive(Clone, Debug, Serialize, JsonSchema)]
    pub struct Service {
        /// Its id.
        pub id: ServiceId,
        /// The upstream of the blueprint that it is for.
        pub upstream: String,
        /// Since when it exists.
        pub created_at: Instant,
        /// Since when it is revoked.
        pub revoked_at: Option<Instant>,
    }
}

/// A credential that was just made: the only time its secret is there.
pub struct MadeService {
    /// As it is stored.
    pub service: Service,
    /// As requests need it; to be taken in once the transaction has committed.
    pub live: LiveService,
    /// As its holder has it.
    pub token: ServiceToken,
}

/// Issues a credential for an upstream of the blueprint. It may have several: the next is issued before the last is
/// revoked.
pub async fn create(
    tx: &mut PlatformTx,
    env: &Env,
    pepper: &Keyring,
    blueprint: &Compiled,
    actor: &Actor,
    _proof: &AuthorizedOperator<CreateService>,
    upstream: &str,
) -> Result<MadeService> {
    if !blueprint.upstreams().iter().any(|declared| declared.name == upstream) {
        let detail = format!("The blueprint has no upstream `{upstream}`.");
        return Err(Error::invalid_field("/upstream", "unknown", detail));
    }
    let token = ServiceToken::generate(env);
    let secret_hash = token.hash(pepper);
    let values = args![token.id, upstream, &secret_hash[..], actor.name.as_str(), env.now()];
    tx.execute(&INSERT_SERVICE, values).await?;
    record(tx, env, actor, "service.created", token.id, upstream).await?;
    let live = LiveService { id: token.id, upstream: upstream.into(), secret_hash };
    Ok(MadeService { service: tx.fetch_one(&FIND_SERVICE, args![token.id]).await?, live, token })
}

/// Revokes a credential, for good. What isn't there or is revoked already looks the same.
pub async fn revoke(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    _proof: &AuthorizedOperator<RevokeService>,
    id: ServiceId,
) -> Result<()> {
    if tx.execute(&REVOKE_SERVICE, args![id, env.now()]).await? == 0 {
        return Err(Error::not_found("service"));
    }
    let revoked: Service = tx.fetch_one(&FIND_SERVICE, args![id]).await?;
    record(tx, env, actor, "service.revoked", id, &revoked.upstream).await
}

/// A page of all credentials of upstreams, revoked ones included.
pub async fn list(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ListServices>,
    page: PageRequest,
) -> Result<Page<Service>> {
    let after = page.after.map_or(ServiceId::MIN, |cursor| ServiceId::from_uuid(cursor.id()));
    let rows = tx.fetch_all(&LIST_SERVICES, args![after, page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |service: &Service| service.id.uuid()))
}

/// Every credential that is good, for the request path.
pub async fn load(tx: &mut PlatformTx) -> Result<Vec<LiveService>> {
    let rows: Vec<(ServiceId, String, Vec<u8>)> = tx.fetch_all(&ALL_SERVICES, args![]).await?;
    rows.into_iter()
        .map(|(id, upstream, hash)| {
            let secret_hash = hash.try_into().map_err(|_| Error::internal("a service's hash is cut off"))?;
            Ok(LiveService { id, upstream: upstream.into(), secret_hash })
        })
        .collect()
}

async fn record(
    tx: &mut PlatformTx,
    env: &Env,
    actor: &Actor,
    action: &'static str,
    id: ServiceId,
    upstream: &str,
) -> Result<()> {
    let entry = AuditEntry { action, target: id.to_string(), detail: json!({ "upstream": upstream }) };
    Ok(tx.audit_platform(env, actor, entry).await?)
}
