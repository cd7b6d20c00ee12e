//! What settlement promises, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod facts;
mod support;

use facts::{Member, used};
use insula_kernel::{KeyId, OrgId, Span};
use insula_metering::{
    METERING_STATEMENTS, METERING_TENANT_STATEMENTS, Settler,
    log::{Log, Options, Outcome},
    usage::{
        self,
        Step::{Day, Hour},
        Windows,
    },
};
use insula_storage::{Storage, Store, Worker, args, statements};
use insula_testkit::{TestStore, on_both_engines};
use std::{fs, time::Duration};
use support::{NOON, Run, at, log_folder};

statements! {
    catalogue PROBES of Tenant;
    Ledger EVENTS(tenant: Id) =
        "SELECT quantities, outcome, recovered, status, bytes_out FROM usage_event WHERE tenant_id = $1 ORDER BY id";
}

/// Quantities, outcome, whether recovered, status, bytes out.
type Row = (String, String, bool, i64, i64);

async fn events(storage: &Storage, org: OrgId) -> Vec<Row> {
    let mut tx = storage.read(Store::Ledger, &Member(org)).await.unwrap();
    tx.fetch_all(&EVENTS, args![]).await.unwrap()
}

/// Takes a table of the ledger away, or puts it back, and ends every connection to a server.
async fn set_broken(store: &TestStore, broken: bool) {
    let (from, to) = if broken { ("usage_event", "away") } else { ("away", "usage_event") };
    match store.database() {
        Some(database) => {
            let mut owner = database.connect("insula_migrate").await;
            let sql = format!("ALTER TABLE ledger.{from} RENAME TO {to}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
            let mut admin = database.connect("postgres").await;
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND usename = 'insula_platform'";
            sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
        }
        None => {
            use sqlx::ConnectOptions as _;
            let file = store.folder().join("data").join("ledger.db");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
            let mut ledger = options.connect().await.unwrap();
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut ledger).await.unwrap();
        }
    }
}

on_both_engines! {
    async fn every_statement_prepares(store) {
        let storage = store.open().await;
        for statement in METERING_STATEMENTS {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
        for statement in METERING_TENANT_STATEMENTS.iter().chain(PROBES) {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
    }

    async fn what_was_settled_is_what_was_used(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let (one, two) = (OrgId::generate(&run.env), OrgId::generate(&run.env));
        let (key, unused) = (KeyId::generate(&run.env), KeyId::generate(&run.env));
        run.clock.set(at("2026-02-28T23:59:59.999999Z"));
        run.request(one, Some(key), &[("requests", 1)]);
        run.clock.set(at("2026-03-01T00:00:00Z"));
        run.request(one, Some(key), &[("requests", 1), ("tokens", 40)]);
        run.request(one, None, &[("requests", 1), ("tokens", 2)]);
        run.clock.set(at("2026-03-01T02:30:00Z"));
        run.request(one, None, &[("requests", 3), ("requests", 2)]);
        run.request(two, None, &[("requests", 100)]);
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.duplicates, figures.pending), (5, 0, 0));

        let ask = async |org, meter, from, to, kind| {
            let windows = Windows::covering(at(from), at(to), kind).unwrap();
            let mut tx = run.storage.read(Store::Ledger, &Member(org)).await.unwrap();
            let buckets = usage::buckets(&mut tx, meter, &windows).await.unwrap();
            buckets.iter().map(|bucket| bucket.quantity.units()).collect::<Vec<_>>()
        };
        let (from, to) = ("2026-02-28T22:00:00Z", "2026-03-01T03:00:00Z");
        assert_eq!(ask(one, "requests", from, to, Hour).await, [0, 1, 2, 0, 5]);
        assert_eq!(ask(one, "requests", from, to, Day).await, [1, 7]);
        assert_eq!(ask(one, "tokens", from, to, Day).await, [0, 42]);
        assert_eq!(ask(one, "nothing", from, to, Day).await, [0, 0]);
        assert_eq!(ask(two, "requests", from, to, Day).await, [0, 100]);

        let mut tx = run.storage.read(Store::Ledger, &Member(one)).await.unwrap();
        let last = usage::last_use(&mut tx, key.min(unused), key.max(unused)).await.unwrap();
        assert_eq!((last.get(&key), last.get(&unused)), (Some(&at("2026-03-01T00:00:00Z")), None));
        assert!(usage::last_use(&mut tx, unused, unused).await.unwrap().is_empty());
        let quantities = r#"{"requests":1,"tokens":40}"#;
        assert!(events(&run.storage, one).await.iter().any(|event| event.0 == quantities));
    }

    async fn counters_are_restored_from_the_windows_that_have_not_ended(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for time in ["2026-02-28T12:30:00Z", "2026-03-01T11:59:00Z", "2026-03-01T12:30:00Z"] {
            run.clock.set(at(time));
            run.request(org, None, &[("requests", 1)]);
        }
        settler.catch_up().await.unwrap();
        let current = async |now| {
            let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
            let all = usage::current(&mut tx, at(now)).await.unwrap();
            assert!(all.iter().all(|current| current.org == org && current.meter == "requests"));
            all.into_iter().map(|c| (c.window, c.start, c.quantity.units())).collect::<Vec<_>>()
        };
        let (day, hour) = (at("2026-03-01T00:00:00Z"), at(NOON));
        assert_eq!(current("2026-03-01T12:59:59Z").await, [(Day, day, 2), (Hour, hour, 1)]);
        assert_eq!(current("2026-03-01T13:00:00Z").await, [(Day, day, 2)]);
        assert_eq!(current("2026-03-02T00:00:00Z").await, []);
        // The clock was set back: what was used in windows that come again must not be given twice.
        let early = current("2026-02-28T13:00:00Z").await;
        assert!(early.contains(&(Day, at("2026-02-28T00:00:00Z"), 1)) && early.contains(&(Hour, hour, 1)));
    }

    async fn the_day_of_many_organizations_comes_in_one_answer(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let orgs: Vec<_> = (0..5).map(|_| OrgId::generate(&run.env)).collect();
        for (org, count) in orgs.iter().zip(0..4) {
            for _ in 0..count {
                run.request(*org, None, &[("requests", 1), ("tokens", 5)]);
            }
        }
        settler.catch_up().await.unwrap();
        let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
        let on = |orgs: &[OrgId], day| orgs.iter().map(|org| (*org, day)).collect::<Vec<_>>();
        let today = usage::today(&mut tx, &on(&orgs[1..], run.env.now()), "requests").await.unwrap();
        let counts: Vec<_> = orgs.iter().map(|org| today.get(org).map(|quantity| quantity.units())).collect();
        assert_eq!(counts, [None, Some(1), Some(2), Some(3), None]);
        let tomorrow = run.env.now() + Span::from_days(1);
        assert!(usage::today(&mut tx, &on(&orgs, tomorrow), "requests").await.unwrap().is_empty());
        assert!(usage::today(&mut tx, &[], "requests").await.unwrap().is_empty());
    }

    async fn a_segment_told_twice_counts_once(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for _ in 0..300 {
            run.request(org, None, &[("requests", 1)]);
        }
        let open = run.admit(org, None, &[("requests", 1)]);
        drop(open);
        // As after a crash between the commit and the confirmation: the segments are there again.
        let copies: Vec<_> = fs::read_dir(log_folder(&store))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect();
        assert_eq!(settler.catch_up().await.unwrap().events, 300);
        drop((run, settler));
        for (bytes, path) in copies {
            fs::write(path, bytes).unwrap();
        }
        for (new, old) in [(1, 300), (0, 0)] {
            let (run, mut settler) = Run::start(&store).await;
            let figures = settler.catch_up().await.unwrap();
            assert_eq!((figures.events, figures.duplicates, figures.recovered), (new, old, new));
            assert_eq!((used(&run.storage, org, "requests").await, events(&run.storage, org).await.len()), (301, 301));
        }
    }

    async fn a_request_that_no_one_ended_is_charged_as_reserved(store) {
        let (mut run, _settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let ended = run.admit(org, None, &[("tokens", 100)]);
        let lost = run.admit(org, None, &[("tokens", 50)]);
        run.end(ended, Outcome::ClientGone, &[("tokens", 7)]);
        drop((run, _settler, lost));

        let (run, mut settler) = Run::start(&store).await;
        assert_eq!(settler.catch_up().await.unwrap().recovered, 1);
        assert_eq!(used(&run.storage, org, "tokens").await, 57);
        let of = |quantities: &str, outcome: &str, recovered, status, bytes| {
            (quantities.to_owned(), outcome.to_owned(), recovered, status, bytes)
        };
        let expected =
            [of(r#"{"tokens":7}"#, "client_gone", false, 200, i64::MAX), of(r#"{"tokens":50}"#, "unknown", true, 0, 0)];
        let mut found = events(&run.storage, org).await;
        found.sort_by_key(|row| row.2);
        assert_eq!(found, expected);
    }

    async fn a_released_request_is_no_event(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let (org, key) = (OrgId::generate(&run.env), KeyId::generate(&run.env));
        let ticket = run.admit(org, Some(key), &[("requests", 1)]);
        run.end(ticket, Outcome::Released, &[]);
        // A route that meters nothing: an event all the same.
        run.request(org, None, &[]);
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.released), (1, 1));
        assert_eq!((used(&run.storage, org, "requests").await, events(&run.storage, org).await.len()), (0, 1));
    }

    async fn a_sum_stops_at_the_end_of_its_range(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for quantities in [[("a", i64::MAX), ("a", 5), ("b", 5)], [("a", -7), ("b", -7), ("b", 1)]] {
            run.request(org, None, &quantities);
            settler.catch_up().await.unwrap();
            run.request(org, None, &quantities);
            settler.catch_up().await.unwrap();
        }
        assert_eq!(used(&run.storage, org, "a").await, i64::MAX);
        assert_eq!(used(&run.storage, org, "b").await, 12);
    }

    async fn a_ledger_that_fails_and_comes_back_lacks_nothing(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let handle = settler.start();
        run.request(org, None, &[("requests", 1)]);
        handle.flush().await.unwrap();

        set_broken(&store, true).await;
        for _ in 0..20 {
            run.request(org, None, &[("requests", 1)]);
        }
        let error = handle.flush().await.unwrap_err();
        assert_eq!((error.kind().status(), error.code()), (503, "usage.unsettled"));
        run.clock.advance(Span::from_secs(60));
        run.request(org, None, &[("requests", 1)]);
        assert!(handle.flush().await.is_err());
        let figures = handle.figures();
        assert_eq!((figures.events, figures.settled_until), (1, at(NOON)));
        // As many as there were when it was first tried; nothing more is read until they are in the ledger.
        assert!((1..=20).contains(&figures.pending), "{figures:?}");
        set_broken(&store, false).await;

        // It comes back by itself.
        while handle.figures().events < 22 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        handle.flush().await.unwrap();
        assert_eq!(used(&run.storage, org, "requests").await, 22);
        assert_eq!((handle.figures().duplicates, handle.settled_until()), (0, run.env.now()));
    }

    async fn a_ledger_that_is_closed_leaves_usage_to_the_next_run(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let handle = settler.start();
        run.storage.close().await;
        run.request(org, None, &[("requests", 1)]);
        assert_eq!(handle.shutdown().await.unwrap_err().code(), "usage.unsettled");
        drop((run, handle));

        let (run, mut settler) = Run::start(&store).await;
        assert_eq!(settler.catch_up().await.unwrap().events, 1);
        assert_eq!(used(&run.storage, org, "requests").await, 1);
    }

    async fn a_flush_covers_what_was_just_acknowledged(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let handle = settler.start();
        for count in 1..=20 {
            run.request(org, None, &[("requests", 1)]);
            handle.flush().await.unwrap();
            assert_eq!(used(&run.storage, org, "requests").await, count);
        }
        run.request(org, None, &[("requests", 1)]);
        handle.shutdown().await.unwrap();
        assert_eq!(used(&run.storage, org, "requests").await, 21);
        assert_eq!(handle.flush().await.unwrap_err().code(), "usage.unsettled");
    }

    async fn usage_is_settled_without_being_asked_for(store) {
        let (mut run, settler) = Run::start(&store).await;
        let handle = settler.start();
        let org = OrgId::generate(&run.env);
        run.request(org, None, &[("requests", 1)]);
        while handle.figures().events < 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(used(&run.storage, org, "requests").await, 1);
    }

    async fn many_events_are_settled_in_many_batches(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let orgs: Vec<_> = (0..3).map(|_| OrgId::generate(&run.env)).collect();
        for n in 0..9_003 {
            run.request(orgs[n % 3], None, &[("requests", 1)]);
        }
        assert_eq!(settler.catch_up().await.unwrap().events, 9_003);
        for org in orgs {
            assert_eq!(used(&run.storage, org, "requests").await, 3_001);
        }
        // Only the segment that is still written to is left.
        assert_eq!(fs::read_dir(log_folder(&store)).unwrap().count(), 1);
    }

    async fn damage_is_counted_and_passed_over(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        for _ in 0..10 {
            run.request(org, None, &[("requests", 1)]);
        }
        drop((run, settler));
        let segment = fs::read_dir(log_folder(&store)).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&segment).unwrap();
        // In the first record, behind the header of 64 bytes.
        bytes[100] ^= 1;
        fs::write(&segment, bytes).unwrap();

        let (run, mut settler) = Run::start(&store).await;
        let figures = settler.catch_up().await.unwrap();
        // The intent can't be read, so its settlement is nobody's.
        assert_eq!((figures.events, figures.damaged), (9, 2));
        assert_eq!(used(&run.storage, org, "requests").await, 9);
        assert!(segment.with_extension("damaged").exists());
    }

    async fn what_another_process_leaves_behind_is_settled_too(store) {
        let (mut older, older_settler) = Run::start(&store).await;
        let org = OrgId::generate(&older.env);
        older.request(org, None, &[("requests", 1)]);
        // A second node isn't let in beside the first, so the newer process takes over the stores, not the log.
        let storage = older.storage.clone();
        let (_log, tail) = Log::open(log_folder(&store), Options::default(), older.env.clone()).unwrap();
        let newer = Settler::new(storage.clone(), tail, older.env.clone()).start();
        newer.flush().await.unwrap();
        assert_eq!(newer.figures().events, 0, "the older one may still be writing");
        older.request(org, None, &[("requests", 1)]);
        drop((older, older_settler));
        while newer.figures().events < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(used(&storage, org, "requests").await, 2);
    }
}
