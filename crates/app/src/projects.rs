//! What happens to API keys when their project changes.

use insula_access::{ArchiveProject, Authorized};
use insula_identity::api_key;
use insula_kernel::{Env, KeyId, ProjectId, TeamId};
use insula_storage::{TenantTx, journal::Actor};
use insula_tenancy::{ProjectKeys, project::LookedUp};
use std::sync::Arc;

/// The API keys of projects, in the directory and in what requests know.
pub(crate) struct KeysOfProjects {
    pub(crate) env: Env,
    pub(crate) identity: Arc<insula_identity::Live>,
}

impl ProjectKeys for KeysOfProjects {
    fn of<'a>(&'a self, tx: &'a mut TenantTx, project: ProjectId) -> LookedUp<'a, Vec<KeyId>> {
        Box::pin(api_key::of_project(tx, project, self.env.now()))
    }

    fn revoke<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        actor: &'a Actor,
        proof: &'a Authorized<ArchiveProject>,
        keys: &'a [KeyId],
    ) -> LookedUp<'a, ()> {
        Box::pin(api_key::revoke_with_project(tx, &self.env, actor, proof, keys))
    }

    fn revoked(&self, keys: &[KeyId]) {
        for &key in keys {
            self.identity.remove_key(key);
        }
    }

    fn moved(&self, keys: &[KeyId], team: Option<TeamId>) {
        for &key in keys {
            self.identity.change_key(key, |live| live.team = team);
        }
    }
}
