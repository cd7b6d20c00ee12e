//! What is reported counts once, whatever happens on the way.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_client::{Client, Error, Event, ReporterOptions};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};
use support::{Installation, Turn};

fn event(org: &str, id: usize) -> Event {
    Event::new(org, "job.finished").id(format!("{id:05}"))
}

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|id| format!("{id:05}")).collect()
}

/// Quick to try again, so that tests are.
fn quick() -> ReporterOptions {
    let pause = Duration::from_millis(1);
    ReporterOptions { first_pause: pause, longest_pause: pause, linger: pause, ..ReporterOptions::default() }
}

#[tokio::test]
async fn events_are_gathered_into_batches_of_one_organization() {
    let installation = Installation::start().await;
    let options = ReporterOptions { linger: Duration::from_secs(600), ..quick() };
    let reporter = installation.client().reporter_with(options);
    for id in 0..2_500 {
        reporter.report(event("org_a", id)).await.unwrap();
    }
    reporter.report(event("org_b", 0)).await.unwrap();
    installation.heard(2).await;
    reporter.flush().await;
    assert_eq!(installation.ids("org_a"), ids(0..2_500));
    assert_eq!(installation.ids("org_b"), ids(0..1));
    let mut batches = installation.kept.lock().unwrap().batches.clone();
    batches.sort_unstable();
    assert_eq!(batches, [1, 500, 1_000, 1_000]);
}

#[tokio::test]
async fn what_waits_long_enough_is_sent_by_itself() {
    let installation = Installation::start().await;
    let reporter = installation.client().reporter_with(quick());
    reporter.report(event("org_a", 1)).await.unwrap();
    installation.heard(1).await;
    assert_eq!(installation.ids("org_a"), ids(1..2));
}

#[tokio::test]
async fn an_event_is_sent_again_under_its_id_until_it_is_answered_for() {
    let installation = Installation::start().await;
    installation.then([Turn::Refuse(503), Turn::Lose, Turn::Refuse(429), Turn::Lose, Turn::Refuse(500)]);
    let reporter = installation.client().reporter_with(quick());
    for id in 0..10 {
        reporter.report(event("org_a", id)).await.unwrap();
    }
    reporter.flush().await;
    assert_eq!(installation.ids("org_a"), ids(0..10));
    assert!(installation.kept.lock().unwrap().turns.is_empty());
}

#[tokio::test]
async fn while_too_much_waits_whoever_reports_waits() {
    let installation = Installation::start().await;
    installation.then((0..100).map(|_| Turn::Refuse(503)));
    let reporter = installation.client().reporter_with(ReporterOptions { capacity: 3, ..quick() });
    for id in 0..3 {
        reporter.report(event("org_a", id)).await.unwrap();
    }
    let refused = reporter.try_report(event("org_a", 3)).unwrap_err();
    assert_eq!(refused.event_id(), "00003");
    // Once the installation answers there is room again.
    reporter.report(*refused).await.unwrap();
    reporter.flush().await;
    assert_eq!(installation.ids("org_a"), ids(0..4));
}

#[tokio::test]
async fn what_cannot_count_is_told_and_stands_in_nobodys_way() {
    let installation = Installation::start().await;
    installation.kept.lock().unwrap().refused.insert("00002".to_owned());
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = {
        let told = told.clone();
        move |id: &str, why: &Error| told.lock().unwrap().push((id.to_owned(), why.to_string()))
    };
    let reporter = installation.client().reporter_with(quick().on_refusal(hear));
    for id in 0..5 {
        reporter.report(event("org_a", id)).await.unwrap();
    }
    reporter.flush().await;
    assert_eq!(installation.ids("org_a").len(), 4);
    let refused = ("00002".to_owned(), "No meter counts it. (422 event.unknown_type)".to_owned());
    assert_eq!(*told.lock().unwrap(), [refused]);

    told.lock().unwrap().clear();
    installation.then([Turn::Refuse(404)]);
    reporter.report(event("org_gone", 9)).await.unwrap();
    reporter.flush().await;
    assert_eq!(told.lock().unwrap().len(), 1, "an organization that isn't there never will be");
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_cut() {
    let installation = Installation::start().await;
    installation.then([Turn::Refuse(413), Turn::Refuse(413)]);
    let options = ReporterOptions { linger: Duration::from_secs(600), ..quick() };
    let reporter = installation.client().reporter_with(options);
    for id in 0..8 {
        reporter.report(event("org_a", id)).await.unwrap();
    }
    reporter.flush().await;
    assert_eq!(installation.ids("org_a"), ids(0..8));
    assert_eq!(installation.kept.lock().unwrap().batches, [2, 2, 4]);

    // Large events make small batches.
    let large = "x".repeat(100_000);
    for id in 0..20 {
        reporter.report(event("org_large", id).data(json!({ "text": large }))).await.unwrap();
    }
    reporter.flush().await;
    assert_eq!(installation.ids("org_large"), ids(0..20));
    assert!(installation.kept.lock().unwrap().batches[3..].iter().all(|batch| *batch <= 5));
}

#[tokio::test]
async fn what_waits_is_sent_though_the_reporter_is_dropped() {
    let installation = Installation::start().await;
    let options = ReporterOptions { linger: Duration::from_secs(600), ..quick() };
    let reporter = installation.client().reporter_with(options);
    reporter.report(event("org_a", 1)).await.unwrap();
    drop(reporter);
    installation.heard(1).await;
    assert_eq!(installation.ids("org_a"), ids(1..2));
}

#[tokio::test]
async fn an_event_is_a_cloud_event() {
    let installation = Installation::start().await;
    let client = installation.client().with_source("/services/scraper");
    let at = UNIX_EPOCH + Duration::from_millis(1_767_225_600_250);
    let event = Event::new("org_a", "job.finished")
        .id("job-1")
        .subject("job-1")
        .at(at)
        .data(json!({ "compute_seconds": "3.250" }))
        .project("prj_1")
        .api_key("ak_1")
        .user("usr_1");
    installation.then([Turn::Lose]);
    client.report(&event).await.unwrap();
    client.report(&event).await.unwrap();
    let expected = json!({
        "specversion": "1.0", "id": "job-1", "source": "/services/scraper", "type": "job.finished",
        "time": "2026-01-01T00:00:00.250000Z", "subject": "job-1", "project": "prj_1", "apikey": "ak_1", "user": "usr_1",
        "datacontenttype": "application/json", "data": { "compute_seconds": "3.250" },
    });
    let counted: Vec<_> = installation.kept.lock().unwrap().counted.values().cloned().collect();
    assert_eq!(counted, [expected]);
    installation.kept.lock().unwrap().refused.insert("job-2".to_owned());
    let refused = client.report(&event.id("job-2")).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(problem) if problem.code == "event.unknown_type"));
}

#[tokio::test]
async fn without_an_installation_it_says_so() {
    for (url, token) in [("https://insula.test", "x"), ("nonsense", "x"), ("http://insula.test", "a\nb")] {
        assert!(matches!(Client::new(url, token), Err(Error::Configuration(_))), "{url}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{closed}"), "x").unwrap();
    let unreachable = client.report(&Event::new("org_a", "job.finished")).await.unwrap_err();
    assert!(matches!(unreachable, Error::Unreachable(_)) && unreachable.is_transient());
}
