//! What every store promises, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_kernel::{Env, Instant, OrgId, PlatformScope, Scope};
use insula_storage::{
    STORAGE_STATEMENTS, STORAGE_TENANT_STATEMENTS, Storage, Store, Worker, args,
    journal::{
        Actor, AuditEntry, JOURNAL_PLATFORM_STATEMENTS, JOURNAL_TENANT_STATEMENTS, Message, PendingMessage,
    },
    statements,
};
use insula_testkit::on_both_engines;
use serde_json::json;

statements! {
    catalogue TENANT_PROBES of Tenant;
    Directory COUNT_AUDIT(tenant: Id) = "SELECT count(*) FROM audit WHERE tenant_id = $1";
    Directory COUNT_ALL_AUDIT(tenant: Id) = "SELECT count(*) FROM audit WHERE $1 = $1";
}

struct Member(OrgId);

impl Scope for Member {
    fn organization(&self) -> OrgId {
        self.0
    }
}

fn actor() -> Actor {
    Actor { name: "user:test".into(), address: None, request: None }
}

fn entry() -> AuditEntry {
    AuditEntry { action: "thing.done", target: "thing".into(), detail: json!({}) }
}

async fn audited(storage: &Storage, org: OrgId) -> i64 {
    let mut tx = storage.read(Store::Directory, &Member(org)).await.unwrap();
    tx.fetch_one::<(i64,)>(&COUNT_AUDIT, args![]).await.unwrap().0
}

on_both_engines! {
    async fn every_statement_of_the_journal_prepares(store) {
        let storage = store.open().await;
        for statement in JOURNAL_TENANT_STATEMENTS.iter().chain(STORAGE_TENANT_STATEMENTS).chain(TENANT_PROBES) {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
        for statement in JOURNAL_PLATFORM_STATEMENTS.iter().chain(STORAGE_STATEMENTS) {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
    }

    async fn what_is_not_committed_leaves_no_trace(store) {
        let (storage, env) = (store.open().await, Env::system());
        let org = OrgId::generate(&env);
        let mut tx = storage.write(Store::Directory, &Member(org)).await.unwrap();
        tx.audit(&env, &actor(), entry()).await.unwrap();
        drop(tx);
        assert_eq!(audited(&storage, org).await, 0);
        let mut tx = storage.write(Store::Directory, &Member(org)).await.unwrap();
        tx.audit(&env, &actor(), entry()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(audited(&storage, org).await, 1);
    }

    async fn a_message_is_received_once_however_often_it_is_delivered(store) {
        let (storage, env) = (store.open().await, Env::system());
        let org = OrgId::generate(&env);
        let mut tx = storage.platform_write(Store::Directory, &Worker::SignUp).await.unwrap();
        tx.publish(&env, org, &Message { kind: "thing.happened", payload: json!({ "n": 1 }) }).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = storage.platform_write(Store::Directory, &Worker::Relay).await.unwrap();
        let pending: Vec<PendingMessage> = tx.pending(10).await.unwrap();
        assert_eq!((pending.len(), pending[0].kind.as_str()), (1, "thing.happened"));
        let mut ledger = storage.platform_write(Store::Ledger, &Worker::Relay).await.unwrap();
        assert!(ledger.receive(&pending[0], env.now()).await.unwrap());
        assert!(!ledger.receive(&pending[0], env.now()).await.unwrap());
        ledger.commit().await.unwrap();
        tx.delivered(pending[0].id, env.now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = storage.platform_read(Store::Directory, &Worker::Relay).await.unwrap();
        assert!(tx.pending(10).await.unwrap().is_empty());
    }

    async fn due_work_comes_up_when_its_time_has_come(store) {
        let (storage, env) = (store.open().await, Env::system());
        let org = OrgId::generate(&env);
        let at = Instant::from_secs(1_000);
        let mut tx = storage.platform_write(Store::Directory, &Worker::SignUp).await.unwrap();
        let work = tx.schedule(&env, org, &Message { kind: "sweep", payload: json!({}) }, at).await.unwrap();
        assert!(tx.due(Instant::from_secs(999), 10).await.unwrap().is_empty());
        let due = tx.due(at, 10).await.unwrap();
        assert_eq!((due.len(), due[0].id, due[0].org), (1, work, org));
        tx.done(work).await.unwrap();
        assert!(tx.due(at, 10).await.unwrap().is_empty());
    }

    async fn a_statement_runs_only_in_its_own_store(store) {
        let (storage, env) = (store.open().await, Env::system());
        let mut tx = storage.read(Store::Ledger, &Member(OrgId::generate(&env))).await.unwrap();
        let refused = tx.fetch_one::<(i64,)>(&COUNT_AUDIT, args![]).await.unwrap_err();
        assert!(refused.to_string().contains("doesn't run in the ledger store"), "{refused}");
    }

    async fn tenant_stores_are_made_listed_and_removed(store) {
        let (storage, env) = (store.open().await, Env::system());
        let (one, two) = (OrgId::generate(&env), OrgId::generate(&env));
        let stores = storage.tenant_stores(&Worker::SignUp);
        for org in [one, two, two] {
            stores.create(org, env.now()).await.unwrap();
        }
        let mut listed = stores.list().await.unwrap();
        listed.sort();
        let mut expected = vec![one, two];
        expected.sort();
        assert_eq!(listed, expected);
        stores.remove(one).await.unwrap();
        assert_eq!(stores.list().await.unwrap(), [two]);
    }

    async fn a_store_goes_on_where_it_was_when_opened_again(store) {
        let env = Env::system();
        let org = OrgId::generate(&env);
        let storage = store.open().await;
        let mut tx = storage.write(Store::Directory, &Member(org)).await.unwrap();
        tx.audit(&env, &actor(), entry()).await.unwrap();
        tx.commit().await.unwrap();
        storage.close().await;
        drop(storage);
        assert_eq!(audited(&store.open().await, org).await, 1);
    }
}

mod on_postgres_only {
    use super::*;
    use insula_storage::Engine;
    use insula_testkit::{Kind, TestStore};

    async fn refusal(change: &str, undo: &str) -> String {
        let store = TestStore::new(Kind::Postgres).await;
        let database = store.database().unwrap();
        let mut admin = database.connect("postgres").await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&mut admin).await.unwrap();
        let outcome = Storage::open(&Engine::Postgres(database.urls())).await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(undo)).execute(&mut admin).await.unwrap();
        outcome.err().map_or_else(|| "opened".into(), |error| error.to_string())
    }

    #[tokio::test]
    async fn row_level_security_holds_without_a_filter_in_the_statement() {
        let store = TestStore::new(Kind::Postgres).await;
        let (storage, env) = (store.open().await, Env::system());
        let (one, two) = (OrgId::generate(&env), OrgId::generate(&env));
        for org in [one, two, two] {
            let mut tx = storage.write(Store::Directory, &Member(org)).await.unwrap();
            tx.audit(&env, &actor(), entry()).await.unwrap();
            tx.commit().await.unwrap();
        }
        for (org, own) in [(one, 1), (two, 2), (OrgId::generate(&env), 0)] {
            let mut tx = storage.read(Store::Directory, &Member(org)).await.unwrap();
            assert_eq!(tx.fetch_one::<(i64,)>(&COUNT_ALL_AUDIT, args![]).await.unwrap().0, own);
        }
    }

    #[tokio::test]
    async fn a_table_without_row_level_security_stops_the_start() {
        for change in [
            "ALTER TABLE directory.api_key DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE directory.api_key NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY api_key_tenant ON directory.api_key",
            "CREATE POLICY wide ON directory.api_key TO insula_tenant USING (true)",
            "ALTER TABLE directory.api_key OWNER TO insula_tenant",
        ] {
            let why = refusal(change, "SELECT 1").await;
            assert!(why.contains("row-level security of directory.api_key"), "{change}: {why}");
        }
    }

    #[tokio::test]
    async fn a_side_door_stops_the_start() {
        for change in [
            "CREATE VIEW directory.door AS SELECT * FROM directory.api_key",
            "CREATE TABLE ledger.door (tenant_id UUID)",
        ] {
            let why = refusal(change, "SELECT 1").await;
            assert!(why.contains(".door stands outside row-level security"), "{change}: {why}");
        }
    }

    #[tokio::test]
    async fn a_second_node_on_the_same_database_is_refused() {
        let store = TestStore::new(Kind::Postgres).await;
        let first = store.open().await;
        let second = Storage::open(&store.engine()).await.err().map(|error| error.to_string());
        assert!(second.unwrap().contains("another node is running"));
        drop(first);
    }

    #[tokio::test]
    async fn a_worker_says_who_it_is() {
        assert_eq!(Worker::Relay.authority(), "worker:relay");
    }
}
