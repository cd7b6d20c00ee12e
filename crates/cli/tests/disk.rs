//! What the disk has to do with it: what is on it before an upstream is asked, and what happens when it is full.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "each test uses what it needs")]
mod support;

use insula_metering::failpoint::Failpoint;
use insula_testkit::Kind;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use std::{fs, io::Read as _};
use support::{
    World,
    client::{Client, Reply},
};

/// Bytes of a segment of the log, all of which are allocated when it is made.
const SEGMENT: u64 = 64 << 20;

/// Whether some segment of the log has this near its beginning.
fn log_has(world: &World, text: &str) -> bool {
    let files = fs::read_dir(world.folder().join("data/wal")).unwrap();
    files.flatten().any(|file| {
        let mut bytes = Vec::new();
        fs::File::open(file.path()).unwrap().take(64 << 10).read_to_end(&mut bytes).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn a_durable_request_is_on_the_disk_before_its_upstream_sees_it() {
    let mut world = World::new(Kind::Sqlite);
    // Nobody waits for the disk where the route doesn't ask for it.
    world.arm(Failpoint::LogSyncing, "abort");
    world.client().get("/things", &world.key).expect(200);
    assert!(world.is_armed());
    let seen = world.seen();
    for (count, point) in
        [Failpoint::LogSyncing, Failpoint::LogSynced, Failpoint::RequestDurable].into_iter().enumerate()
    {
        world.arm(point, "abort");
        let broken = world.client().try_post(&format!("/jobs/job-{count}"), &world.key, &json!({}));
        assert!(broken.is_none());
        world.ended();
        assert_eq!(world.seen(), seen, "the upstream knows nothing at {}", point.name());
        assert!(log_has(&world, "POST /jobs/{name}"), "the log does");
        world.start();
        assert_eq!(
            world.used("requests_per_day"),
            2 + i64::try_from(count).unwrap(),
            "it counts as reserved"
        );
    }
    world.client().post("/jobs/job", &world.key, &json!({})).expect(200);
    assert_eq!(world.seen(), seen + 1);
}

/// Lets no file of the program become as large as a segment, or lets all.
fn fill(world: &World, is_full: bool) {
    let process = Pid::from_raw(i32::try_from(world.process_id()).unwrap());
    let most = is_full.then_some(SEGMENT - 1);
    prlimit(process, Resource::Fsize, Rlimit { current: most, maximum: None }).unwrap();
}

fn refused(reply: Reply, code: &str) {
    assert_eq!(reply.expect(503)["code"], code);
}

#[test]
fn a_full_disk_stops_admission_and_nothing_else() {
    let world = World::new(Kind::Sqlite);
    let mut early = world.client();
    early.get("/things", &world.key).expect(200);
    fill(&world, true);

    // Another core has no segment yet.
    let (mut late, reply) = (0..100)
        .find_map(|_| {
            let mut client = world.client();
            let reply = client.get("/things", &world.key);
            (reply.status != 200).then_some((client, reply))
        })
        .unwrap();
    let late = &mut late;
    refused(reply, "metering.unavailable");
    let event = json!({ "specversion": "1.0", "id": "1", "source": "/things", "type": "job.finished", "data": { "amount": 5 } });
    let report = |client: &mut Client| {
        client
            .ask(
                "POST",
                "/v1/orgs/acme/events",
                &world.service,
                "application/cloudevents+json",
                &event.to_string(),
            )
            .unwrap()
    };
    refused(report(late), "usage.unavailable");
    let lease = json!({ "limit": "slots", "key": "s", "ttl_seconds": 600 });
    refused(late.post("/v1/orgs/acme/leases", &world.service, &lease), "usage.unavailable");
    assert_eq!((world.used("slots"), world.usage("amounts")), (0, 0), "what was refused isn't there");

    // What has its room goes on, is settled and read.
    let before = world.usage("requests");
    early.get("/things", &world.key).expect(200);
    assert_eq!((world.used("requests_per_day"), world.usage("requests")), (before + 1, before + 1));
    assert_eq!(world.used("calls_at_once"), 0);

    fill(&world, false);
    // By itself, as soon as the disk is asked again.
    while late.get("/things", &world.key).status == 503 {}
    while report(late).status == 503 {}
    while late.post("/v1/orgs/acme/leases", &world.service, &lease).status == 503 {}
    assert_eq!((world.used("slots"), world.usage("amounts")), (1, 5));
    assert_eq!(report(late).expect(202)["duplicates"], 1);
    assert_eq!(world.used("requests_per_day"), world.usage("requests"));
}
