//! What survives when the program is killed: at any moment under load, and between any two of its steps.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "each test uses what it needs")]
mod support;

use insula_metering::failpoint::Failpoint;
use insula_testkit::Kind;
use serde_json::json;
use support::{
    World,
    load::Load,
    witness::{Witness, send_events},
};

/// How often it is killed; `make soak` does it more often.
fn rounds() -> usize {
    std::env::var("INSULA_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap())
}

fn nothing_that_was_acknowledged_is_lost(kind: Kind) {
    let (mut world, witness) = (World::new(kind), Witness::default());
    let rounds = rounds();
    for round in 1..=rounds {
        let process = world.process_id();
        Load::new(&world, &witness).run(2 + 3 * round % 20, || {
            let killed = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
            assert!(killed.unwrap().success());
        });
        assert!(world.kill().unwrap().code().is_none(), "it ended by a signal");
        world.start();
        witness.check(&world);
        let told = witness.told();
        eprintln!(
            "round {round} of {rounds} on {kind:?}: {} of {} requests, {} events, {} jobs, {} leases",
            told.requests_acknowledged,
            told.requests_begun,
            told.events.len(),
            told.jobs.len(),
            told.leases.len()
        );
    }
    // The last of those that were to end by themselves did.
    while world.used("flashes") > 0 {}
    let checked = world.run(&["ledger", "check"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn nothing_that_was_acknowledged_is_lost_on_sqlite() {
    nothing_that_was_acknowledged_is_lost(Kind::Sqlite);
}

#[test]
fn nothing_that_was_acknowledged_is_lost_on_postgres() {
    nothing_that_was_acknowledged_is_lost(Kind::Postgres);
}

fn nothing_is_lost_between_any_two_steps(kind: Kind) {
    let (mut world, witness) = (World::new(kind), Witness::default());
    // How events get into the archive is tried beside, in `archive.rs`: under load none are old enough.
    for &point in Failpoint::ALL.iter().filter(|point| !point.name().starts_with("archive.")) {
        world.arm(point, "abort");
        Load::new(&world, &witness).run(2, || ());
        if world.is_armed() {
            // Some steps are those of a start after a death.
            world.kill();
            assert!(!world.try_start(), "nothing comes to {}", point.name());
        }
        assert!(!world.is_armed(), "it died at {}", point.name());
        world.ended();
        world.start();
        eprintln!("died at {}", point.name());
        witness.check(&world);
    }
}

#[test]
fn nothing_is_lost_between_any_two_steps_on_sqlite() {
    nothing_is_lost_between_any_two_steps(Kind::Sqlite);
}

#[test]
#[ignore = "as slow as the other, and part of `make soak`"]
fn nothing_is_lost_between_any_two_steps_on_postgres() {
    nothing_is_lost_between_any_two_steps(Kind::Postgres);
}

/// Where a route asks for it, what it admitted is on the disk before the upstream hears of it.
#[test]
fn a_route_that_is_durable_waits_for_the_disk() {
    let mut world = World::new(Kind::Sqlite);
    let reply = world.client().post("/jobs/noted", &world.key, &json!({})).expect(200);
    assert_eq!(reply["noted"], true, "the upstream finds it in the log");
    let mut requests = 1;
    for point in [Failpoint::LogSyncing, Failpoint::LogSynced, Failpoint::RequestDurable] {
        assert_eq!(world.usage("requests"), requests);
        let seen = world.seen();
        world.arm(point, "abort");
        assert!(world.client().try_post("/jobs/two", &world.key, &json!({})).is_none(), "{}", point.name());
        world.ended();
        assert_eq!(world.seen(), seen, "the upstream heard nothing before {}", point.name());
        world.start();
        // Nobody saw its end, so it counts as it was reserved.
        requests += 1;
        assert_eq!(world.usage("requests"), requests, "it was noted before {}", point.name());
    }
}

/// A job is held until its end is known, and no longer, wherever the program dies on the way to that.
#[test]
fn an_end_that_is_reported_again_ends_what_it_should() {
    let mut world = World::new(Kind::Sqlite);
    let on_the_way =
        |point: &Failpoint| ["report.", "log."].iter().any(|whose| point.name().starts_with(whose));
    for point in Failpoint::ALL.iter().filter(|point| on_the_way(point)) {
        let job = point.name();
        world.client().post(&format!("/jobs/{job}"), &world.key, &json!({})).expect(200);
        assert_eq!(world.used("jobs_at_once"), 1);
        let event = json!({
            "specversion": "1.0", "id": job, "source": "/things", "type": "job.finished", "subject": job,
            "data": { "amount": 1 },
        });
        world.arm(*point, "abort");
        assert!(send_events(&mut world.client(), &world, &event).is_none(), "it dies at {job}");
        world.ended();
        world.start();
        send_events(&mut world.client(), &world, &event).unwrap().expect(202);
        assert_eq!(world.used("jobs_at_once"), 0, "after it died at {job}");
    }
}

/// A panic while something is reserved ends the request alone.
#[test]
fn a_panic_gives_back_what_was_reserved() {
    let (mut world, witness) = (World::new(Kind::Sqlite), Witness::default());
    for point in Failpoint::ALL.iter().filter(|point| point.is_of_a_request()) {
        world.arm(*point, "panic");
        Load::new(&world, &witness).run(2, || ());
        assert!(!world.is_armed() && world.runs(), "it serves on after a panic at {}", point.name());
        eprintln!("panicked at {}", point.name());
        witness.check(&world);
    }
    world.kill();
    world.start();
    witness.check(&world);
}

/// What a panic costs: nothing where no byte had reached the upstream, else what was reserved.
#[test]
fn a_panic_is_charged_as_far_as_the_request_had_come() {
    let world = World::new(Kind::Sqlite);
    let (mut requests, mut jobs) = (0, 0);
    for point in Failpoint::ALL.iter().filter(|point| point.name().starts_with("request.")) {
        let before = world.seen();
        world.arm(*point, "panic");
        let path = format!("/jobs/{}", point.name());
        let broken = world.client().try_post(&path, &world.key, &json!({}));
        assert!(broken.is_none() && !world.is_armed(), "{}: {broken:?}", point.name());
        if world.seen() > before {
            requests += 1;
            // It may have begun, so it is held for its time to live.
            jobs += 1;
        }
        let used = (world.used("requests_per_day"), world.usage("requests"));
        assert_eq!(used, (requests, requests), "{}", point.name());
        assert_eq!(world.used("jobs_at_once"), jobs, "{}", point.name());
    }
    assert_eq!(requests, 3, "the head of the reply was there, counters had it, the log had it");
}
