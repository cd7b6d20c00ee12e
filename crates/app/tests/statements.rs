//! Every statement of the system, on both engines, under the role that runs it.

use insula_testkit::on_both_engines;

on_both_engines! {
    async fn every_statement_prepares(store) {
        let storage = store.open().await;
        let mut wrong = Vec::new();
        for statement in insula_app::tenant_statements() {
            let text = statement.text();
            if !text.contains("$1") || !(text.contains("tenant_id") || text.contains("organization")) {
                wrong.push(format!("{} isn't bound to its tenant", statement.name()));
            }
            wrong.extend(storage.prepare(statement).await.err().map(|error| format!("{}: {error}", statement.name())));
        }
        for statement in insula_app::platform_statements() {
            wrong.extend(storage.prepare(statement).await.err().map(|error| format!("{}: {error}", statement.name())));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
