//! What commits together with a change: its audit entry, the messages it sends, the work it leaves for later.
//!
//! Every store has the same four tables (`audit`, `outbox`, `inbox`, `due`). A message leaves an outbox at least once;
//! whoever receives it writes its id into its own inbox in the transaction that acts on it, so it acts once.

use crate::{PlatformTx, StoreResult, TenantTx, Value, args, row, statements};
use insula_kernel::{AuditId, DueId, Env, Instant, MessageId, OrgId, RequestId};
use serde_json::Value as Json;

/// Who acted, from where, in which request: the same for every entry that a request makes.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who: `user:usr_…`, `key:…`, `operator:usr_…`, `worker:…`.
    pub name: String,
    /// The network address the request came from.
    pub address: Option<String>,
    /// The request.
    pub request: Option<RequestId>,
}

/// One act, as the audit log keeps it.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// What was done: `api_key.created`.
    pub action: &'static str,
    /// To what: an id.
    pub target: String,
    /// What changed, and how.
    pub detail: Json,
}

/// A message to other stores and to the outside.
#[derive(Clone, Debug)]
pub struct Message {
    /// What happened: `organization.created`.
    pub kind: &'static str,
    /// The facts.
    pub payload: Json,
}

row! {
    /// A message that waits to be delivered.
    #[derive(Clone, Debug)]
    pub struct PendingMessage {
        /// Whose.
        pub org: OrgId,
        /// The message's id, for the receiver's inbox.
        pub id: MessageId,
        /// What happened.
        pub kind: String,
        /// The facts, as JSON.
        pub payload: String,
    }
}

row! {
    /// Work whose time has come.
    #[derive(Clone, Debug)]
    pub struct DueWork {
        /// Whose.
        pub org: OrgId,
        /// Its id.
        pub id: DueId,
        /// What is to be done.
        pub kind: String,
        /// With what, as JSON.
        pub payload: String,
    }
}

statements! {
    catalogue JOURNAL_TENANT_STATEMENTS of Tenant;
    Every AUDIT(tenant: Id, id: Id, at: Int, actor: Text, action: Text, target: Text, detail: Text, address: Text, request: Id) =
        "INSERT INTO audit (tenant_id, id, at, actor, action, target, detail, address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    Every PUBLISH(tenant: Id, id: Id, at: Int, kind: Text, payload: Text) =
        "INSERT INTO outbox (tenant_id, id, at, kind, payload) VALUES ($1, $2, $3, $4, $5)";
}

statements! {
    catalogue JOURNAL_PLATFORM_STATEMENTS of Platform;
    Every AUDIT_FOR(tenant: Id, id: Id, at: Int, actor: Text, action: Text, target: Text, detail: Text, address: Text, request: Id) =
        "INSERT INTO audit (tenant_id, id, at, actor, action, target, detail, address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    Directory AUDIT_PLATFORM(id: Id, at: Int, actor: Text, action: Text, target: Text, detail: Text, address: Text, request: Id) =
        "INSERT INTO platform_audit (id, at, actor, action, target, detail, address, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    Every PUBLISH_FOR(tenant: Id, id: Id, at: Int, kind: Text, payload: Text) =
        "INSERT INTO outbox (tenant_id, id, at, kind, payload) VALUES {rows}";
    Every PENDING(limit: Int) =
        "SELECT tenant_id, id, kind, payload FROM outbox WHERE delivered_at IS NULL ORDER BY id LIMIT $1";
    Every BACKLOG() = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL";
    Every DELIVERED(id: Id, at: Int) = "UPDATE outbox SET delivered_at = $2 WHERE id = $1";
    Every RECEIVE(tenant: Id, message: Id, at: Int) =
        "INSERT INTO inbox (tenant_id, message_id, received_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, message_id) DO NOTHING";
    Every SCHEDULE(tenant: Id, id: Id, kind: Text, payload: Text, due_at: Int) =
        "INSERT INTO due (tenant_id, id, kind, payload, due_at, attempts) VALUES ($1, $2, $3, $4, $5, 0)";
    Every DUE(now: Int, limit: Int) =
        "SELECT tenant_id, id, kind, payload FROM due WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2";
    Every DONE(id: Id) = "DELETE FROM due WHERE id = $1";
    Every POSTPONE(id: Id, due_at: Int, error: Text) =
        "UPDATE due SET due_at = $2, attempts = attempts + 1, last_error = $3 WHERE id = $1";
}

fn audit_values(env: &Env, actor: &Actor, entry: AuditEntry) -> Vec<Value> {
    let AuditEntry { action, target, detail } = entry;
    args![
        AuditId::generate(env),
        env.now(),
        actor.name.as_str(),
        action,
        target,
        detail.to_string(),
        actor.address.clone(),
        actor.request
    ]
}

fn message_values(env: &Env, message: &Message) -> Vec<Value> {
    args![MessageId::generate(env), env.now(), message.kind, message.payload.to_string()]
}

fn of_org(org: OrgId, mut rest: Vec<Value>) -> Vec<Value> {
    rest.insert(0, org.into());
    rest
}

impl TenantTx {
    /// Writes what was done into the organization's audit log.
    pub async fn audit(&mut self, env: &Env, actor: &Actor, entry: AuditEntry) -> StoreResult<()> {
        self.execute(&AUDIT, audit_values(env, actor, entry)).await.map(drop)
    }

    /// Sends a message, if and when the transaction commits.
    pub async fn publish(&mut self, env: &Env, message: &Message) -> StoreResult<()> {
        self.execute(&PUBLISH, message_values(env, message)).await.map(drop)
    }
}

impl PlatformTx {
    /// Writes what was done in an organization into its audit log.
    pub async fn audit(
        &mut self,
        env: &Env,
        org: OrgId,
        actor: &Actor,
        entry: AuditEntry,
    ) -> StoreResult<()> {
        self.execute(&AUDIT_FOR, of_org(org, audit_values(env, actor, entry))).await.map(drop)
    }

    /// Writes what an operator or the platform itself did, outside of any organization.
    pub async fn audit_platform(&mut self, env: &Env, actor: &Actor, entry: AuditEntry) -> StoreResult<()> {
        self.execute(&AUDIT_PLATFORM, audit_values(env, actor, entry)).await.map(drop)
    }

    /// Sends a message of an organization, if and when the transaction commits.
    pub async fn publish(&mut self, env: &Env, org: OrgId, message: &Message) -> StoreResult<()> {
        self.execute_rows(&PUBLISH_FOR, of_org(org, message_values(env, message))).await.map(drop)
    }

    /// Sends messages of several organizations at once, in this order.
    pub async fn publish_all(&mut self, env: &Env, messages: &[(OrgId, Message)]) -> StoreResult<()> {
        let rows = messages.iter().flat_map(|(org, message)| of_org(*org, message_values(env, message)));
        self.execute_rows(&PUBLISH_FOR, rows.collect()).await.map(drop)
    }

    /// The oldest messages that wait to be delivered.
    pub async fn pending(&mut self, limit: u32) -> StoreResult<Vec<PendingMessage>> {
        self.fetch_all(&PENDING, args![limit]).await
    }

    /// How many messages wait to be delivered.
    pub async fn backlog(&mut self) -> StoreResult<i64> {
        Ok(self.fetch_one::<(i64,)>(&BACKLOG, args![]).await?.0)
    }

    /// Notes that a message was delivered.
    pub async fn delivered(&mut self, message: MessageId, now: Instant) -> StoreResult<()> {
        self.execute(&DELIVERED, args![message, now]).await.map(drop)
    }

    /// Notes that a message has arrived; false if it had before, and must not be acted on again.
    pub async fn receive(&mut self, message: &PendingMessage, now: Instant) -> StoreResult<bool> {
        Ok(self.execute(&RECEIVE, args![message.org, message.id, now]).await? == 1)
    }

    /// Leaves work for later.
    pub async fn schedule(
        &mut self,
        env: &Env,
        org: OrgId,
        work: &Message,
        at: Instant,
    ) -> StoreResult<DueId> {
        let id = DueId::generate(env);
        self.execute(&SCHEDULE, args![org, id, work.kind, work.payload.to_string(), at]).await?;
        Ok(id)
    }

    /// Work whose time has come, the earliest first.
    pub async fn due(&mut self, now: Instant, limit: u32) -> StoreResult<Vec<DueWork>> {
        self.fetch_all(&DUE, args![now, limit]).await
    }

    /// Takes work off the list.
    pub async fn done(&mut self, work: DueId) -> StoreResult<()> {
        self.execute(&DONE, args![work]).await.map(drop)
    }

    /// Puts work that failed back on the list, for later.
    pub async fn postpone(&mut self, work: DueId, until: Instant, error: &str) -> StoreResult<()> {
        self.execute(&POSTPONE, args![work, until, error]).await.map(drop)
    }
}
