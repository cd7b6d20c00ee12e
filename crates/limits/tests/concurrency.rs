//! What a limit promises when many callers meet it at once.

use insula_kernel::{Env, HoldId, Instant, OrgId, SeededRng, Span, SystemClock};
use insula_limits::{Begin, Ceiling, Holds, Quota, Rate, RatePolicy, Subject, Window};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

const CALLERS: usize = 1_000;

/// Starts so many threads at once and counts the calls that return true.
fn callers_that(call: impl Fn(usize) -> bool + Sync) -> usize {
    let (start, count) = (Barrier::new(CALLERS), AtomicUsize::new(0));
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (start, count, call) = (&start, &count, &call);
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn_scoped(scope, move || {
                    start.wait();
                    count.fetch_add(usize::from(call(caller)), Relaxed);
                })
                .expect("a thread with a small stack starts");
        }
    });
    count.into_inner()
}

#[test]
fn a_bound_of_100_admits_100_of_1000() {
    let (quota, now) = (Quota::new(), Instant::from_secs(1_700_000_000));
    let admitted = callers_that(|_| quota.reserve(now, &Window::Day, 1, 100).map(|r| r.settle(1)).is_ok());
    assert_eq!(admitted, 100);
    assert_eq!(quota.snapshot(now, &Window::Day).used, 100);
}

#[test]
fn a_bound_of_100_admits_100_of_1000_in_each_of_two_windows() {
    let (quota, first) = (Quota::new(), Instant::from_secs(1_700_000_000));
    let second = first + Span::from_hours(1);
    // Half the callers are already in the next window. Once it is open, those left behind count there too.
    let admitted = callers_that(|caller| {
        let now = if caller % 2 == 0 { first } else { second };
        quota
            .reserve(now, &Window::Hour, 1, 100)
            .is_ok_and(|reservation| reservation.settle(1).period.end > now)
    });
    assert!((100..=200).contains(&admitted), "{admitted}");
    assert_eq!(quota.snapshot(second, &Window::Hour).used, 100);
    assert!(quota.reserve(first, &Window::Hour, 1, 100).is_err(), "the first window doesn't open again");
}

#[test]
fn what_is_dropped_comes_back_whole() {
    let (quota, now) = (Quota::new(), Instant::from_secs(1_700_000_000));
    let most = AtomicUsize::new(0);
    callers_that(|_| {
        for _ in 0..100 {
            if let Ok(reservation) = quota.reserve(now, &Window::Day, 7, 100) {
                most.fetch_max(usize::try_from(reservation.usage().used).unwrap(), Relaxed);
            }
        }
        true
    });
    assert!(most.into_inner() <= 100);
    assert_eq!(quota.snapshot(now, &Window::Day).used, 0);
}

#[test]
fn a_hundred_are_held_by_1000_and_each_that_ends_makes_room_for_one() {
    let env = Env { clock: Arc::new(SystemClock), rng: Arc::new(SeededRng::new(1)) };
    let (holds, now) = (Holds::default(), Instant::from_secs(1_700_000_000));
    let org = Subject::Organization(OrgId::generate(&env));
    let begin = |id| {
        let ceilings = [Ceiling { subject: org, most: 100 }].into_iter().collect();
        holds.begin(id, now, Begin { limit: "jobs".into(), ceilings, expires_at: None }).is_ok()
    };
    let ids: Vec<_> = (0..CALLERS).map(|_| HoldId::generate(&env)).collect();
    assert_eq!(callers_that(|caller| begin(ids[caller])), 100);
    assert_eq!(callers_that(|caller| holds.end(ids[caller], now).is_some()), 100);
    assert_eq!(holds.used("jobs", org, now), 0);
    // Begun and ended again and again, never more than a hundred at once, and nothing is left.
    callers_that(|caller| {
        for _ in 0..20 {
            if begin(ids[caller]) {
                assert!(holds.used("jobs", org, now) <= 100);
                assert!(holds.end(ids[caller], now).is_some());
            }
        }
        true
    });
    assert_eq!(holds.used("jobs", org, now), 0);
}

#[test]
fn a_burst_of_50_admits_50_of_1000() {
    let (rate, now) = (Rate::new(), Instant::from_secs(1_700_000_000));
    let policy = RatePolicy::new(10, Span::from_secs(1), 50).unwrap();
    assert_eq!(callers_that(|_| rate.check(now, &policy).is_ok()), 50);
}

#[test]
fn clocks_read_slightly_apart_admit_no_more_than_the_time_between_them_allows() {
    let (rate, base) = (Rate::new(), Instant::from_secs(1_700_000_000));
    let policy = RatePolicy::new(1_000, Span::from_secs(1), 50).unwrap();
    // 20 ms between the earliest and the latest clock, again and again: 50 + 1 000/s · 20 ms.
    let admitted = AtomicUsize::new(0);
    callers_that(|caller| {
        for round in 0..20 {
            let skew = i64::try_from((caller * 7 + round * 13) % 21).unwrap();
            admitted
                .fetch_add(usize::from(rate.check(base + Span::from_millis(skew), &policy).is_ok()), Relaxed);
        }
        true
    });
    assert!(admitted.into_inner() <= 70);
}
