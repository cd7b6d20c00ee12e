//! What settlement makes of reports, holds, folds and limits, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod facts;
mod support;

use facts::{Member, used};
use insula_kernel::{
    AdmissionId, Env, EventId, HoldId, Instant, KeyId, OrgId, Period, ProjectId, Quantity, ServiceId, Span,
    TeamId, UserId,
};
use insula_metering::{
    Bounded, LimitWindow, Thresholds,
    log::{
        Charge, Check, Fold, Group, Groups, HoldChange, HoldIntent, HoldOutcome, HoldStep, Intent, Log,
        Options, Outcome, Report, Settlement,
    },
    reconcile::{self, Part},
    usage::{self, Scope, Step, Subject, Wanted, Windows},
};
use insula_rating::Anchor;
use insula_storage::{Storage, Store, Worker, args, statements};
use insula_testkit::{TestStore, on_both_engines};
use std::{collections::BTreeSet, fs, sync::Arc};
use support::{NOON, Run, at, log_folder};

statements! {
    catalogue PROBES of Platform;
    Ledger TAMPER(quantity: Int) = "UPDATE usage_rollup SET quantity = quantity + $1 WHERE span = 'hour'";
    Ledger SERIES(tenant: Id) = "SELECT dims, quantity, events FROM usage_series WHERE tenant_id = $1 ORDER BY dims";
    Ledger KEYS() = "SELECT event_id, body FROM event_key";
}

/// A report with this key of nothing in particular, for its parts to be filled in.
fn report<'a>(env: &Env, org: OrgId, key: u8, charges: &'a [Charge<'a>]) -> Report<'a> {
    Report {
        id: EventId::generate(env),
        org,
        key: [key; 32],
        body: [0; 16],
        kind: "job.finished",
        source: "/render",
        subject: None,
        at: env.now(),
        received_at: env.now(),
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

fn fold(meter: &str, fold: Fold, quantity: i64) -> Charge<'_> {
    Charge { meter, quantity, fold }
}

async fn probe<T: insula_storage::FromRow>(
    storage: &Storage,
    statement: &'static insula_storage::Statement<insula_storage::Platform>,
    values: Vec<insula_storage::Value>,
) -> Vec<T> {
    let mut tx = storage.platform_write(Store::Ledger, &Worker::Settlement).await.unwrap();
    let rows = tx.fetch_all(statement, values).await.unwrap();
    tx.commit().await.unwrap();
    rows
}

async fn active(run: &Run) -> Vec<usage::ActiveHold> {
    let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
    usage::active_holds(&mut tx, run.env.now()).await.unwrap()
}

/// Puts back the segments that were there, as after a crash between the commit and the confirmation.
struct Segments(Vec<(Vec<u8>, std::path::PathBuf)>);

impl Segments {
    fn copy(store: &TestStore) -> Self {
        let files = fs::read_dir(log_folder(store)).unwrap().map(|entry| entry.unwrap().path());
        Self(files.map(|path| (fs::read(&path).unwrap(), path)).collect())
    }

    fn put_back(&self) {
        for (bytes, path) in &self.0 {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// One limit of each window, on requests, for everyone.
struct Limits {
    month: Period,
}

impl Thresholds for Limits {
    fn ahead(&self, _: OrgId) -> Span {
        Span::from_micros(0)
    }

    fn of(&self, _: OrgId, meter: &str) -> Vec<Bounded> {
        if meter != "requests" {
            return Vec::new();
        }
        let bounded = |limit: &str, window, bound| Bounded {
            limit: limit.into(),
            window,
            bound,
            warn_at: vec![80, 90, 100],
        };
        vec![
            bounded("requests_per_hour", LimitWindow::Hour, 1_000),
            bounded("requests_per_day", LimitWindow::Day, 10),
            bounded("requests_per_month", LimitWindow::Month(self.month), 20),
        ]
    }
}

fn limits() -> Arc<Limits> {
    Arc::new(Limits { month: Period { start: at("2026-02-14T09:30:00Z"), end: at("2026-03-14T09:30:00Z") } })
}

async fn warnings(run: &Run, org: OrgId) -> Vec<String> {
    let mut tx = run.storage.read(Store::Ledger, &Member(org)).await.unwrap();
    let crossings = usage::crossings(&mut tx, Instant::from_secs(0)).await.unwrap();
    crossings.into_iter().map(|one| format!("{} {}", one.limit, one.level)).collect()
}

async fn outbox(run: &Run) -> Vec<serde_json::Value> {
    let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Relay).await.unwrap();
    let pending = tx.pending(100).await.unwrap();
    assert!(pending.iter().all(|message| message.kind == "limit.threshold_reached"));
    pending.iter().map(|message| serde_json::from_str(&message.payload).unwrap()).collect()
}

on_both_engines! {
    async fn every_statement_prepares(store) {
        let storage = store.open().await;
        for statement in PROBES {
            storage.prepare(statement).await.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
        }
    }

    async fn a_report_counts_once_however_often_it_is_taken_in(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("seconds", 5)];
        let first = Report { body: [1; 16], ..report(&run.env, org, 1, &charges) };
        run.writer.append_report(&first).unwrap();
        // Twice in the same batch, in a later batch, and in the next run.
        run.writer.append_report(&report(&run.env, org, 1, &charges)).unwrap();
        run.writer.append_report(&report(&run.env, org, 2, &charges)).unwrap();
        run.request(org, None, &[("requests", 1)]);
        let copies = Segments::copy(&store);
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.duplicates), (3, 1));
        run.writer.append_report(&report(&run.env, org, 2, &charges)).unwrap();
        run.writer.append_report(&report(&run.env, org, 3, &charges)).unwrap();
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.duplicates), (4, 2));
        assert_eq!(used(&run.storage, org, "seconds").await, 15);
        drop((run, settler));
        copies.put_back();
        let (run, mut settler) = Run::start(&store).await;
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.duplicates), (0, 4));
        assert_eq!((used(&run.storage, org, "seconds").await, used(&run.storage, org, "requests").await), (15, 1));
        let keys: Vec<(EventId, Vec<u8>)> = probe(&run.storage, &KEYS, args![]).await;
        assert_eq!(keys.len(), 3);
        assert!(keys.contains(&(first.id, vec![1; 16])));
    }

    async fn quantities_go_together_as_their_meter_says(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let mut key = 0;
        let mut send = |run: &mut Run, time: &str, level: i64, member: u8| {
            key += 1;
            let charges = [
                fold("total", Fold::Add, level),
                fold("peak", Fold::Max, level),
                fold("level", Fold::Last, level),
                fold("people", Fold::Unique([member; 16]), 1),
            ];
            let report = Report { at: at(time), ..report(&run.env, org, key, &charges) };
            run.writer.append_report(&report).unwrap();
        };
        let check = async |run: &Run, expected: [i64; 4]| {
            for (meter, expected) in ["total", "peak", "level", "people"].into_iter().zip(expected) {
                assert_eq!(used(&run.storage, org, meter).await, expected, "{meter}");
            }
        };
        send(&mut run, "2026-03-01T10:00:00Z", 3, 1);
        send(&mut run, "2026-03-01T12:00:00Z", 9, 2);
        send(&mut run, "2026-03-01T11:00:00Z", 5, 1);
        settler.catch_up().await.unwrap();
        check(&run, [17, 9, 9, 2]).await;
        // In a later batch: an earlier one doesn't replace the latest, and who was seen isn't new.
        send(&mut run, "2026-03-01T11:30:00Z", 12, 2);
        settler.catch_up().await.unwrap();
        check(&run, [29, 12, 9, 2]).await;
        send(&mut run, "2026-03-01T13:00:00Z", 0, 3);
        settler.catch_up().await.unwrap();
        check(&run, [29, 12, 0, 3]).await;
        let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Settlement).await.unwrap();
        assert_eq!(reconcile::day(&mut tx, org, at(NOON)).await.unwrap(), []);
    }

    async fn a_month_is_put_together_of_its_days_as_each_meter_says(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let sent = [("2026-02-27T10:00:00Z", 50, 1), ("2026-03-01T10:00:00Z", 9, 2), ("2026-03-01T11:00:00Z", 3, 2),
                    ("2026-03-03T23:00:00Z", 5, 2), ("2026-03-04T00:00:00Z", 4, 3), ("2026-04-01T00:00:00Z", 70, 4)];
        for (key, (time, level, member)) in (1..).zip(sent) {
            let charges = [
                fold("total", Fold::Add, level),
                fold("peak", Fold::Max, level),
                fold("level", Fold::Last, level),
                fold("people", Fold::Unique([member; 16]), 1),
            ];
            run.writer.append_report(&Report { at: at(time), ..report(&run.env, org, key, &charges) }).unwrap();
        }
        settler.catch_up().await.unwrap();
        let mut tx = run.storage.read(Store::Ledger, &Member(org)).await.unwrap();
        let march = Period { start: at("2026-03-01T00:00:00Z"), end: at("2026-04-01T00:00:00Z") };
        let months = Windows::months(&Anchor::utc(Instant::from_secs(0)), march.start, march.end).unwrap();
        for (meter, expected) in [("total", 21), ("peak", 9), ("level", 4), ("people", 2)] {
            let buckets = usage::buckets(&mut tx, meter, &months).await.unwrap();
            let found: Vec<_> = buckets.iter().map(|bucket| bucket.quantity.units()).collect();
            assert_eq!(found, [expected], "{meter}");
            assert_eq!(usage::total(&mut tx, meter, march).await.unwrap().units(), expected, "{meter}");
        }
        let days = usage::buckets(&mut tx, "people", &Windows::days_of(march)).await.unwrap();
        let days: Vec<_> = days.iter().map(|day| day.quantity.units()).collect();
        assert_eq!((days.len(), &days[..5]), (31, &[1, 0, 1, 1, 0][..]));
        let [by_operation] = usage::shares(&mut tx, "total", march, ["operation"]).await.unwrap();
        let expected = usage::Share { value: Some("job.finished".into()), quantity: Quantity::from_units(21), events: 4 };
        assert_eq!(by_operation, [expected]);
    }

    async fn usage_is_told_apart_by_what_events_have_in_common(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let env = run.env.clone();
        let (org, project, team) = (OrgId::generate(&env), ProjectId::generate(&env), TeamId::generate(&env));
        let (key, user) = (KeyId::generate(&env), UserId::generate(&env));
        let charges = [Charge::add("requests", 1)];
        for route in ["GET /a", "GET /a", "GET /b"] {
            let intent = Intent {
                key: Some(key),
                user: Some(user),
                project: Some(project),
                team: Some(team),
                environment: 2,
                reserved: (&charges).into(),
                ..Intent::new(AdmissionId::generate(&env), org, route, env.now())
            };
            let ticket = run.writer.intent(&intent).unwrap();
            run.end(ticket, Outcome::Completed, &[("requests", 1)]);
        }
        let groups = [Group { name: "site", value: "köln" }];
        let reported = Report { groups: (&groups).into(), user: Some(user), ..report(&env, org, 1, &charges) };
        run.writer.append_report(&reported).unwrap();
        settler.catch_up().await.unwrap();
        let rows: Vec<(String, i64, i64)> = probe(&run.storage, &SERIES, args![org]).await;
        let mut expected: Vec<_> = [("GET /a", 2), ("GET /b", 1)]
            .map(|(route, count)| {
                let dims = format!(r#"{{"environment":"staging","key":"{key}","operation":"{route}","project":"{project}","team":"{team}","user":"{user}"}}"#);
                (dims, count, count)
            })
            .into();
        expected.push((format!(r#"{{"operation":"job.finished","site":"köln","user":"{user}"}}"#), 1, 1));
        assert_eq!(rows, expected);

        let wanted = |from, to| Wanted { org, meter: "requests".into(), period: Period { start: at(from), end: at(to) } };
        let wanted = [wanted("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"), wanted("2026-02-01T00:00:00Z", "2026-03-01T12:00:00Z")];
        let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Snapshot).await.unwrap();
        for (scope, subjects) in [
            (Scope::Project, vec![(Subject::Project(project), 3)]),
            (Scope::Team, vec![(Subject::Team(team), 3)]),
            (Scope::Credential, vec![(Subject::Key(key), 3), (Subject::User(user), 1)]),
        ] {
            let found = usage::scoped(&mut tx, &wanted, scope).await.unwrap();
            assert!(found.iter().all(|one| one.wanted == 0));
            let found: Vec<_> = found.iter().map(|one| (one.subject, one.quantity.units())).collect();
            assert_eq!(found, subjects);
        }
        assert_eq!(usage::totals(&mut tx, &wanted).await.unwrap(), [4, 0].map(Quantity::from_units));
    }

    async fn an_event_explains_itself(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let env = run.env.clone();
        let (org, service) = (OrgId::generate(&env), ServiceId::generate(&env));
        let checks = [
            Check { limit: 4, kind: 1, used: 12, bound: Some(100) },
            Check { limit: 5, kind: 2, used: 13, bound: None },
        ];
        let reserved = [Charge::add("tokens", 1_000)];
        let intent = Intent {
            environment: 3,
            blueprint: 7,
            checks: (&checks).into(),
            reserved: (&reserved).into(),
            ..Intent::new(AdmissionId::generate(&env), org, "POST /chat", env.now())
        };
        let ticket = run.writer.intent(&intent).unwrap();
        run.end(ticket, Outcome::ClientGone, &[("tokens", 40)]);
        let charges = [fold("people", Fold::Unique([7; 16]), 1)];
        let reported = Report {
            service: Some(service),
            subject: Some("job-1"),
            data: Some(r#"{"person":"ada"}"#),
            received_at: env.now() + Span::from_secs(3),
            ..report(&env, org, 1, &charges)
        };
        run.writer.append_report(&reported).unwrap();
        settler.catch_up().await.unwrap();

        let mut tx = run.storage.read(Store::Ledger, &Member(org)).await.unwrap();
        let event = usage::event(&mut tx, intent.admission.uuid()).await.unwrap().unwrap();
        assert_eq!((event.checks, event.blueprint, event.environment), (checks.into(), Some(7), Some("production")));
        assert_eq!((event.operation.as_str(), event.outcome.as_str(), event.status), ("POST /chat", "client_gone", 200));
        assert_eq!(event.quantities["tokens"].quantity.units(), 40);
        assert_eq!(event.reserved.unwrap()["tokens"].quantity.units(), 1_000);
        let event = usage::event(&mut tx, reported.id.uuid()).await.unwrap().unwrap();
        assert_eq!((event.kind.as_str(), event.outcome.as_str()), ("job.finished", "reported"));
        assert_eq!((event.service, event.subject.as_deref()), (Some(service), Some("job-1")));
        assert_eq!(event.received_at, Some(reported.received_at));
        assert_eq!(event.data.unwrap()["person"], "ada");
        assert_eq!(event.quantities["people"].fold, Fold::Unique([7; 16]));
        let mut other = run.storage.read(Store::Ledger, &Member(OrgId::generate(&env))).await.unwrap();
        assert!(usage::event(&mut other, reported.id.uuid()).await.unwrap().is_none());
    }

    async fn what_is_told_of_a_hold_in_any_order_comes_to_the_same(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let env = run.env.clone();
        let org = OrgId::generate(&env);
        let now = env.now();
        let begun = HoldStep::Begun {
            limit: "databases",
            key: Some("db-1"),
            project: Some(ProjectId::generate(&env)),
            team: None,
            api_key: Some(KeyId::generate(&env)),
            at: now,
            expires_at: Some(now + Span::from_mins(10)),
        };
        let renewed = HoldStep::Renewed { expires_at: now + Span::from_mins(30) };
        let ended = HoldStep::Ended { at: now + Span::from_mins(1) };
        let orders: [&[HoldStep<'_>]; 7] = [
            &[begun, renewed],
            &[renewed, begun],
            &[begun, renewed, ended],
            &[ended, begun, renewed],
            &[ended, renewed, begun],
            &[renewed, ended, begun],
            &[begun, begun, ended, ended],
        ];
        // In one batch, and in one each.
        for together in [true, false] {
            let mut open = BTreeSet::new();
            for steps in orders {
                let hold = HoldId::generate(&env);
                for &what in steps {
                    run.writer.append_hold(&HoldChange { org, hold, what }).unwrap();
                    if !together {
                        settler.catch_up().await.unwrap();
                    }
                }
                if !steps.contains(&ended) {
                    open.insert(hold);
                }
            }
            settler.catch_up().await.unwrap();
            let active: Vec<_> = active(&run).await.into_iter().filter(|hold| open.contains(&hold.id)).collect();
            assert_eq!(active.len(), open.len());
            for hold in active {
                assert_eq!((hold.limit.as_str(), hold.key.as_deref()), ("databases", Some("db-1")));
                assert_eq!(hold.expires_at, Some(now + Span::from_mins(30)));
                assert!(hold.project.is_some() && hold.api_key.is_some() && hold.begun_at == now);
            }
        }
        assert_eq!(active(&run).await.len(), 4, "the others have ended");
        run.clock.advance(Span::from_mins(30));
        assert_eq!(active(&run).await.len(), 0);
    }

    async fn a_hold_is_forgotten_thirty_days_after_it_was_over_and_no_sooner(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let (env, now) = (run.env.clone(), run.env.now());
        let org = OrgId::generate(&env);
        let begun = |expires_at| HoldStep::Begun {
            limit: "databases", key: None, project: None, team: None, api_key: None, at: now, expires_at,
        };
        let minute = now + Span::from_mins(1);
        let told = [
            vec![begun(None), HoldStep::Ended { at: minute }],
            vec![begun(Some(minute))],
            vec![begun(Some(minute + Span::from_days(9)))],
            vec![begun(None)],
        ];
        let holds = told.each_ref().map(|_| HoldId::generate(&env));
        for (hold, steps) in holds.into_iter().zip(told) {
            for what in steps {
                run.writer.append_hold(&HoldChange { org, hold, what }).unwrap();
            }
        }
        settler.catch_up().await.unwrap();
        let forget = async |limit| {
            let mut tx = run.storage.platform_write(Store::Ledger, &Worker::Sweep).await.unwrap();
            let forgotten = usage::forget_holds(&mut tx, run.env.now(), limit).await.unwrap();
            tx.commit().await.unwrap();
            forgotten
        };
        run.clock.set(minute + usage::HOLDS_KEPT);
        assert_eq!(forget(10).await, 0);
        run.clock.advance(Span::from_micros(1));
        assert_eq!((forget(1).await, forget(10).await, forget(10).await), (1, 1, 0));
        let mut tx = run.storage.read(Store::Ledger, &Member(org)).await.unwrap();
        let mut known = Vec::new();
        for hold in holds {
            known.push(usage::hold(&mut tx, hold).await.unwrap().is_some());
        }
        assert_eq!(known, [false, false, true, true], "what is held is never forgotten");
    }

    async fn a_hold_outlives_the_request_that_kept_it_and_the_process_that_lost_it(store) {
        let (mut run, settler) = Run::start(&store).await;
        let env = run.env.clone();
        let org = OrgId::generate(&env);
        let minute = Some(Span::from_mins(1).as_micros());
        let admit = |run: &mut Run, until, ttl_us| {
            let hold = HoldIntent { limit: "concurrent_jobs", until, ttl_us };
            let intent = Intent {
                hold: Some(hold),
                ..Intent::new(AdmissionId::generate(&env), org, "POST /jobs", env.now())
            };
            run.writer.intent(&intent).unwrap()
        };
        let end = |run: &mut Run, ticket, hold, hold_key| {
            let settlement = Settlement { hold, hold_key, ..Settlement::new(run.env.now(), 202, Outcome::Completed) };
            run.writer.settle(ticket, &settlement).unwrap();
        };
        let (kept, released) = (admit(&mut run, Some("job.finished"), minute), admit(&mut run, None, None));
        let kept_id = kept.admission();
        end(&mut run, kept, HoldOutcome::Kept, Some("job-1"));
        end(&mut run, released, HoldOutcome::Released, None);
        let lost = [
            admit(&mut run, Some("job.finished"), minute),
            // Nobody knows its name and it has no time to live: it would be held for ever.
            admit(&mut run, Some("database.deleted"), None),
            // The request's own, which went with it.
            admit(&mut run, None, None),
        ];
        let ids = lost.each_ref().map(insula_metering::log::IntentTicket::admission);
        drop((run, settler, lost));

        let (run, mut settler) = Run::start(&store).await;
        settler.catch_up().await.unwrap();
        let found = active(&run).await;
        let held: BTreeSet<_> = found.iter().map(|hold| hold.id.uuid()).collect();
        assert_eq!(held, BTreeSet::from([kept_id.uuid(), ids[0].uuid()]));
        let kept = found.iter().find(|hold| hold.id.uuid() == kept_id.uuid()).unwrap();
        assert_eq!((kept.key.as_deref(), kept.until.as_deref()), (Some("job-1"), Some("job.finished")));
        assert_eq!(kept.expires_at, Some(at(NOON) + Span::from_mins(1)));
        run.clock.advance(Span::from_mins(1));
        assert!(active(&run).await.is_empty());
    }

    async fn each_level_is_warned_of_once(store) {
        let (mut run, settler) = Run::start(&store).await;
        let mut settler = settler.with_thresholds(limits());
        let org = OrgId::generate(&run.env);
        // Of the month, not of the day.
        run.clock.set(at("2026-02-14T09:30:00Z"));
        run.request(org, None, &[("requests", 7)]);
        run.clock.set(at("2026-02-14T09:29:00Z"));
        run.request(org, None, &[("requests", 100), ("tokens", 1_000)]);
        settler.catch_up().await.unwrap();
        // The day of February has gone past its bound; the month has had seven of twenty.
        assert_eq!(warnings(&run, org).await, ["requests_per_day 100", "requests_per_day 90", "requests_per_day 80"]);
        run.clock.set(at(NOON));
        let copies = Segments::copy(&store);
        run.request(org, None, &[("requests", 7)]);
        settler.catch_up().await.unwrap();
        assert_eq!(warnings(&run, org).await.len(), 3);
        run.request(org, None, &[("requests", 1)]);
        settler.catch_up().await.unwrap();
        assert_eq!(warnings(&run, org).await[..1], ["requests_per_day 80"]);
        run.request(org, None, &[("requests", 2)]);
        run.request(org, None, &[("requests", 2)]);
        settler.catch_up().await.unwrap();
        // Twelve of ten, and nineteen of twenty.
        let expected = ["requests_per_day 100", "requests_per_day 90", "requests_per_day 80", "requests_per_month 90", "requests_per_month 80"];
        let mut warned = warnings(&run, org).await;
        warned.truncate(5);
        assert_eq!(warned, expected);
        let sent = outbox(&run).await;
        assert_eq!(sent.len(), 8);
        assert_eq!(settler.catch_up().await.unwrap().warnings, 8);
        let month = sent.iter().find(|message| message["limit"] == "requests_per_month" && message["level"] == 90).unwrap();
        let expected = serde_json::json!({
            "limit": "requests_per_month", "level": 90, "used": 19, "bound": 20,
            "period_start": "2026-02-14T09:30:00Z", "period_end": "2026-03-14T09:30:00Z",
        });
        assert_eq!(*month, expected);

        // Another run remembers nothing, is told some of it again, and warns of what is new alone.
        drop((run, settler));
        copies.put_back();
        let (mut run, settler) = Run::start(&store).await;
        let mut settler = settler.with_thresholds(limits());
        run.request(org, None, &[("requests", 1)]);
        settler.catch_up().await.unwrap();
        let sent = outbox(&run).await;
        assert_eq!(sent.len(), 9);
        let last = |message: &&serde_json::Value| message["limit"] == "requests_per_month" && message["level"] == 100;
        assert_eq!(sent.iter().find(last).unwrap()["used"], 20);
    }

    async fn a_sum_that_was_tampered_with_is_found(store) {
        let (mut run, settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let other = OrgId::generate(&run.env);
        let handle = settler.start();
        for _ in 0..5 {
            run.request(org, None, &[("requests", 1)]);
        }
        handle.flush().await.unwrap();
        assert_eq!(reconcile::round(&run.storage, &handle, run.env.now()).await.unwrap(), []);
        assert_eq!((handle.figures().checked, handle.figures().mismatches), (1, 0));
        probe::<(i64,)>(&run.storage, &TAMPER, args![2_i64]).await;
        // What nothing was added to since isn't looked at again by itself.
        assert_eq!(reconcile::round(&run.storage, &handle, run.env.now()).await.unwrap(), []);
        run.request(org, None, &[("requests", 1)]);
        run.request(other, None, &[("requests", 1)]);
        handle.flush().await.unwrap();
        let found = reconcile::round(&run.storage, &handle, run.env.now()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].org, found[0].meter.as_str()), (org, "requests"));
        assert_eq!(found[0].part, Part::Window(Step::Hour, at(NOON)));
        assert_eq!((found[0].expected.quantity, found[0].found.quantity), (6, 8));
        assert_eq!(found[0].expected.digest, found[0].found.digest);
        let figures = handle.figures();
        assert_eq!((figures.checked, figures.mismatches, figures.checked_at), (3, 1, run.env.now()));
    }

    async fn an_event_that_is_missing_is_found(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("seconds", 5)];
        run.writer.append_report(&report(&run.env, org, 1, &charges)).unwrap();
        run.request(org, None, &[("requests", 1)]);
        run.request(org, None, &[("requests", 1)]);
        settler.catch_up().await.unwrap();
        store.tamper("usage_event", |table| format!("DELETE FROM {table} WHERE kind = 'job.finished'")).await;
        let mut tx = run.storage.platform_read(Store::Ledger, &Worker::Settlement).await.unwrap();
        let day = Step::Day.containing(run.env.now());
        let found = reconcile::days(&mut tx, day).await.unwrap();
        assert_eq!(found.len(), 4, "its minute, hour, day and series: {found:?}");
        assert!(found.iter().all(|one| one.meter == "seconds" && one.expected.events == 0 && one.found.events == 1));
        let yesterday = Period { start: day.start - Span::from_days(1), end: day.start };
        assert_eq!(reconcile::days(&mut tx, yesterday).await.unwrap(), []);
    }

    async fn segments_that_are_mixed_up_are_noticed_by_the_settler(store) {
        let (mut run, mut settler) = Run::start(&store).await;
        let org = OrgId::generate(&run.env);
        let charges = [Charge::add("seconds", 5)];
        let path = || fs::read_dir(log_folder(&store)).unwrap().next().unwrap().unwrap().path();
        run.writer.append_report(&report(&run.env, org, 1, &charges)).unwrap();
        let end = |bytes: &[u8]| bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
        let bytes = fs::read(path()).unwrap();
        let first = bytes[64..end(&bytes)].to_vec();
        run.writer.append_report(&report(&run.env, org, 2, &charges)).unwrap();
        use std::os::unix::fs::FileExt as _;
        let file = fs::File::options().write(true).open(path()).unwrap();
        file.write_all_at(&first, 64 + first.len() as u64).unwrap();
        // A writer that goes seals its segment.
        let (log, _tail) = Log::open(store.folder().join("other"), Options::default(), run.env.clone()).unwrap();
        run.writer = log.writer(0);
        let figures = settler.catch_up().await.unwrap();
        assert_eq!((figures.events, figures.duplicates, figures.miscounted), (1, 1, 1));
    }
}
