//! What survives the process: every job that was accepted, and the report of it, once.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, unreachable_pub, reason = "each test uses what it needs")]
mod support;

use reqwest::Method;
use serde_json::json;
use support::World;

const OPTIONS: [&str; 6] = ["--pause-ms", "0", "--allow-networks", "127.0.0.0/8", "--jobs", "2"];

#[tokio::test]
async fn a_killed_service_loses_no_job_and_reports_each_once() {
    let mut world = World::start(&OPTIONS).await;
    let mut ids = Vec::new();
    {
        let acme = world.caller("org_acme");
        let done = acme.submit("/").await;
        acme.ended(&done).await;
        ids.push(done);
        ids.push(acme.at_gate("crash").await);
        for _ in 0..10 {
            ids.push(acme.submit("/category/lamps").await);
        }
    }
    world.kill();
    world.ask_shop(Method::PUT, "/gate/crash").await;
    world.run();
    let acme = world.caller("org_acme");
    for id in &ids {
        assert_eq!(acme.ended(id).await["status"], "succeeded", "{id}");
        let submitted = world.installation.event("org_acme", &format!("{id}/submitted")).await;
        assert_eq!((&submitted["type"], &submitted["subject"]), (&json!("job_submitted"), &json!(id)));
        world.installation.event("org_acme", &format!("{id}/finished")).await;
    }
    assert_eq!(world.installation.told(|told| told.events.len()), ids.len() * 2);
    let listed = acme.get("/api/jobs?limit=200").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), ids.len());
}

#[tokio::test]
async fn reports_wait_until_insula_takes_them() {
    let mut world = World::start(&OPTIONS).await;
    for status in [503, 401] {
        world.installation.refuse(Some(status));
        let before = world.installation.told(|told| told.sent);
        let id = {
            let acme = world.caller("org_acme");
            let id = acme.submit("/").await;
            assert_eq!(acme.ended(&id).await["status"], "succeeded");
            id
        };
        world.installation.hears(|told| told.sent > before).await;
        assert!(world.stop(), "it ends well");
        world.installation.refuse(None);
        world.run();
        let event = world.installation.event("org_acme", &format!("{id}/finished")).await;
        let data = &event["data"];
        assert_eq!((&data["job_id"], &data["status"]), (&json!(id), &json!("succeeded")));
        // The page, and the robots.txt that a fresh process knows nothing of.
        assert_eq!(data["requests"], 2);
        for quantity in ["compute_seconds", "data_kb", "stored_kb"] {
            let number = data[quantity].as_str().unwrap();
            assert!(
                number.split_once('.').unwrap().1.len() == 3 && number != "0.000",
                "{quantity}: {number}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_job_took_before_a_crash_counts_too() {
    let mut world = World::start(&OPTIONS).await;
    let body =
        json!({ "url": world.page("/category/rugs"), "selectors": { "p": ".price" }, "follow": "a.next" });
    let id = {
        let acme = world.caller("org_acme");
        let id = acme.submit_as(&body).await;
        acme.watch(&id, |job| job["progress"]["pages"] == 2).await;
        id
    };
    world.kill();
    world.run();
    let job = world.caller("org_acme").ended(&id).await;
    assert_eq!(job["status"], "succeeded");
    assert_eq!(job["result"]["p"].as_array().unwrap().len(), 25, "nothing is found twice");
    let requests = job["usage"]["requests"].as_i64().unwrap();
    assert!((4..=8).contains(&requests), "{requests}");
}
