//! A thousand callers at once where there is room for a hundred: a hundred get it, nine hundred are told why not, and
//! nothing is left over afterwards.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Env, Instant, ManualClock, Span, SystemRng};
use insula_testkit::{TestStore, on_both_engines};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use support::{Organization, World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
};

const CALLERS: usize = 1_000;

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
[limits.jobs_at_once]
kind = "hold"
[limits.slots]
kind = "hold"
[limits.databases]
kind = "stock"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 100, jobs_at_once = 100, slots = 100, databases = 100, projects = 100 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
[[routes]]
match = "POST /jobs"
upstream = "things"
permission = "things:write"
meter = {{}}
hold = {{ limit = "jobs_at_once", key = "$.job_id", until = "job.finished", ttl = "15m" }}
"#
    )
}

/// An installation whose time goes on only when a test lets it.
async fn world(store: TestStore) -> (World, Arc<ManualClock>) {
    // Two sockets for each caller, and more for upstreams: a shell allows fewer by default.
    let allowed = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed }).unwrap();
    // In the morning, so that an hour later is the same day.
    let clock = Arc::new(ManualClock::at("2026-03-10T09:00:00Z".parse::<Instant>().unwrap()));
    let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
    (World::in_time(store, blueprint, env).await, clock)
}

/// So many callers at once, each on a socket of its own which is open before the first asks: how often each was told
/// what, by status and code.
async fn crowd(
    world: &World,
    method: &str,
    path: &str,
    token: &str,
    body: impl Fn(usize) -> Json,
) -> BTreeMap<(u16, String), usize> {
    let mut streams = Vec::new();
    for _ in 0..CALLERS {
        streams.push(TcpStream::connect(world.address).await.unwrap());
    }
    let start = Arc::new(Barrier::new(CALLERS));
    let mut callers = JoinSet::new();
    for (caller, mut stream) in streams.into_iter().enumerate() {
        let body = body(caller).to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            world.address,
            body.len()
        );
        let start = Arc::clone(&start);
        callers.spawn(async move {
            start.wait().await;
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await.unwrap();
            let (head, body) = reply.split_once("\r\n\r\n").unwrap();
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            let body: Json = serde_json::from_str(body).unwrap_or(Json::Null);
            (status, body["code"].as_str().unwrap_or_default().to_owned())
        });
    }
    let mut told = BTreeMap::new();
    for answer in callers.join_all().await {
        *told.entry(answer).or_default() += 1;
    }
    told
}

/// A hundred of one kind, nine hundred of the other.
fn told(admitted: u16, refused: u16, code: &str) -> BTreeMap<(u16, String), usize> {
    BTreeMap::from([((admitted, String::new()), 100), ((refused, code.to_owned()), 900)])
}

async fn used(world: &World, org: &Organization, name: &str) -> Json {
    let limits = world.get(&org.path("/limits"), &world.fresh(org).await).await.expect(200);
    let limits = limits["items"].as_array().unwrap();
    limits.iter().find(|limit| limit["key"] == name).unwrap()["used"].clone()
}

on_both_engines! {
    async fn a_quota_of_a_hundred_admits_a_hundred(store) {
        let (world, clock) = world(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:read"]).await;
        let answers = crowd(&world, "GET", "/things", &key, |_| json!({})).await;
        assert_eq!(answers, told(200, 429, "quota.exhausted"));
        assert_eq!(world.used(&acme).await, (100, 100), "what was admitted is what is in the ledger");
        clock.advance(Span::from_hours(24));
        assert_eq!(used(&world, &acme, "requests_per_day").await, 0);
        world.get("/things", &key).await.expect(200);
    }

    async fn a_hundred_jobs_are_held_by_a_route(store) {
        let (mut world, clock) = world(store).await;
        let acme = world.organization("acme").await;
        let (_, key) = world.key(&acme, &["things:write"]).await;
        let answers = crowd(&world, "POST", "/jobs", &key, |_| json!({})).await;
        assert_eq!(answers, told(200, 429, "hold.exhausted"));
        assert_eq!(used(&world, &acme, "jobs_at_once").await, 100);
        world.restart().await;
        clock.advance(Span::from_secs(15 * 60 - 1));
        assert_eq!(used(&world, &acme, "jobs_at_once").await, 100, "to the end of their time");
        clock.advance(Span::from_secs(1));
        assert_eq!(used(&world, &acme, "jobs_at_once").await, 0);
        world.restart().await;
        assert_eq!(used(&world, &acme, "jobs_at_once").await, 0);
    }

    async fn a_hundred_leases_are_given(store) {
        let (mut world, clock) = world(store).await;
        let acme = world.organization("acme").await;
        let (_, token) = world.service().await;
        let lease = |_| json!({ "limit": "slots", "ttl_seconds": 600 });
        let answers = crowd(&world, "POST", &acme.path("/leases"), &token, lease).await;
        assert_eq!(answers, told(201, 429, "hold.exhausted"));
        assert_eq!(used(&world, &acme, "slots").await, 100);
        clock.advance(Span::from_secs(600));
        assert_eq!(used(&world, &acme, "slots").await, 0);
        world.restart().await;
        assert_eq!(used(&world, &acme, "slots").await, 0);
        let answers = crowd(&world, "POST", &acme.path("/leases"), &token, lease).await;
        assert_eq!(answers, told(201, 429, "hold.exhausted"));
    }

    async fn a_hundred_things_of_the_product_exist(store) {
        let (mut world, _clock) = world(store).await;
        let acme = world.organization("acme").await;
        let (_, token) = world.service().await;
        let lease = |caller| json!({ "limit": "databases", "key": format!("db-{caller}") });
        let answers = crowd(&world, "POST", &acme.path("/leases"), &token, lease).await;
        assert_eq!(answers, told(201, 402, "plan.limit_reached"));
        world.restart().await;
        assert_eq!(used(&world, &acme, "databases").await, 100);
    }

    async fn a_hundred_projects_are_made(store) {
        let (world, _clock) = world(store).await;
        let acme = world.organization("acme").await;
        let project = |caller| json!({ "name": format!("Project {caller}") });
        let answers = crowd(&world, "POST", &acme.path("/projects"), &acme.token, project).await;
        assert_eq!(answers, told(201, 402, "plan.limit_reached"));
        assert_eq!(used(&world, &acme, "projects").await, 100);
    }
}
