//! What the write-ahead log promises while its process lives, and to the next one.

mod common;

use common::{SMALL, Told, drain, env, intent, open, report, segments, settle, try_intent};
use insula_kernel::{AdmissionId, HoldId, Instant, OrgId, ProjectId, UserId};
use insula_metering::log::{
    CHARGES_MAX, Charge, Charges, Check, Checks, Damage, DamageKind, Entry, Fold, HOLD_KEY_MAX, HoldChange,
    HoldIntent, HoldOutcome, HoldStep, Intent, IntentError, Log, NAME_MAX, Options, Outcome, Settlement,
    UnsettledCause, Writer,
};
use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn a_pair_comes_out_as_it_went_in() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(3);
    let reserved = [Charge::add("tokens", 4_096)];
    let charged = [
        Charge::add("tokens", -1),
        Charge { meter: "größe", quantity: 5, fold: Fold::Max },
        Charge { meter: "seats", quantity: 1, fold: Fold::Unique([9; 16]) },
    ];
    let sent = Intent {
        admission: AdmissionId::generate(&env),
        org: OrgId::generate(&env),
        key: None,
        user: Some(UserId::generate(&env)),
        project: Some(ProjectId::generate(&env)),
        team: None,
        environment: 3,
        blueprint: 7,
        route: "chat.completions",
        at: env.now(),
        checks: Checks::from(&[
            Check { limit: 4, kind: 1, used: 12, bound: Some(100) },
            Check { limit: 5, kind: 1, used: i64::MAX, bound: None },
        ]),
        hold: Some(HoldIntent { limit: "concurrent_jobs", until: None, ttl_us: Some(900_000_000) }),
        reserved: Charges::from(&reserved),
    };
    let used = Settlement {
        at: Instant::from_micros(1_700_000_000_123_456),
        status: 499,
        outcome: Outcome::ClientGone,
        bytes_in: u64::MAX,
        bytes_out: 7,
        duration_us: 123_456,
        hold: HoldOutcome::Kept,
        hold_key: Some("job-17"),
        used: Charges::from(&charged),
    };
    let ticket = writer.intent(&sent).unwrap();
    assert_eq!(ticket.admission(), sent.admission);
    assert_eq!(tail.poll(9, |_| panic!("nothing is settled yet")).unwrap().entries, 0);
    writer.settle(ticket, &used).unwrap();

    let mut seen = 0;
    tail.poll(9, |entry| {
        assert_eq!(entry, Entry::Settled { intent: sent, settlement: used });
        seen += 1;
    })
    .unwrap();
    assert_eq!(seen, 1);
    assert_eq!(drain(&mut tail, false), Told::default(), "once is enough");
    assert_eq!(segments(dir.path()), ["003-000000000001.wal"]);
}

#[test]
fn what_was_not_confirmed_is_told_again_by_the_next_run_and_what_was_open_is_recovered() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (settled, open_one) = {
        let (log, mut tail) = open(dir.path());
        let mut writer = log.writer(0);
        let (first, second) = (intent(&mut writer, &env, 5), intent(&mut writer, &env, 9));
        let ids = (first.admission(), second.admission());
        settle(&mut writer, first, 4);
        assert_eq!(drain(&mut tail, false).settled, BTreeMap::from([(ids.0, 4)]));
        ids
    };
    for _ in 0..2 {
        let (_log, mut tail) = open(dir.path());
        let told = drain(&mut tail, false);
        assert_eq!(told.settled, BTreeMap::from([(settled, 4)]));
        assert_eq!(told.recovered, BTreeMap::from([(open_one, 9)]));
        assert_eq!(told.damaged, []);
    }
    let (_log, mut tail) = open(dir.path());
    drain(&mut tail, true);
    assert_eq!(segments(dir.path()), [""; 0]);
}

#[test]
fn segments_roll_while_intents_stay_open_and_go_only_when_confirmed() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(0);
    // One intent in the first segment stays open while the writer goes through many others.
    let slow = intent(&mut writer, &env, 1);
    let mut expected = BTreeMap::new();
    let mut waiting = Vec::new();
    for round in 0..1_000 {
        let ticket = intent(&mut writer, &env, round);
        expected.insert(ticket.admission(), round + 1);
        waiting.push((ticket, round + 1));
        // Settled late and in another order than begun.
        if waiting.len() == 5 {
            let (ticket, tokens) = waiting.swap_remove(usize::try_from(round).unwrap() % 5);
            settle(&mut writer, ticket, tokens);
        }
    }
    for (ticket, tokens) in waiting {
        settle(&mut writer, ticket, tokens);
    }
    let all = segments(dir.path());
    assert!(all.len() > 5, "{all:?}");

    let told = drain(&mut tail, false);
    assert_eq!(told, Told { settled: expected, ..Told::default() });
    assert_eq!(segments(dir.path()), all, "nothing goes before it is confirmed");

    let mark = tail.poll(1, |_| ()).unwrap().mark;
    tail.confirm(mark).unwrap();
    let (first, last) = (all.first().unwrap(), all.last().unwrap());
    assert_eq!(
        segments(dir.path()),
        [first.as_str(), last.as_str()],
        "the open one and the current one stay"
    );

    let id = slow.admission();
    settle(&mut writer, slow, 3);
    let polled = tail.poll(9, |_| ()).unwrap();
    assert_eq!(polled.entries, 1, "{id}");
    assert_eq!(segments(dir.path()).len(), 2);
    tail.confirm(polled.mark).unwrap();
    assert_eq!(segments(dir.path()), [last.as_str()]);

    drop(writer);
    assert_eq!(drain(&mut tail, true), Told::default());
    assert_eq!(segments(dir.path()), [""; 0], "with its writer, the current one has nothing more to tell");
}

#[test]
fn a_batch_in_flight_is_not_confirmed_by_an_earlier_mark() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(0);
    for tokens in 0..4 {
        let ticket = intent(&mut writer, &env, tokens);
        settle(&mut writer, ticket, tokens);
    }
    drop(writer);
    let early = tail.poll(2, |_| ()).unwrap();
    let late = tail.poll(2, |_| ()).unwrap();
    assert_eq!((early.entries, late.entries), (2, 2));
    tail.poll(2, |_| ()).unwrap();
    tail.confirm(early.mark).unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    tail.confirm(late.mark).unwrap();
    assert_eq!(segments(dir.path()).len(), 0);
}

#[test]
fn a_segment_of_a_living_process_is_left_alone_until_it_ends() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (old, old_tail) = open(dir.path());
    let mut old_writer = old.writer(0);
    let ticket = intent(&mut old_writer, &env, 5);
    let id = ticket.admission();

    let (new, mut new_tail) = open(dir.path());
    let mut new_writer = new.writer(0);
    let other = intent(&mut new_writer, &env, 6);
    assert_eq!(drain(&mut new_tail, true), Told::default(), "in flight is not lost");
    settle(&mut old_writer, ticket, 4);
    drop((old_writer, old, old_tail));

    assert_eq!(new_tail.adopt().unwrap(), 1);
    let told = drain(&mut new_tail, true);
    assert_eq!(told, Told { settled: BTreeMap::from([(id, 4)]), ..Told::default() });
    assert_eq!(segments(dir.path()), ["000-000000000002.wal"]);
    settle(&mut new_writer, other, 6);
    assert_eq!(drain(&mut new_tail, true).settled.len(), 1);
}

/// Writes three settled pairs and one open intent into one segment; gives its bytes, where each record ends,
/// and what a run after it would tell.
fn written(dir: &Path) -> (Vec<u8>, Vec<usize>, Told) {
    let env = env();
    let mut told = Told::default();
    let mut ends = vec![64];
    let file = dir.join("000-000000000001.wal");
    let read = || fs::read(&file).expect("the segment can be read");
    let end = || read().iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    {
        let (log, _tail) = open(dir);
        let mut writer = log.writer(0);
        for tokens in 1..4 {
            let ticket = intent(&mut writer, &env, tokens);
            ends.push(end());
            told.settled.insert(ticket.admission(), tokens + 1);
            settle(&mut writer, ticket, tokens + 1);
            ends.push(end());
        }
        told.recovered.insert(intent(&mut writer, &env, 40).admission(), 40);
        ends.push(end());
    }
    (read(), ends, told)
}

/// What a run tells that finds these bytes as its only segment.
fn told_of(bytes: &[u8]) -> Told {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("000-000000000001.wal"), bytes).expect("the segment can be written");
    let (_log, mut tail) = open(dir.path());
    let told = drain(&mut tail, true);
    let lost = told.damaged.iter().any(|damage| damage.kind != DamageKind::Torn);
    let kept: &[&str] = if lost { &["000-000000000001.damaged"] } else { &[] };
    assert_eq!(segments(dir.path()), kept, "only what tells of a loss is kept");
    told
}

#[test]
fn a_tail_torn_at_any_byte_is_the_end_and_loses_nothing_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, ends, told) = written(dir.path());
    let [.., before, end] = ends[..] else { panic!() };
    assert_eq!(told_of(&whole), told);
    for cut in before..end {
        // Both as a preallocated file shows it, and as a file that ends there.
        let mut zeroed = whole.clone();
        zeroed[cut..].fill(0);
        for bytes in [&zeroed[..], &whole[..cut]] {
            let found = told_of(bytes);
            assert_eq!(found.settled, told.settled);
            assert_eq!(found.recovered, BTreeMap::new());
            // Zeros at the end of what was written can't be told from those that follow.
            let trace = whole[before..cut].iter().rposition(|&byte| byte != 0);
            let expected = trace.map(|last| Damage {
                segment: found.damaged.first().map_or_else(Default::default, |damage| damage.segment.clone()),
                offset: before as u64,
                length: last as u64 + 1,
                kind: DamageKind::Torn,
            });
            assert_eq!(found.damaged, Vec::from_iter(expected), "cut at {cut}");
        }
    }
}

#[test]
fn a_bit_that_flips_is_reported_with_its_place_and_hides_no_other_record() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, ends, told) = written(dir.path());
    for bit in 0..ends[ends.len() - 1] * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = told_of(&bytes);
        // Which record was hit: 0 is the header, then intent and settlement in turn.
        let hit = ends.partition_point(|&end| end <= bit / 8);
        let (start, end) = (if hit == 0 { 0 } else { ends[hit - 1] }, ends[hit]);
        let at = |damage: &Damage| (damage.offset, damage.length, damage.kind);
        assert_eq!(
            found.damaged.first().map(at),
            Some((start as u64, (end - start) as u64, DamageKind::Corrupt)),
            "bit {bit}"
        );
        match hit {
            0 => assert_eq!((found.settled, found.recovered), (told.settled.clone(), told.recovered.clone())),
            // The open intent.
            7 => assert_eq!((found.settled, found.recovered), (told.settled.clone(), BTreeMap::new())),
            // An intent: its settlement is an orphan.
            _ if hit % 2 == 1 => {
                assert_eq!(found.damaged.get(1).map(|damage| damage.kind), Some(DamageKind::Orphan));
                assert_eq!((found.settled.len(), &found.recovered), (2, &told.recovered));
            }
            // A settlement: its intent is charged as reserved.
            _ => assert_eq!((found.damaged.len(), found.settled.len(), found.recovered.len()), (1, 2, 2)),
        }
    }
}

#[test]
fn a_hole_of_zeros_hides_nothing_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bytes, ends, told) = written(dir.path());
    bytes[ends[2]..ends[4]].fill(0);
    let found = told_of(&bytes);
    assert_eq!((found.settled.len(), &found.recovered), (2, &told.recovered));
    assert_eq!((found.damaged[0].offset, found.damaged[0].kind), (ends[2] as u64, DamageKind::Corrupt));
}

#[test]
fn a_file_that_never_became_a_segment_goes() {
    for bytes in [&[][..], &[0; 10], &[0; 5_000]] {
        assert_eq!(told_of(bytes), Told::default());
    }
}

#[test]
fn a_segment_of_a_later_version_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut bytes, ..) = written(dir.path());
    bytes[8] = 3;
    let sum = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&sum.to_le_bytes());
    fs::write(dir.path().join("000-000000000001.wal"), bytes).unwrap();
    let error = Log::open(dir.path(), SMALL, env()).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn room_for_every_settlement_is_kept_however_large_it_gets() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) =
        Log::open(dir.path(), Options { segment_bytes: Options::MIN_SEGMENT_BYTES, ..SMALL }, env.clone())
            .unwrap();
    let mut writer = log.writer(0);
    let tickets: Vec<_> = (0..40).map(|tokens| intent(&mut writer, &env, tokens)).collect();
    let names: Vec<_> = (0..CHARGES_MAX).map(|n| format!("{n:0>NAME_MAX$}")).collect();
    let fold = Fold::Unique([1; 16]);
    let charges: Vec<_> = names.iter().map(|meter| Charge { meter, quantity: i64::MAX, fold }).collect();
    let key = "k".repeat(HOLD_KEY_MAX);
    let largest = Settlement {
        hold_key: Some(&key),
        used: charges[..].into(),
        ..Settlement::new(Instant::from_secs(0), 200, Outcome::Completed)
    };
    for ticket in tickets {
        writer.settle(ticket, &largest).unwrap();
    }
    assert_eq!(drain(&mut tail, true).settled.len(), 40);
    for name in segments(dir.path()) {
        assert_eq!(fs::metadata(dir.path().join(name)).unwrap().len(), Options::MIN_SEGMENT_BYTES);
    }
}

#[test]
fn only_its_own_writer_settles_an_intent() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let (mut one, mut other) = (log.writer(0), log.writer(0));
    let ticket = intent(&mut one, &env, 1);
    let settlement = Settlement::new(env.now(), 200, Outcome::Released);
    let refused = other.settle(ticket, &settlement).unwrap_err();
    assert!(matches!(refused.cause, UnsettledCause::ForeignTicket));
    one.settle(refused.ticket, &settlement).unwrap();
    assert_eq!(drain(&mut tail, true).settled.len(), 1);
}

#[test]
fn an_intent_that_is_too_long_is_refused_and_leaves_no_trace() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(0);
    let long = "r".repeat(NAME_MAX + 1);
    let (admission, org) = (AdmissionId::generate(&env), OrgId::generate(&env));
    let refused = writer.intent(&Intent::new(admission, org, &long, env.now()));
    assert!(matches!(refused, Err(IntentError::TooLong(_))));
    let ticket = try_intent(&mut writer, &env, 1).unwrap();
    settle(&mut writer, ticket, 1);
    assert_eq!(drain(&mut tail, true).settled.len(), 1);
}

#[test]
fn writers_on_many_threads_and_a_tail_beside_them_lose_and_double_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, mut tail) = open(dir.path());
    let mut told = Told::default();
    let expected = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4u16)
            .map(|number| {
                let mut writer = log.writer(number);
                scope.spawn(move || {
                    let env = insula_kernel::Env::system();
                    (0..2_000)
                        .map(|tokens| {
                            let ticket = intent(&mut writer, &env, tokens);
                            let id = ticket.admission();
                            settle(&mut writer, ticket, tokens);
                            (id, tokens)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let polled = tail.poll(100, |entry| told.take(entry)).unwrap();
            tail.confirm(polled.mark).unwrap();
        }
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    log.sync().unwrap();
    loop {
        let polled = tail.poll(100, |entry| told.take(entry)).unwrap();
        tail.confirm(polled.mark).unwrap();
        if polled.entries == 0 {
            break;
        }
    }
    assert_eq!(told, Told { settled: expected, ..Told::default() });
    assert_eq!(segments(dir.path()), [""; 0]);
}

fn end_hold(writer: &mut Writer, env: &insula_kernel::Env) -> HoldId {
    let (org, hold) = (OrgId::generate(env), HoldId::generate(env));
    writer
        .append_hold(&HoldChange { org, hold, what: HoldStep::Ended { at: env.now() } })
        .expect("it is accepted");
    hold
}

#[test]
fn reports_and_holds_stand_beside_requests_in_segments_that_roll() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(0);
    let slow = intent(&mut writer, &env, 77);
    let mut expected = Told::default();
    expected.recovered.insert(slow.admission(), 77);
    for tokens in 0..40 {
        expected.reported.insert(report(&mut writer, &env, tokens), tokens);
        expected.holds.insert(end_hold(&mut writer, &env));
        let ticket = intent(&mut writer, &env, tokens);
        expected.settled.insert(ticket.admission(), tokens);
        settle(&mut writer, ticket, tokens);
    }
    assert!(segments(dir.path()).len() > 5);
    drop((writer, tail, log, slow));
    // The next run is told the same, until it is confirmed.
    for confirm in [false, true] {
        let (_log, mut tail) = open(dir.path());
        assert_eq!(drain(&mut tail, confirm), expected);
    }
    let (log, tail_after) = open(dir.path());
    tail = tail_after;
    assert_eq!(drain(&mut tail, true), Told::default());
    drop(log);
}

#[test]
fn a_segment_in_which_other_events_are_read_than_were_written_is_reported() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let (log, mut tail) = open(dir.path());
    let mut writer = log.writer(0);
    report(&mut writer, &env, 1);
    let file = dir.path().join("000-000000000001.wal");
    let before = fs::read(&file).unwrap();
    let first = before.iter().rposition(|&byte| byte != 0).unwrap() + 1 - 64;
    report(&mut writer, &env, 2);
    // A second record that is the first once more: nothing that a checksum could find.
    use std::os::unix::fs::FileExt as _;
    let handle = fs::File::options().write(true).open(&file).unwrap();
    handle.write_all_at(&before[64..64 + first], 64 + first as u64).unwrap();
    drop(writer);
    let mut damaged = Vec::new();
    tail.poll(99, |entry| {
        if let Entry::Damaged(damage) = entry {
            damaged.push((damage.kind, damage.offset, damage.length));
        }
    })
    .unwrap();
    assert_eq!(damaged, [(DamageKind::Miscounted, 0, 64 + 2 * first as u64)]);
}

#[tokio::test]
async fn what_was_synced_is_told_to_all_who_waited() {
    let (dir, env) = (tempfile::tempdir().unwrap(), env());
    let slow = Options { sync_every: insula_kernel::Span::from_hours(1), ..SMALL };
    let (log, _tail) = Log::open(dir.path(), slow, env.clone()).unwrap();
    let mut writer = log.writer(0);
    let tickets: Vec<_> = (0..20).map(|tokens| intent(&mut writer, &env, tokens)).collect();
    let waiting: Vec<_> = tickets.iter().map(|ticket| writer.sync_intent(ticket)).collect();
    report(&mut writer, &env, 1);
    log.synced().await.unwrap();
    for one in waiting {
        one.await.unwrap();
    }
    writer.sync_intent(&tickets[0]).await.unwrap();
}
