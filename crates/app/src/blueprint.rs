//! Puts a version of the blueprint in force: kept in the ledger, then known to requests.

use crate::platform::Platform;
use insula_access::{ApplyBlueprint, AuthorizedOperator};
use insula_billing::{AppliedBlueprint, subscription};
use insula_blueprint::Compiled;
use insula_kernel::Result;
use insula_storage::{
    Store, Worker,
    journal::{Actor, AuditEntry},
};
use serde_json::json;
use std::sync::Arc;

/// Applies a blueprint while requests are served: each request is decided with one version, the old or the new.
pub(crate) async fn apply(
    platform: &Platform,
    proof: &AuthorizedOperator<ApplyBlueprint>,
    compiled: Compiled,
    source: &str,
    actor: &Actor,
) -> Result<AppliedBlueprint> {
    let _turn = platform.applying.lock().await;
    let mut tx = platform.storage.platform_write(Store::Ledger, proof).await?;
    let applied =
        insula_billing::apply_blueprint(&mut tx, &platform.env, source, &compiled, &actor.name).await?;
    tx.commit().await?;
    if applied.changed {
        let mut tx = platform.storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
        let entitlements = subscription::entitlements(&mut tx, &compiled).await?;
        drop(tx);
        let number = u32::try_from(applied.number).unwrap_or(u32::MAX);
        platform.gate.replace_blueprint(compiled.clone(), number, |_| entitlements);
        platform.blueprint.store(Arc::new(compiled));
        let mut tx = platform.storage.platform_write(Store::Directory, proof).await?;
        let detail = json!({ "version": applied.number });
        let entry = AuditEntry { action: "blueprint.applied", target: applied.number.to_string(), detail };
        tx.audit_platform(&platform.env, actor, entry).await?;
        tx.commit().await?;
    }
    Ok(applied)
}
