//! What is held while requests go on, and after them.

mod common;

use common::{Setup, World, within};
use insula_blueprint::{Compiled, check};
use insula_gateway::LeaseRequest;
use insula_identity::OwnLimits;
use insula_kernel::{Clock as _, Span};
use insula_limits::Subjects;
use insula_metering::log::Outcome;
use serde_json::json;
use std::net::SocketAddr;

fn blueprint(app: SocketAddr) -> Compiled {
    let text = format!(
        r#"[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.jobs]
event = "job.finished"
aggregate = "count"
[limits.jobs_at_once]
kind = "hold"
[limits.per_project]
kind = "hold"
per = "project"
[limits.calls_at_once]
kind = "hold"
[limits.databases]
kind = "stock"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ jobs_at_once = 3, per_project = 1, calls_at_once = 1, databases = 2 }}
[upstreams.app]
targets = ["http://{app}"]
timeouts = {{ connect = "2s", response = "2s", idle = "500ms" }}
[[routes]]
match = "POST /jobs"
upstream = "app"
meter = {{ requests = 1 }}
hold = {{ limit = "jobs_at_once", key = "$.job.id", until = "job.finished", ttl = "15m" }}
[[routes]]
match = "POST /project-jobs"
upstream = "app"
meter = {{}}
hold = {{ limit = "per_project", key = "$.job.id", until = "job.finished", ttl = "15m" }}
[[routes]]
match = "POST /databases"
upstream = "app"
meter = {{}}
hold = {{ limit = "databases", key = "$.id", until = "database.dropped" }}
[[routes]]
match = "GET /hang"
upstream = "app"
meter = {{}}
hold = {{ limit = "calls_at_once" }}
[[routes]]
match = "POST /broken/{{*rest}}"
upstream = "app"
strip_prefix = "/broken"
meter = {{ requests = 1 }}
hold = {{ limit = "jobs_at_once", key = "$.job.id", until = "job.finished", ttl = "15m" }}
"#
    );
    // The upstream answers every path as it is asked to.
    let text = ["jobs", "project-jobs", "databases"].iter().fold(text, |text, path| {
        text.replace(
            &format!("match = \"POST /{path}\"\nupstream = \"app\"\n"),
            &format!("match = \"POST /{path}/answer\"\nupstream = \"app\"\nstrip_prefix = \"/{path}\"\n"),
        )
    });
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

async fn world() -> World {
    let bounds = vec![("jobs_at_once", 3), ("per_project", 1), ("calls_at_once", 1), ("databases", 2)];
    World::with(Setup { bounds, blueprint: Some(blueprint), cores: 2, ..Setup::default() }).await
}

fn job(id: &str) -> serde_json::Value {
    json!({ "status": 202, "body": { "job": { "id": id } } })
}

fn held(world: &World, limit: &str) -> i64 {
    world.gate.held(world.acme, limit, world.clock.now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_takes_its_place_until_its_event_ends_it() {
    let world = world().await;
    let key = world.key();
    for (number, left) in [("1", "2"), ("2", "1"), ("3", "0")] {
        let reply = world.post("/jobs/answer", &key, &job(number)).await;
        assert_eq!(reply.status, 202);
        assert_eq!(reply.field("ratelimit"), Some(&*format!("\"jobs_at_once\";r={left}")));
    }
    let full = world.post("/jobs/answer", &key, &job("4")).await;
    assert_eq!(full.problem(), (429, "hold.exhausted".to_owned()));
    assert!(full.field("retry-after").is_some());
    assert_eq!(world.upstream.requests(), 3, "a refused one reaches nobody");

    let now = world.clock.now();
    assert_eq!(world.gate.end_holds_of(world.acme, "job.started", "2", now).len(), 0);
    assert_eq!(
        world.gate.end_holds_of(world.other, "job.finished", "2", now).len(),
        0,
        "theirs is another 2"
    );
    assert_eq!(world.gate.end_holds_of(world.acme, "job.finished", "2", now).len(), 1);
    assert_eq!(world.post("/jobs/answer", &key, &job("5")).await.status, 202);
    assert_eq!(held(&world, "jobs_at_once"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_begun_is_not_held() {
    let world = world().await;
    let key = world.key();
    for status in [400, 409, 500, 503] {
        let refused = json!({ "status": status, "body": { "job": { "id": "1" } } });
        assert_eq!(world.post("/jobs/answer", &key, &refused).await.status, status);
        assert_eq!(held(&world, "jobs_at_once"), 0, "{status}");
    }
    // The same job again, as an upstream answers that is asked twice: it runs once.
    for _ in 0..2 {
        assert_eq!(world.post("/jobs/answer", &key, &job("same")).await.status, 202);
    }
    assert_eq!(held(&world, "jobs_at_once"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_end_nobody_tells_is_free_after_its_time_to_live() {
    let world = world().await;
    let key = world.key();
    assert_eq!(world.post("/jobs/answer", &key, &job("1")).await.status, 202);
    // Without a name it can't be ended by an event, but may be running all the same.
    let nameless = json!({ "status": 202, "body": "no JSON" });
    assert_eq!(world.post("/jobs/answer", &key, &nameless).await.status, 202);
    assert_eq!(held(&world, "jobs_at_once"), 2);
    world.clock.advance(Span::from_micros(15 * 60_000_000 - 1));
    assert_eq!(held(&world, "jobs_at_once"), 2);
    world.clock.advance(Span::from_micros(1));
    assert_eq!(held(&world, "jobs_at_once"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_breaks_off_may_have_begun() {
    let world = world().await;
    let key = world.key();
    let reply = world.post("/broken/act/reset", &key, &json!({})).await;
    assert_eq!(reply.problem(), (502, "upstream.failed".to_owned()));
    assert_eq!(held(&world, "jobs_at_once"), 1, "it counts until its time to live is over");
    let told = world.told();
    assert_eq!((told.len(), told[0].outcome), (1, Outcome::UpstreamFailed));
    world.clock.advance(Span::from_mins(15));
    assert_eq!(held(&world, "jobs_at_once"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing_held_but_for_its_time_to_live() {
    let world = world().await;
    let key = world.key();
    let mut client = world.client().await;
    client.request("GET", "/hang", &[&format!("X-Api-Key: {key}")], "").await;
    within(world.upstream.seen.hanging.notified()).await;
    assert_eq!(held(&world, "calls_at_once"), 1);
    assert_eq!(world.get("/hang", &key).await.problem(), (429, "hold.exhausted".to_owned()));
    drop(client);
    within(async {
        while held(&world, "calls_at_once") > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_project_and_each_key_has_its_own_room() {
    let world = world().await;
    let projects = [world.project(None), world.project(None)];
    let key_of = |project| world.key_with(world.acme, &["things:*"], |key| key.project = Some(project)).1;
    let [one, two] = projects.map(key_of);
    assert_eq!(world.post("/project-jobs/answer", &one, &job("1")).await.status, 202);
    let full = world.post("/project-jobs/answer", &one, &job("2")).await;
    assert_eq!(full.problem(), (429, "hold.exhausted".to_owned()));
    assert_eq!(world.post("/project-jobs/answer", &two, &job("3")).await.status, 202);

    let (_, narrow) = world.key_with(world.acme, &["things:*"], |key| {
        key.limits = OwnLimits::compile([("jobs_at_once".into(), 2)], world.gate.snapshot().compiled());
    });
    let wide = world.key();
    assert_eq!(world.post("/jobs/answer", &narrow, &job("a")).await.status, 202);
    assert_eq!(world.post("/jobs/answer", &narrow, &job("b")).await.status, 202);
    let third = world.post("/jobs/answer", &narrow, &job("c")).await;
    assert_eq!(third.problem(), (429, "hold.exhausted".to_owned()));
    assert_eq!(world.post("/jobs/answer", &wide, &job("d")).await.status, 202, "the organization has room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_lasts_until_it_is_ended() {
    let world = world().await;
    let key = world.key();
    let made = |id: &str| json!({ "status": 201, "body": { "id": id } });
    assert_eq!(world.post("/databases/answer", &key, &made("db1")).await.status, 201);
    assert_eq!(world.post("/databases/answer", &key, &made("db2")).await.status, 201);
    world.clock.advance(Span::from_days(400));
    let full = world.post("/databases/answer", &key, &made("db3")).await;
    assert_eq!(full.problem(), (402, "plan.limit_reached".to_owned()));
    let now = world.clock.now();
    assert_eq!(world.gate.end_holds_of(world.acme, "database.dropped", "db1", now).len(), 1);
    assert_eq!(world.post("/databases/answer", &key, &made("db3")).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_and_requests_share_one_bound() {
    let world = world().await;
    let (key, now) = (world.key(), world.clock.now());
    let subjects = Subjects::organization(world.acme);
    let lease = |limit, name, ttl| {
        let request = LeaseRequest { limit, subjects: &subjects, key: name, ttl };
        world.gate.lease(&request, None, now)
    };
    let minute = Some(Span::from_mins(1));
    let first = lease("jobs_at_once", Some("x"), minute).unwrap();
    let again = lease("jobs_at_once", Some("x"), minute).unwrap();
    assert_eq!((again.id, again.is_new), (first.id, false), "one thing is held once");
    assert!(lease("jobs_at_once", None, minute).is_ok());
    assert_eq!(world.post("/jobs/answer", &key, &job("1")).await.status, 202);
    assert_eq!(lease("jobs_at_once", Some("y"), minute).unwrap_err().code(), "hold.exhausted");
    assert_eq!(world.post("/jobs/answer", &key, &job("2")).await.status, 429);
    assert!(world.gate.end_hold(world.acme, first.id, now));
    assert!(!world.gate.end_hold(world.acme, first.id, now), "it has ended");
    assert!(lease("jobs_at_once", Some("y"), minute).is_ok());
    for (limit, ttl, pointer) in [
        ("nothing", minute, "/limit"),
        ("members", None, "/limit"),
        ("databases", minute, "/ttl_seconds"),
        ("jobs_at_once", None, "/ttl_seconds"),
    ] {
        assert_eq!(lease(limit, None, ttl).unwrap_err().fields()[0].pointer, pointer, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_begin_exactly_as_many_as_may_run() {
    let bounds = vec![("jobs_at_once", 100)];
    let world = World::with(Setup { bounds, blueprint: Some(blueprint), cores: 2, ..Setup::default() }).await;
    let key = world.key();
    let callers: Vec<_> = (0..250)
        .map(|caller| {
            let (address, key) = (world.address, key.clone());
            tokio::spawn(async move {
                let mut client = common::client::Client::connect(address).await;
                let mut begun = 0;
                for call in 0..4 {
                    let body = job(&format!("{caller}-{call}")).to_string();
                    client.request("POST", "/jobs/answer", &[&format!("X-Api-Key: {key}")], &body).await;
                    let reply = client.reply().await;
                    match reply.status {
                        202 => begun += 1,
                        _ => assert_eq!(reply.problem(), (429, "hold.exhausted".to_owned())),
                    }
                }
                begun
            })
        })
        .collect();
    let mut begun = 0;
    for caller in callers {
        begun += within(caller).await.unwrap();
    }
    assert_eq!((begun, held(&world, "jobs_at_once"), world.upstream.requests()), (100, 100, 100));
    world.clock.advance(Span::from_mins(15));
    assert_eq!(held(&world, "jobs_at_once"), 0, "nothing stays held after its time to live");
}
