//! Events that stand in packs are found as those that have rows, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{EventId, Instant, OrgId, Period, Scope, Span};
use insula_metering::{
    Settler,
    archive::{self, Places},
    billed::{self, BilledEvent, Figure},
    log::{Charge, Fold, Groups, Report},
    reconcile,
    usage::{self, EventRecord, Wanted},
};
use insula_storage::{PlatformTx, Storage, Store, Worker, args, statements};
use insula_testkit::on_both_engines;
use std::fs;
use support::{Run, at, log_folder};

statements! {
    catalogue PROBES of Platform;
    Ledger ROWS() = "SELECT count(*) FROM usage_event";
}

/// What stands for a proof of authorization.
struct Member(OrgId);

impl Scope for Member {
    fn organization(&self) -> OrgId {
        self.0
    }
}

const METERS: [&str; 4] = ["tokens", "peak", "level", "people"];
const ALL: (&str, &str) = ("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z");

fn period((start, end): (&str, &str)) -> Period {
    Period { start: at(start), end: at(end) }
}

/// Numbers that look like chance and always come out the same.
fn chance(seed: &mut i64, below: i64) -> i64 {
    *seed = (*seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    seed.wrapping_mul(997_003) % below
}

/// Reports so many events, spread over a week, on all meters.
async fn report_some(run: &mut Run, settler: &mut Settler, org: OrgId, seed: &mut i64, count: i64) {
    for number in 0..count {
        let time =
            at("2026-03-01T22:58:30.5Z") + Span::from_micros(chance(seed, Span::from_days(7).as_micros()));
        let member = [u8::try_from(number % 11).unwrap(); 16];
        let charges = [
            Charge::add("tokens", number + 1),
            Charge { meter: "peak", quantity: chance(seed, 101), fold: Fold::Max },
            Charge { meter: "level", quantity: chance(seed, 89), fold: Fold::Last },
            Charge { meter: "people", quantity: 1, fold: Fold::Unique(member) },
        ];
        let charges = if number % 5 == 0 { &charges[1..] } else { &charges };
        let id = EventId::generate(&run.env);
        let mut key = [0; 32];
        key[..16].copy_from_slice(id.uuid().as_bytes());
        let report = Report {
            id,
            org,
            key,
            body: [0; 16],
            kind: "job.finished",
            source: "/render",
            subject: Some("job-1"),
            at: time,
            received_at: time,
            project: None,
            team: None,
            key_id: None,
            user: None,
            service: None,
            environment: 2,
            groups: Groups::NONE,
            data: Some("{\"seconds\":1.5}"),
            charges: charges.into(),
        };
        run.writer.append_report(&report).unwrap();
    }
    settler.catch_up().await.unwrap();
}

async fn platform(storage: &Storage) -> PlatformTx {
    storage.platform_read(Store::Ledger, &Worker::Billing).await.unwrap()
}

/// Packs what lies before an instant and says how many events that were.
async fn pack(run: &Run, org: OrgId, before: Instant) -> u64 {
    let mut packed = 0;
    loop {
        match archive::pack_some(&run.storage, &run.env, org, before).await.unwrap() {
            0 => return packed,
            some => packed += some,
        }
    }
}

async fn rows(storage: &Storage) -> i64 {
    let (rows,): (i64,) = platform(storage).await.fetch_one(&ROWS, args![]).await.unwrap();
    rows
}

/// All that is known of an organization's events.
#[derive(PartialEq, Debug)]
struct Known {
    figures: Vec<Figure>,
    /// By pages of this many.
    events: Vec<BilledEvent>,
    records: Vec<EventRecord>,
    total: i64,
}

async fn known(storage: &Storage, org: OrgId, page: u32, numbers: (i64, i64)) -> Known {
    let all = period(ALL);
    let periods = [
        all,
        period(("2026-03-02T10:00:00.5Z", "2026-03-05T17:31:12.345678Z")),
        period(("2026-03-03T00:00:30Z", "2026-03-03T23:59:30Z")),
    ];
    let mut figures = Vec::new();
    for meter in METERS {
        for period in periods {
            figures.push(billed::figure(&mut platform(storage).await, org, meter, period).await.unwrap());
        }
    }
    let mut tx = storage.read(Store::Ledger, &Member(org)).await.unwrap();
    let (mut events, mut after): (Vec<BilledEvent>, _) = (Vec::new(), None);
    loop {
        let some = billed::events(&mut tx, "people", all, numbers, after, page).await.unwrap();
        after = some.last().map(BilledEvent::position);
        let is_last = some.len() < page as usize;
        events.extend(some);
        if is_last {
            break;
        }
    }
    let mut records = Vec::new();
    for event in events.iter().step_by(13) {
        records.push(usage::event(&mut tx, event.id.uuid()).await.unwrap().unwrap());
    }
    drop(tx);
    let wanted = Wanted { org, meter: "tokens".into(), period: periods[1] };
    let total = usage::totals(&mut platform(storage).await, &[wanted]).await.unwrap()[0].units();
    Known { figures, events, records, total }
}

/// Whether every sum of the week is that of its events.
async fn is_sound(storage: &Storage) -> bool {
    let found = reconcile::days(&mut platform(storage).await, period(ALL)).await.unwrap();
    found.is_empty()
}

on_both_engines! {
    async fn packed_events_are_found_as_before_with_those_that_came_later(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let (org, other) = (OrgId::generate(&run.env), OrgId::generate(&run.env));
        let mut seed = 7;
        report_some(&mut run, &mut settler, other, &mut seed, 20).await;
        // Many small packs, each of events from all over the time before.
        for (day, round) in (2..).zip(0..6) {
            run.clock.advance(Span::from_hours(1));
            report_some(&mut run, &mut settler, org, &mut seed, 60).await;
            let before = known(&run.storage, org, 7, (0, i64::MAX)).await;
            let packed = pack(&run, org, at(&format!("2026-03-0{day}T12:00:00Z"))).await;
            assert!(packed > 0, "round {round}");
            for page in [1, 7, 1_000] {
                assert_eq!(known(&run.storage, org, page, (0, i64::MAX)).await, before, "round {round}");
            }
            assert!(is_sound(&run.storage).await);
        }
        pack(&run, org, at(ALL.1)).await;
        assert_eq!(rows(&run.storage).await, 20, "the other organization's");
        let places = archive::places(&mut platform(&run.storage).await).await.unwrap();
        assert_eq!((places.hot, places.packed, places.packs), (20, 360, 7));
        assert!((1..360 * 100).contains(&places.pack_bytes), "{places:?}");
        // A set named by its numbers.
        let some = known(&run.storage, org, 7, (100, 200)).await;
        assert_eq!(some.events.len(), 100);
        assert!(some.events.iter().all(|event| (101..=200).contains(&event.settled)));
        // And nobody else's.
        let id = some.events[0].id.uuid();
        let mut tx = run.storage.read(Store::Ledger, &Member(other)).await.unwrap();
        assert_eq!(usage::event(&mut tx, id).await.unwrap(), None);
        assert_eq!(billed::events(&mut tx, "people", period(ALL), (0, i64::MAX), None, 100).await.unwrap().len(), 20);
    }

    async fn a_pack_that_was_not_committed_leaves_no_trace(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        report_some(&mut run, &mut settler, org, &mut 7, 50).await;
        let before = known(&run.storage, org, 7, (0, i64::MAX)).await;
        let packing = archive::pack_some(&run.storage, &run.env, org, at(ALL.1));
        // Given up on somewhere on its way: before its commit or behind it.
        let mut packing = Box::pin(packing);
        let _ = tokio::time::timeout(std::time::Duration::ZERO, &mut packing).await;
        drop(packing);
        assert_eq!(known(&run.storage, org, 7, (0, i64::MAX)).await, before);
        let more = pack(&run, org, at(ALL.1)).await;
        assert!([0, 50].contains(&more), "all of them or none: {more}");
        let places = archive::places(&mut platform(&run.storage).await).await.unwrap();
        assert_eq!((places.hot, places.packed, places.packs), (0, 50, 1));
        assert_eq!(known(&run.storage, org, 7, (0, i64::MAX)).await, before);
        assert_eq!(pack(&run, org, at(ALL.1)).await, 0, "all are packed");
        assert_eq!(archive::waiting(&mut platform(&run.storage).await, &[(org, at(ALL.1))]).await.unwrap(), []);
    }

    async fn what_the_log_tells_again_counts_once_where_it_is_packed(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for _ in 0..20 {
            run.request(org, None, &[("tokens", 3)]);
        }
        report_some(&mut run, &mut settler, org, &mut 7, 20).await;
        let segments: Vec<_> = fs::read_dir(log_folder(&store))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect();
        assert!(!segments.is_empty());
        settler.catch_up().await.unwrap();
        let before = known(&run.storage, org, 7, (0, i64::MAX)).await;
        assert_eq!(pack(&run, org, at(ALL.1)).await, 40);
        drop((run, settler));
        segments.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
        let (mut run, mut settler) = Run::start(&store).await;
        // Beside what is new.
        run.request(org, None, &[("peak", 3)]);
        settler.catch_up().await.unwrap();
        assert_eq!(rows(&run.storage).await, 1, "the new one");
        let after = known(&run.storage, org, 7, (0, i64::MAX)).await;
        assert_eq!((after.events, after.total), (before.events, before.total));
        assert!(is_sound(&run.storage).await);
        let places = archive::places(&mut platform(&run.storage).await).await.unwrap();
        assert_eq!(Places { pack_bytes: 0, ..places }, Places { hot: 1, packed: 40, packs: 1, pack_bytes: 0 });
    }
}
