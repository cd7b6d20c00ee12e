//! What is held: taken, kept and let go.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_client::{Error, LeaseRequest};
use serde_json::json;
use std::time::Duration;
use support::{Installation, Turn};

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lease_is_taken_renewed_and_let_go() {
    let installation = Installation::start().await;
    let leases = installation.client().leases("org_a");
    let request = LeaseRequest::new("concurrent_jobs").key("job-1").project("prj_1").api_key("ak_1").ttl(TTL);
    let lease = leases.acquire(&request).await.unwrap();
    assert_eq!((lease.id.as_str(), lease.limit.as_str()), ("hold_1", "concurrent_jobs"));
    assert_eq!(lease.expires_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(leases.renew(&lease.id, TTL).await.unwrap().as_deref(), Some("2026-01-01T00:01:00Z"));
    leases.release(&lease.id).await.unwrap();
    let asked = installation.kept.lock().unwrap().leases.clone();
    let body = json!({ "limit": "concurrent_jobs", "key": "job-1", "project": "prj_1", "api_key": "ak_1", "ttl_seconds": 60 });
    assert_eq!(asked[0], ("POST /v1/orgs/org_a/leases".to_owned(), body));
    assert_eq!(
        asked[1],
        ("POST /v1/orgs/org_a/leases/hold_1/renew".to_owned(), json!({ "ttl_seconds": 60 }))
    );
    assert_eq!(asked[2].0, "DELETE /v1/orgs/org_a/leases/hold_1");
}

#[tokio::test]
async fn only_what_can_not_hold_twice_is_asked_for_again() {
    let installation = Installation::start().await;
    let leases = installation.client().leases("org_a");
    installation.then([Turn::Refuse(503)]);
    let nameless = leases.acquire(&LeaseRequest::new("concurrent_jobs").ttl(TTL)).await.unwrap_err();
    assert!(nameless.is_transient());
    installation.then([Turn::Refuse(503), Turn::Refuse(503)]);
    leases.acquire(&LeaseRequest::new("concurrent_jobs").key("job-1").ttl(TTL)).await.unwrap();
    installation.then([Turn::Refuse(503), Turn::Refuse(404)]);
    leases.release("hold_1").await.unwrap();
    installation.then([Turn::Refuse(402)]);
    let full = leases.acquire(&LeaseRequest::new("databases").key("db-1")).await.unwrap_err();
    assert!(
        matches!(full, Error::Refused(problem) if (problem.status, problem.code.as_str()) == (402, "test.refused"))
    );
    installation.then([Turn::Refuse(404)]);
    assert!(leases.renew("hold_gone", TTL).await.is_err());
    assert_eq!(installation.kept.lock().unwrap().leases.len(), 1 + 3 + 2 + 1 + 1);
}
