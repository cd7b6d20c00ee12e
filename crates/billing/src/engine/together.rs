//! Several subscriptions moved on in one transaction: what is asked of each, and written of each in the end, is asked and
//! written of all at once.

use super::{Catalogue, Engine, Waiting};
use crate::{
    account::{Account, AccountRow},
    store::{INVOICES_WAITING, LOCK_SUBSCRIPTIONS, SAVE_SUBSCRIPTIONS},
};
use insula_blueprint::Compiled;
use insula_kernel::{Env, OrgId, Result};
use insula_storage::{PlatformTx, Value, args, journal::Message};
use std::collections::HashMap;

/// What is left to be written when each of them is done.
#[derive(Default)]
pub(super) struct Together {
    subscriptions: Vec<Value>,
    messages: Vec<(OrgId, Message)>,
}

impl Together {
    pub(super) fn save(&mut self, subscription: Vec<Value>) {
        self.subscriptions.extend(subscription);
    }

    pub(super) fn publish(&mut self, org: OrgId, message: Message) {
        self.messages.push((org, message));
    }

    async fn write(self, tx: &mut PlatformTx, env: &Env) -> Result<()> {
        tx.execute_rows(&SAVE_SUBSCRIPTIONS, self.subscriptions).await?;
        tx.publish_all(env, &self.messages).await?;
        Ok(())
    }
}

/// Does everything whose time has come for these organizations, the longest waiting first. Says which may be entitled to
/// something else now.
pub(crate) async fn run_all(
    tx: &mut PlatformTx,
    env: &Env,
    blueprint: &Compiled,
    catalogue: &mut Catalogue,
    orgs: &[OrgId],
) -> Result<Vec<OrgId>> {
    let wanted = || orgs.iter().flat_map(|org| args![*org]).collect();
    // All are taken before anything that one shares with others, such as a series of numbers: so nobody waits in a circle.
    let accounts: Vec<AccountRow> = tx.fetch_rows(&LOCK_SUBSCRIPTIONS, wanted()).await?;
    let mut waiting: HashMap<OrgId, Vec<Waiting>> = HashMap::new();
    for invoice in tx.fetch_rows::<Waiting>(&INVOICES_WAITING, wanted()).await? {
        waiting.entry(invoice.org).or_default().push(invoice);
    }
    let entitles =
        |account: &Account| (account.config.clone(), account.anchor.clone(), account.status.service());
    let mut together = Together::default();
    let mut otherwise = Vec::new();
    for account in accounts {
        let account = Account::try_from(account)?;
        let before = entitles(&account);
        let mut engine = Engine {
            waiting: Some(waiting.remove(&account.org).unwrap_or_default()),
            together: Some(&mut together),
            ..Engine::of(tx, env, blueprint, catalogue, account)
        };
        let now = engine.now();
        engine.run(now).await?;
        if entitles(&engine.account) != before {
            otherwise.push(engine.account.org);
        }
    }
    together.write(tx, env).await?;
    Ok(otherwise)
}
