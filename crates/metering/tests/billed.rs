//! What billing is told of usage, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Env, EventId, Instant, OrgId, Period, Quantity, Scope, Span};
use insula_metering::{
    Bounded, Settler, Thresholds,
    billed::{self, BilledEvent, Figure, digest_of},
    log::{Charge, Fold, Groups, Report},
    usage::{self, Step, Wanted},
};
use insula_storage::{PlatformTx, Storage, Store, Worker, args, statements};
use insula_testkit::on_both_engines;
use std::{collections::BTreeSet, sync::Arc};
use support::{NOON, Run, at};

statements! {
    catalogue PROBES of Platform;
    Ledger NUMBERS() = "SELECT settled FROM usage_event ORDER BY settled";
}

/// What stands for a proof of authorization.
struct Member(OrgId);

impl Scope for Member {
    fn organization(&self) -> OrgId {
        self.0
    }
}

/// No limits, and clocks that are so far ahead.
struct Ahead(Span);

impl Thresholds for Ahead {
    fn ahead(&self, _: OrgId) -> Span {
        self.0
    }

    fn of(&self, _: OrgId, _: &str) -> Vec<Bounded> {
        Vec::new()
    }
}

/// The meters that these tests use, each put together in another way.
const METERS: [&str; 4] = ["tokens", "peak", "level", "people"];

fn period(start: &str, end: &str) -> Period {
    Period { start: at(start), end: at(end) }
}

/// A report of what counts on these meters.
fn report<'a>(env: &Env, org: OrgId, time: Instant, charges: &'a [Charge<'a>]) -> Report<'a> {
    let id = EventId::generate(env);
    let mut key = [0; 32];
    key[..16].copy_from_slice(id.uuid().as_bytes());
    Report {
        id,
        org,
        key,
        body: [0; 16],
        kind: "job.finished",
        source: "/render",
        subject: None,
        at: time,
        received_at: time,
        project: None,
        team: None,
        key_id: None,
        user: None,
        service: None,
        environment: 0,
        groups: Groups::NONE,
        data: None,
        charges: charges.into(),
    }
}

/// Instants that look like chance and always come out the same: some minutes, hours and days apart, some in the same minute.
fn instants() -> Vec<Instant> {
    let mut instants = Vec::new();
    let mut seed = 7_i64;
    for _ in 0..120 {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        let spread = [Span::from_mins(2), Span::from_hours(3), Span::from_days(3)][instants.len() % 3];
        let offset = seed.wrapping_mul(997_003) % spread.as_micros();
        instants.push(at("2026-03-01T22:58:30.5Z") + Span::from_micros(offset));
    }
    instants
}

async fn platform(storage: &Storage) -> PlatformTx {
    storage.platform_read(Store::Ledger, &Worker::Billing).await.unwrap()
}

async fn figure(storage: &Storage, org: OrgId, meter: &str, period: Period) -> Figure {
    billed::figure(&mut platform(storage).await, org, meter, period).await.unwrap()
}

/// All events behind a figure, listed a few at a time.
async fn listed(
    storage: &Storage,
    org: OrgId,
    meter: &str,
    period: Period,
    numbers: (i64, i64),
) -> Vec<BilledEvent> {
    let mut tx = storage.read(Store::Ledger, &Member(org)).await.unwrap();
    let (mut all, mut after): (Vec<BilledEvent>, _) = (Vec::new(), None);
    loop {
        let page = billed::events(&mut tx, meter, period, numbers, after, 7).await.unwrap();
        after = page.last().map(BilledEvent::position);
        let is_last = page.len() < 7;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}

/// What these events come to, as the meter puts them together.
fn come_to(meter: &str, events: &[BilledEvent]) -> i64 {
    match meter {
        "tokens" => events.iter().map(|event| event.units).sum(),
        "peak" => events.iter().map(|event| event.units).max().unwrap_or(0),
        "level" => events.iter().map(|event| (event.at, event.units)).max().map_or(0, |(_, units)| units),
        _ => {
            let values: BTreeSet<_> = events.iter().map(|event| event.value.as_ref().unwrap()).collect();
            i64::try_from(values.len()).unwrap()
        }
    }
}

/// Reports an event at each instant, some of which don't count on some meters.
async fn report_all(run: &mut Run, settler: &mut Settler, org: OrgId) {
    for (number, time) in (0_i64..).zip(instants()) {
        let member = [u8::try_from(number % 11).unwrap(); 16];
        let charges = [
            Charge::add("tokens", number + 1),
            Charge { meter: "peak", quantity: 7 * number % 101, fold: Fold::Max },
            Charge { meter: "level", quantity: 13 * number % 89, fold: Fold::Last },
            Charge { meter: "people", quantity: 1, fold: Fold::Unique(member) },
        ];
        let charges = if number % 5 == 0 { &charges[1..] } else { &charges };
        run.writer.append_report(&report(&run.env, org, time, charges)).unwrap();
        // In many small batches.
        if number % 9 == 0 {
            settler.catch_up().await.unwrap();
        }
    }
    settler.catch_up().await.unwrap();
}

on_both_engines! {
    async fn figures_of_any_periods_are_those_of_their_events_and_add_up(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        report_all(&mut run, &mut settler, org).await;
        run.request(OrgId::generate(&run.env), None, &[("tokens", 1_000_000)]);
        settler.catch_up().await.unwrap();
        let storage = &run.storage;
        let all = period("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let mut cuts = vec![
            all.start,
            at("2026-03-01T22:58:30.500001Z"),
            at("2026-03-01T22:58:45Z"),
            at("2026-03-01T22:59:00Z"),
            at("2026-03-01T23:00:00Z"),
            at("2026-03-02T00:00:00Z"),
            at("2026-03-02T17:31:12.345678Z"),
            at("2026-03-04T00:00:00Z"),
            all.end,
        ];
        // Where events are: one belongs to the period that begins with it.
        cuts.extend(instants().into_iter().step_by(29));
        cuts.sort();
        for meter in METERS {
            let whole = figure(storage, org, meter, all).await;
            let mut together = Figure::default();
            for (index, start) in cuts.iter().enumerate() {
                for (step, end) in cuts[index..].iter().enumerate() {
                    let period = Period { start: *start, end: *end };
                    let found = figure(storage, org, meter, period).await;
                    let events = listed(storage, org, meter, period, (0, i64::MAX)).await;
                    let expected = Figure {
                        units: come_to(meter, &events),
                        events: i64::try_from(events.len()).unwrap(),
                        digest: digest_of(events.iter().map(|event| event.id.uuid())),
                    };
                    assert_eq!(found, expected, "{meter} of {period:?}");
                    assert!(events.iter().all(|event| (period.start..period.end).contains(&event.at)));
                    assert!(events.is_sorted_by_key(BilledEvent::position));
                    if step == 1 {
                        together.units += found.units;
                        together.events += found.events;
                        together.digest = (together.digest + found.digest) % (1 << 62);
                    }
                }
            }
            assert_eq!((together.events, together.digest), (whole.events, whole.digest));
            if meter == "tokens" {
                assert_eq!(together, whole);
                assert_eq!(whole.units, (1..=120).filter(|number| number % 5 != 1).sum::<i64>());
            }
        }
    }

    async fn a_set_of_events_named_by_its_numbers_stays_the_same(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let march = period("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
        let mut marks = vec![0];
        for count in 1..=3 {
            for _ in 0..count * 10 {
                run.request(org, None, &[("tokens", count)]);
            }
            settler.catch_up().await.unwrap();
            let mut tx = run.storage.platform_write(Store::Ledger, &Worker::Billing).await.unwrap();
            marks.push(billed::settled(&mut tx).await.unwrap());
        }
        assert_eq!(marks, [0, 10, 30, 60]);
        for count in 1..=3_usize {
            let numbers = (marks[count - 1], marks[count]);
            let events = listed(&run.storage, org, "tokens", march, numbers).await;
            assert_eq!(events.len(), count * 10);
            assert!(events.iter().all(|event| usize::try_from(event.units) == Ok(count)));
        }
    }

    async fn nothing_is_settled_while_someone_reads_how_far_it_is(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let march = period("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
        let handle = settler.start();
        run.request(org, None, &[("tokens", 1)]);
        handle.flush().await.unwrap();
        let mut tx = run.storage.platform_write(Store::Ledger, &Worker::Billing).await.unwrap();
        assert_eq!(billed::settled(&mut tx).await.unwrap(), 1);
        run.request(org, None, &[("tokens", 2)]);
        let flush = tokio::spawn({
            let handle = handle.clone();
            async move { handle.flush().await }
        });
        while handle.figures().pending == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(billed::figure(&mut tx, org, "tokens", march).await.unwrap().units, 1);
        assert!(!flush.is_finished());
        tx.commit().await.unwrap();
        flush.await.unwrap().unwrap();
        assert_eq!(figure(&run.storage, org, "tokens", march).await.units, 3);
    }

    async fn numbers_have_no_gaps_when_events_are_told_again(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("tokens", 5)];
        let twice = report(&run.env, org, run.env.now(), &charges);
        for _ in 0..2 {
            run.writer.append_report(&twice).unwrap();
            run.request(org, None, &[("tokens", 1)]);
        }
        settler.catch_up().await.unwrap();
        run.writer.append_report(&twice).unwrap();
        run.request(org, None, &[]);
        settler.catch_up().await.unwrap();
        let numbers: Vec<(i64,)> = platform(&run.storage).await.fetch_all(&NUMBERS, args![]).await.unwrap();
        assert_eq!(numbers, [(1,), (2,), (3,), (4,)]);
    }

    async fn the_days_of_late_events_are_kept_until_they_are_forgotten(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("tokens", 5)];
        let now = run.env.now();
        let reported = |run: &mut Run, time: Instant, received_at: Instant| {
            run.writer.append_report(&Report { received_at, ..report(&run.env, org, time, &charges) }).unwrap();
        };
        reported(&mut run, now - Span::from_mins(30), now);
        settler.catch_up().await.unwrap();
        let days = async |run: &Run, before: &str| {
            let days = billed::late_days(&mut platform(&run.storage).await, org, at(before)).await.unwrap();
            days.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(days(&run, "2027-01-01T00:00:00Z").await.is_empty(), "half an hour isn't late");
        reported(&mut run, at("2026-02-26T10:00:00Z"), now);
        reported(&mut run, at("2026-02-26T23:59:59.999999Z"), now);
        reported(&mut run, at("2026-02-28T10:00:00Z"), now);
        // The clock of whoever settles stands before that of whoever took it in.
        reported(&mut run, now, now + Span::from_mins(31));
        settler.catch_up().await.unwrap();
        // A request that is settled long after it came.
        run.clock.set(at("2026-03-02T12:00:00Z"));
        run.request(org, None, &[("tokens", 1)]);
        run.clock.advance(Span::from_hours(1));
        settler.catch_up().await.unwrap();
        let expected =
            ["2026-02-26T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"];
        assert_eq!(days(&run, "2027-01-01T00:00:00Z").await, expected);
        assert_eq!(days(&run, "2026-03-01T00:00:00Z").await, expected[..2]);

        let mut tx = run.storage.platform_write(Store::Ledger, &Worker::Billing).await.unwrap();
        billed::settled(&mut tx).await.unwrap();
        billed::forget_late(&mut tx, org, &[at(expected[0]), at(expected[2])]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(days(&run, "2027-01-01T00:00:00Z").await, [expected[1], expected[3]]);
        reported(&mut run, at("2026-02-26T11:00:00Z"), now);
        settler.catch_up().await.unwrap();
        assert_eq!(days(&run, "2026-02-27T00:00:00Z").await, expected[..1]);
    }

    async fn lateness_is_by_the_time_of_the_organization(store) {
        let (mut run, settler) = Run::start(&store).await;
        let mut settler = settler.with_thresholds(Arc::new(Ahead(Span::from_days(30))));
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("tokens", 5)];
        let now = run.env.now() + Span::from_days(30);
        for time in [now, now - Span::from_mins(30), now - Span::from_hours(30), run.env.now()] {
            let reported = Report { received_at: now, ..report(&run.env, org, time, &charges) };
            run.writer.append_report(&reported).unwrap();
        }
        // It came before the organization's clock was moved.
        run.request(org, None, &[("tokens", 1)]);
        settler.catch_up().await.unwrap();
        let days = billed::late_days(&mut platform(&run.storage).await, org, now).await.unwrap();
        assert_eq!(days, [at("2026-03-01T00:00:00Z"), at("2026-03-30T00:00:00Z")]);
    }

    async fn windows_beyond_a_bound_are_those_that_begin_in_the_period(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for (hour, tokens) in [("10", 5), ("11", 9), ("12", 10), ("13", 11)] {
            run.clock.set(at(&format!("2026-03-01T{hour}:30:00Z")));
            run.request(org, None, &[("tokens", tokens)]);
        }
        run.clock.set(at("2026-03-02T08:00:00Z"));
        run.request(org, None, &[("requests", 1)]);
        settler.catch_up().await.unwrap();
        let mut tx = platform(&run.storage).await;
        let beyond = async |tx: &mut PlatformTx, step, from: &str, to: &str, bound| {
            let found = billed::beyond(tx, org, "tokens", step, period(from, to), bound).await.unwrap();
            found.into_iter().map(|(start, units)| (start.to_string(), units)).collect::<Vec<_>>()
        };
        let hour = |hour: &str, units| (format!("2026-03-01T{hour}:00:00Z"), units);
        let (start, end) = ("2026-03-01T10:30:00Z", "2026-03-01T13:00:00Z");
        assert_eq!(beyond(&mut tx, Step::Hour, start, end, 4).await, [hour("11", 9), hour("12", 10)]);
        assert_eq!(beyond(&mut tx, Step::Hour, start, "2026-03-01T13:00:00.000001Z", 9).await, [hour("12", 10), hour("13", 11)]);
        assert_eq!(beyond(&mut tx, Step::Day, start, "2026-03-02T00:00:00Z", 4).await, []);
        assert_eq!(beyond(&mut tx, Step::Day, "2026-03-01T00:00:00Z", end, 34).await, [hour("00", 35)]);

        let meters = async |tx: &mut PlatformTx, from: &str, to: &str| billed::meters(tx, org, period(from, to)).await.unwrap();
        assert_eq!(meters(&mut tx, "2026-03-01T23:59:00Z", "2026-03-02T00:00:00Z").await, ["tokens"]);
        assert_eq!(meters(&mut tx, "2026-02-01T00:00:00Z", "2026-03-02T00:00:00.000001Z").await, ["requests", "tokens"]);
        assert_eq!(meters(&mut tx, "2026-03-03T00:00:00Z", "2027-03-03T00:00:00Z").await, [""; 0]);
        let wanted = |from: &str, to: &str| Wanted { org, meter: "tokens".into(), period: period(from, to) };
        let wanted = [
            wanted("2026-03-01T10:30:00Z", "2026-03-01T12:30:00Z"),
            wanted("2026-03-01T10:30:00.000001Z", "2026-03-01T12:30:00.000001Z"),
            wanted("2026-03-01T12:29:59.999999Z", "2026-03-01T12:30:00.000001Z"),
            wanted(NOON, NOON),
        ];
        assert_eq!(usage::totals(&mut tx, &wanted).await.unwrap(), [14, 19, 10, 0].map(Quantity::from_units));
        let nothing = figure(&run.storage, org, "requests", period(NOON, NOON)).await;
        assert_eq!(nothing, Figure::default());
    }
}
