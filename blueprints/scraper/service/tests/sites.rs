//! What sites are promised, and what their pages can do to us: nothing.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, unreachable_pub, reason = "each test uses what it needs")]
mod support;

use serde_json::json;
use std::time::{Duration, Instant};
use support::World;

const QUICK: [&str; 4] = ["--pause-ms", "0", "--allow-networks", "127.0.0.0/8"];

#[tokio::test]
async fn what_a_robots_txt_forbids_is_never_fetched() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let id = acme.submit("/internal/prices").await;
    let job = acme.ended(&id).await;
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!("robots.disallowed")));
    // What it took to learn that counts.
    assert_eq!(job["usage"]["requests"], 1);
    let id = acme.submit("/internal/press").await;
    assert_eq!(acme.ended(&id).await["status"], "succeeded");
    let visits = world.visits().await;
    assert_eq!(visits.get("/internal/prices"), None);
    assert_eq!((visits["/robots.txt"], visits["/internal/press"]), (1, 1));
}

#[tokio::test]
async fn pages_that_are_no_good_fail_their_job_with_the_reason() {
    let world =
        World::start(&["--pause-ms", "0", "--allow-networks", "127.0.0.1", "--page-bytes", "1000000"]).await;
    let acme = world.caller("org_acme");
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (url, code) in [
        (world.page("/broken"), "page.status"),
        (world.page("/nowhere"), "page.status"),
        (world.page("/big"), "page.too_large"),
        (world.page("/file"), "page.not_html"),
        (world.page("/loop"), "page.redirects"),
        (format!("http://{nobody}/"), "robots.unreachable"),
        // An address inside of somebody's network, behind a redirect; and a name of such a one.
        (world.page("/away"), "url.address_refused"),
    ] {
        let id = acme.submit_as(&json!({ "url": url, "selectors": { "p": "p" } })).await;
        let job = acme.ended(&id).await;
        assert_eq!(job["status"], "failed");
        assert_eq!(job["error"]["code"], code, "{url}: {job}");
        let event = world.installation.event("org_acme", &format!("{id}/finished")).await;
        assert_eq!(event["data"]["status"], "failed");
    }
    let id = acme.submit("/malformed").await;
    assert_eq!(acme.ended(&id).await["result"], json!({ "price": ["$5.00"] }));
    let id = acme.submit("/moved").await;
    assert_eq!(acme.ended(&id).await["result"]["price"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_name_of_a_private_address_is_refused_when_it_is_connected_to() {
    let world = World::start(&["--pause-ms", "0"]).await;
    let acme = world.caller("org_acme");
    let url = format!("http://localhost:{}/", world.shop.port());
    let id = acme.submit_as(&json!({ "url": url, "selectors": { "p": "p" } })).await;
    assert_eq!(acme.ended(&id).await["error"]["code"], "url.address_refused");
    let url = world.page("/");
    let refused = acme.post(&json!({ "url": url, "selectors": { "p": "p" } })).await.expect(422);
    assert_eq!(refused["errors"][0]["code"], "address_refused");
    assert!(world.visits().await.keys().all(|path| path == "/visits"));
}

#[tokio::test]
async fn a_job_that_takes_too_long_ends() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let body = json!({ "url": world.page("/gate/never"), "selectors": { "p": "p" }, "timeout_seconds": 1 });
    let id = acme.submit_as(&body).await;
    assert_eq!(acme.ended(&id).await["error"]["code"], "job.timeout");
}

#[tokio::test]
async fn a_site_gets_one_request_at_a_time_with_a_pause_after_each() {
    let world = World::start(&["--pause-ms", "200", "--allow-networks", "127.0.0.0/8"]).await;
    let acme = world.caller("org_acme");
    let began = Instant::now();
    let body = json!({ "url": world.page("/category/rugs"), "selectors": { "p": "p" }, "follow": ".next" });
    let (first, second) = (acme.submit_as(&body).await, acme.submit("/").await);
    assert_eq!(acme.ended(&first).await["status"], "succeeded");
    assert_eq!(acme.ended(&second).await["status"], "succeeded");
    // Four pages, so three pauses at least: no less can pass, however slow the machine is.
    assert!(began.elapsed() >= Duration::from_millis(600));
}
