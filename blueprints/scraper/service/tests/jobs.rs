//! What callers are promised: jobs are checked, run, seen by their own alone, watched and canceled.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, unreachable_pub, reason = "each test uses what it needs")]
mod support;

use reqwest::Method;
use serde_json::{Value as Json, json};
use support::World;

const QUICK: [&str; 4] = ["--pause-ms", "0", "--allow-networks", "127.0.0.0/8"];

#[tokio::test]
async fn a_job_finds_what_its_selectors_say_on_page_after_page() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let body = json!({
        "url": world.page("/category/lamps"),
        "selectors": { "name": ".name", "price": ".price", "link": { "css": ".name", "attribute": "href" } },
        "follow": "a.next",
    });
    let id = acme.submit_as(&body).await;
    let said = acme.watch(&id, |_| false).await;
    let job = said.last().unwrap();
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["progress"], json!({ "pages": 3, "of": 10 }));
    for name in ["name", "price", "link"] {
        assert_eq!(job["result"][name].as_array().unwrap().len(), 25, "{name}");
    }
    assert_eq!(job["result"]["name"][0], "Small oak lamp");
    assert_eq!(job["result"]["price"][0], "$9.00");
    assert_eq!(job["result"]["link"][24], "/product/24");
    assert_eq!(acme.get(&format!("/api/jobs/{id}")).await.expect(200), *job);
    // Three pages and one robots.txt.
    assert_eq!(job["usage"]["requests"], 4);

    let json = acme.get(&format!("/api/jobs/{id}/result")).await.expect(200);
    assert_eq!(json, job["result"]);
    let csv = acme.get(&format!("/api/jobs/{id}/result?format=csv")).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert!(csv.text.starts_with("link,name,price\r\n/product/0,Small oak lamp,$9.00\r\n"), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 26);
    acme.get(&format!("/api/jobs/{id}/result?format=xml")).await.expect(422);
}

#[tokio::test]
async fn what_is_wrong_with_a_job_is_said_at_once_and_makes_none() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let good = json!({ "url": world.page("/"), "selectors": { "a": "a" } });
    let with = |name: &str, value: Json| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let cases = [
        (json!([]), "", "type"),
        (json!({ "selectors": { "a": "a" } }), "/url", "required"),
        (json!({ "url": world.page("/") }), "/selectors", "required"),
        (with("url", json!(7)), "/url", "type"),
        (with("url", json!("")), "/url", "length"),
        (with("url", json!("x".repeat(2_049))), "/url", "length"),
        (with("url", json!("shop")), "/url", "format"),
        (with("url", json!("file:///etc/passwd")), "/url", "scheme"),
        (with("url", json!("http://user:pw@shop.test/")), "/url", "credentials"),
        (with("url", json!("http://10.0.0.1/")), "/url", "address_refused"),
        (with("url", json!("http://[::ffff:a9fe:a9fe]/")), "/url", "address_refused"),
        (with("selectors", json!({})), "/selectors", "length"),
        (with("selectors", json!(["a"])), "/selectors", "type"),
        (with("selectors", json!({ "a/b": "a" })), "/selectors/a~1b", "name"),
        (with("selectors", json!({ "a": "a[" })), "/selectors/a", "css"),
        (with("selectors", json!({ "a": 1 })), "/selectors/a", "type"),
        (with("selectors", json!({ "a": { "attribute": "href" } })), "/selectors/a/css", "required"),
        (with("selectors", json!({ "a": { "css": "a", "attr": "href" } })), "/selectors/a/attr", "unknown"),
        (with("follow", json!("a[")), "/follow", "css"),
        (with("max_pages", json!(2)), "/max_pages", "needs_follow"),
        (with("max_pages", json!(51)), "/max_pages", "range"),
        (with("max_pages", json!("2")), "/max_pages", "range"),
        (with("timeout_seconds", json!(0)), "/timeout_seconds", "range"),
        (with("depth", json!(1)), "/depth", "unknown"),
    ];
    for (body, pointer, code) in cases {
        let reply = acme.post(&body).await;
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        let problem = reply.expect(422);
        assert_eq!(problem["code"], "request.invalid");
        let errors = problem["errors"].as_array().unwrap();
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer && error["code"] == code),
            "{body}: {problem}"
        );
    }
    for (media, text, status) in [
        ("application/json", "{".to_owned(), 400),
        ("text/plain", good.to_string(), 415),
        ("application/json", format!("\"{}\"", "x".repeat(70_000)), 413),
    ] {
        acme.send("POST", "/api/jobs", Some((media, text))).await.expect(status);
    }
    let listed = acme.get("/api/jobs").await.expect(200);
    assert_eq!(listed, json!({ "items": [], "next_cursor": null }));
    assert_eq!(world.installation.told(|told| told.sent), 0);
}

#[tokio::test]
async fn only_callers_that_insula_vouches_for_may_do_what_they_may() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let id = acme.submit("/").await;
    let path = format!("/api/jobs/{id}");
    let reader = acme.clone().with("permissions", json!(["scraping:read"]));
    reader.get(&path).await.expect(200);
    let body = json!({ "url": world.page("/"), "selectors": { "a": "a" } });
    assert_eq!(reader.post(&body).await.expect(403)["code"], "access.denied");
    reader.cancel(&id).await.expect(403);
    acme.clone().with("permissions", json!([])).get(&path).await.expect(403);
    for stranger in [acme.clone().with("aud", "other"), acme.clone().with("exp", 1)] {
        assert_eq!(stranger.get(&path).await.expect(401)["code"], "identity.unknown");
    }
}

#[tokio::test]
async fn a_job_is_seen_by_its_own_project_and_environment_alone() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let market = acme.clone().with("project_id", "prj_market").with("environment", "production");
    let id = market.submit("/category/rugs").await;
    assert_eq!(market.ended(&id).await["status"], "succeeded");
    let strangers = [
        world.caller("org_other"),
        acme.clone().with("project_id", "prj_other").with("environment", "production"),
        market.clone().with("environment", "development"),
    ];
    for stranger in &strangers {
        for path in
            [format!("/api/jobs/{id}"), format!("/api/jobs/{id}/result"), format!("/api/jobs/{id}/live")]
        {
            assert_eq!(stranger.get(&path).await.expect(404)["code"], "job.not_found", "{path}");
        }
        stranger.cancel(&id).await.expect(404);
        assert_eq!(stranger.get("/api/jobs").await.expect(200)["items"], json!([]));
    }
    for own in [&acme, &market] {
        own.get(&format!("/api/jobs/{id}")).await.expect(200);
        assert_eq!(own.get("/api/jobs").await.expect(200)["items"][0]["job_id"], *id);
    }
}

#[tokio::test]
async fn jobs_are_listed_the_newest_first_and_by_status() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let mut ids = Vec::new();
    for path in ["/", "/broken", "/category/rugs", "/product/3", "/product/4"] {
        let id = acme.submit(path).await;
        acme.ended(&id).await;
        ids.insert(0, id);
    }
    let (mut listed, mut path) = (Vec::new(), "/api/jobs?limit=2".to_owned());
    loop {
        let page = acme.get(&path).await.expect(200);
        listed.extend(page["items"].as_array().unwrap().iter().map(|job| job["job_id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/jobs?limit=2&cursor={cursor}");
    }
    assert_eq!(json!(listed), json!(ids));
    let failed = acme.get("/api/jobs?status=failed").await.expect(200);
    assert_eq!(failed["items"].as_array().unwrap().len(), 1);
    assert_eq!(failed["items"][0]["error"]["code"], "page.status");
    for query in ["status=lost", "limit=0", "limit=201", "order=up"] {
        acme.get(&format!("/api/jobs?{query}")).await.expect(422);
    }
}

#[tokio::test]
async fn a_job_is_canceled_whether_it_waits_or_runs_and_reported_once() {
    let mut options = QUICK.to_vec();
    options.extend(["--jobs", "1"]);
    let world = World::start(&options).await;
    let acme = world.caller("org_acme");
    let runs = acme.at_gate("cancel").await;
    let waits = acme.submit("/").await;
    assert_eq!(acme.get(&format!("/api/jobs/{waits}")).await.expect(200)["status"], "queued");
    for id in [&waits, &runs] {
        for _ in 0..2 {
            assert_eq!(acme.cancel(id).await.expect(200)["status"], "canceled");
        }
        let event = world.installation.event("org_acme", &format!("{id}/finished")).await;
        assert_eq!(event["type"], "job.finished");
        assert_eq!(event["subject"], **id);
        assert_eq!(event["apikey"], "ak_dev_1");
        assert_eq!(event["data"]["status"], "canceled");
        acme.get(&format!("/api/jobs/{id}/result")).await.expect(409);
    }
    // What it took until then counts: a robots.txt, and the page that it waited for.
    let event = world.installation.event("org_acme", &format!("{runs}/finished")).await;
    assert_eq!(event["data"]["requests"], 2);
    let done = acme.submit("/").await;
    acme.ended(&done).await;
    assert_eq!(acme.cancel(&done).await.expect(409)["code"], "job.finished");
}

#[tokio::test]
async fn who_watches_a_job_sees_it_go_on_and_end() {
    let world = World::start(&QUICK).await;
    let acme = world.caller("org_acme");
    let id = acme.at_gate("watch").await;
    let said = acme.watch(&id, |job| job["status"] == "running").await;
    assert_eq!(said.last().unwrap()["progress"]["pages"], 0);
    let (said, _) =
        tokio::join!(acme.watch(&id, |_| false), async { world.ask_shop(Method::PUT, "/gate/watch").await });
    assert_eq!(said.last().unwrap()["status"], "succeeded");
    assert_eq!(said.last().unwrap()["result"], json!({ "price": ["$2.00"] }));
    let plain = acme.get(&format!("/api/jobs/{id}/live")).await;
    assert_eq!(plain.expect(426)["code"], "request.websocket");
}

#[tokio::test]
async fn the_place_of_a_job_that_takes_long_is_kept_until_it_ends() {
    let mut options = QUICK.to_vec();
    options.extend(["--held-seconds", "1"]);
    let world = World::start(&options).await;
    let acme = world.caller("org_acme");
    let id = acme.at_gate("long").await;
    let renewal = "POST /v1/orgs/org_acme/leases/hold_1/renew";
    let renewed = |told: &support::Told| told.leases.iter().filter(|lease| *lease == renewal).count();
    world.installation.hears(|told| renewed(told) >= 2).await;
    world.ask_shop(Method::PUT, "/gate/long").await;
    assert_eq!(acme.ended(&id).await["status"], "succeeded");
    let release = "DELETE /v1/orgs/org_acme/leases/hold_1";
    world.installation.hears(|told| told.leases.iter().any(|lease| lease == release)).await;
    assert_eq!(world.installation.told(|told| told.leases[0].clone()), "POST /v1/orgs/org_acme/leases");
}
