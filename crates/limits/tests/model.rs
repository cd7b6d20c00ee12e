//! Quotas and rates against models simple enough to be seen right.

use insula_kernel::{Env, HoldId, Instant, OrgId, ProjectId, SeededRng, Span, SystemClock};
use insula_limits::{Begin, Ceiling, Holds, Named, Quota, Rate, RatePolicy, Reservation, Subject, Window};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Clone, Debug)]
enum Step {
    /// Moves the clock, back too.
    Move(i64),
    Reserve(i64, i64),
    Settle(usize, i64),
    Drop(usize),
    Restore(i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (-5_000i64..8_000).prop_map(Step::Move),
        5 => (0i64..30, 0i64..120).prop_map(|(amount, bound)| Step::Reserve(amount, bound)),
        3 => (any::<usize>(), 0i64..50).prop_map(|(which, actual)| Step::Settle(which, actual)),
        2 => any::<usize>().prop_map(Step::Drop),
        1 => (-5_000i64..5_000, 0i64..50).prop_map(|(offset, used)| Step::Restore(offset, used)),
    ]
}

/// The start of an hour, in seconds.
fn hour(seconds: i64) -> i64 {
    seconds.div_euclid(3_600) * 3_600
}

/// What each window has used, and which is the latest that anyone counted in.
#[derive(Default)]
struct Model {
    used: BTreeMap<i64, i64>,
    latest: i64,
}

impl Model {
    fn window(&self, now: i64) -> i64 {
        hour(now).max(self.latest)
    }

    fn used(&self, window: i64) -> i64 {
        self.used.get(&window).copied().unwrap_or(0)
    }

    fn add(&mut self, window: i64, amount: i64) {
        *self.used.entry(window).or_default() += amount;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_quota_does_what_its_model_does(steps in proptest::collection::vec(step(), 1..120)) {
        let quota = Quota::new();
        let mut model = Model::default();
        let mut now = 1_700_000_000;
        let mut held: Vec<(Reservation, i64)> = Vec::new();
        for step in steps {
            match step {
                Step::Move(by) => now += by,
                Step::Reserve(amount, bound) => {
                    let (at, window) = (Instant::from_secs(now), model.window(now));
                    let before = quota.snapshot(at, &Window::Hour);
                    let fits = model.used(window) + amount <= bound;
                    match quota.reserve(at, &Window::Hour, amount, bound) {
                        Ok(reservation) => {
                            prop_assert!(fits);
                            model.add(window, amount);
                            model.latest = window;
                            held.push((reservation, window));
                        }
                        Err(exceeded) => {
                            prop_assert!(!fits);
                            prop_assert_eq!(exceeded.used, model.used(window));
                            prop_assert_eq!(exceeded.period.end, Instant::from_secs(window + 3_600));
                            prop_assert_eq!(quota.snapshot(at, &Window::Hour), before);
                            // A window in which something was refused counts as seen only if it was open.
                            if amount <= bound {
                                model.latest = window;
                            }
                        }
                    }
                }
                Step::Settle(which, actual) if !held.is_empty() => {
                    let (reservation, window) = held.swap_remove(which % held.len());
                    model.add(window, actual - reservation.amount());
                    prop_assert_eq!(reservation.settle(actual).used, model.used(window));
                }
                Step::Drop(which) if !held.is_empty() => {
                    let (reservation, window) = held.swap_remove(which % held.len());
                    model.add(window, -reservation.amount());
                    drop(reservation);
                }
                Step::Settle(..) | Step::Drop(_) => {}
                Step::Restore(offset, used) => {
                    let window = hour(now + offset);
                    quota.add(Instant::from_secs(now + offset), &Window::Hour, used);
                    if window >= model.latest {
                        model.latest = window;
                        model.add(window, used);
                    }
                }
            }
            let window = model.window(now);
            let snapshot = quota.snapshot(Instant::from_secs(now), &Window::Hour);
            prop_assert_eq!(snapshot.used, model.used(window));
            prop_assert_eq!(snapshot.period.end, Instant::from_secs(window + 3_600));
        }
        let latest = model.latest;
        for (reservation, window) in held {
            model.add(window, -reservation.amount());
            drop(reservation);
        }
        prop_assert_eq!(quota.snapshot(Instant::from_secs(latest), &Window::Hour).used, model.used(latest));
    }

    #[test]
    fn a_rate_never_admits_more_than_its_burst_and_the_time_that_passed(
        allowance in 1u32..2_000,
        per_millis in 1i64..5_000,
        burst in 1u32..50,
        moves in proptest::collection::vec(prop_oneof![
            4 => 0i64..20_000,
            1 => -20_000i64..0,
            1 => -5_000_000i64..5_000_000,
        ], 1..300),
    ) {
        let policy = RatePolicy::new(allowance, Span::from_millis(per_millis), burst).unwrap();
        let rate = Rate::new();
        let (mut now, mut forward, mut admitted) = (Instant::from_secs(1_700_000_000), 0i64, 0i64);
        for by in moves {
            now = now + Span::from_micros(by);
            forward += by.max(0);
            match rate.check(now, &policy) {
                Ok(state) => {
                    admitted += 1;
                    prop_assert!(state.remaining < burst);
                }
                Err(limited) => {
                    prop_assert!(limited.retry_after > Span::from_micros(0));
                    // Neither a refusal nor another one changes the answer to the next.
                    prop_assert_eq!(rate.check(now, &policy), Err(limited));
                }
            }
            // admitted ≤ burst + allowance · forward / per, in whole numbers.
            let earned = i128::from(allowance) * i128::from(forward) / i128::from(per_millis * 1_000);
            prop_assert!(i128::from(admitted) <= i128::from(burst) + earned);
        }
    }

    #[test]
    fn a_patient_caller_gets_its_whole_rate(allowance in 1u32..5_000, burst in 1u32..20) {
        let policy = RatePolicy::new(allowance, Span::from_secs(1), burst).unwrap();
        let rate = Rate::new();
        let (start, mut now, mut admitted) = (Instant::from_secs(1_700_000_000), Instant::from_secs(1_700_000_000), 0u32);
        while now.saturating_since(start) < Span::from_secs(1) {
            match rate.check(now, &policy) {
                Ok(_) => admitted += 1,
                Err(limited) => now = now + limited.retry_after,
            }
        }
        // Whole microseconds of waiting and a share rounded up to nanoseconds cost a little of a high rate.
        prop_assert!(admitted + 1 + allowance / 100 >= allowance + burst, "{admitted}");
    }
}

#[derive(Clone, Debug)]
enum HoldStep {
    Move(i64),
    /// For which project, how long if not for ever.
    Begin(usize, Option<i64>),
    Name(usize, usize),
    Renew(usize, i64),
    End(usize),
    EndNamed(usize),
}

fn hold_step() -> impl Strategy<Value = HoldStep> {
    prop_oneof![
        2 => (0i64..40).prop_map(HoldStep::Move),
        6 => (0usize..2, proptest::option::of(1i64..60)).prop_map(|(of, ttl)| HoldStep::Begin(of, ttl)),
        2 => (any::<usize>(), 0usize..6).prop_map(|(which, name)| HoldStep::Name(which, name)),
        1 => (any::<usize>(), 1i64..60).prop_map(|(which, ttl)| HoldStep::Renew(which, ttl)),
        2 => any::<usize>().prop_map(HoldStep::End),
        2 => (0usize..6).prop_map(HoldStep::EndNamed),
    ]
}

/// A hold of the model: whose it is, when it ends by itself, and what it is called.
#[derive(Clone, Debug)]
struct ModelHold {
    project: usize,
    expires: Option<i64>,
    name: Option<usize>,
}

const ORG_MOST: i64 = 5;
const PROJECT_MOST: [i64; 2] = [3, 4];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn holds_do_what_their_model_does(steps in proptest::collection::vec(hold_step(), 1..120)) {
        let env = Env { clock: Arc::new(SystemClock), rng: Arc::new(SeededRng::new(5)) };
        let holds = Holds::default();
        let org = Subject::Organization(OrgId::generate(&env));
        let projects = [0, 1].map(|_| Subject::Project(ProjectId::generate(&env)));
        let mut model: BTreeMap<HoldId, ModelHold> = BTreeMap::new();
        let mut ids = Vec::new();
        let mut early: BTreeSet<usize> = BTreeSet::new();
        let mut now = 1_700_000_000;
        let ended: Option<Arc<str>> = Some("done".into());
        for step in steps {
            let at = Instant::from_secs(now);
            let pick = |which: usize, ids: &[HoldId]| (!ids.is_empty()).then(|| ids[which % ids.len()]);
            match step {
                HoldStep::Move(by) => now += by,
                HoldStep::Begin(project, ttl) => {
                    let id = HoldId::generate(&env);
                    let of_project = model.values().filter(|hold| hold.project == project).count() as i64;
                    let fits = (model.len() as i64) < ORG_MOST && of_project < PROJECT_MOST[project];
                    let ceilings = [
                        Ceiling { subject: org, most: ORG_MOST },
                        Ceiling { subject: projects[project], most: PROJECT_MOST[project] },
                    ];
                    let expires = ttl.map(|ttl| now + ttl);
                    let begin = Begin {
                        limit: "jobs".into(),
                        ceilings: ceilings.into_iter().collect(),
                        expires_at: expires.map(Instant::from_secs),
                    };
                    prop_assert_eq!(holds.begin(id, at, begin).is_ok(), fits);
                    if fits {
                        ids.push(id);
                        model.insert(id, ModelHold { project, expires, name: None });
                    }
                }
                HoldStep::Name(which, name) => {
                    let Some(id) = pick(which, &ids) else { continue };
                    let named = holds.name(id, at, &name.to_string(), ended.clone());
                    let other = model.iter().find(|(known, hold)| **known != id && hold.name == Some(name));
                    let other = other.map(|(known, _)| *known);
                    if !model.contains_key(&id) {
                        prop_assert_eq!(named, Named::Gone);
                    } else if let Some(other) = other {
                        prop_assert_eq!(named, Named::Known(other));
                        model.remove(&id);
                    } else if early.remove(&name) {
                        prop_assert_eq!(named, Named::Ended);
                        model.remove(&id);
                    } else {
                        prop_assert_eq!(named, Named::Kept);
                        model.get_mut(&id).unwrap().name = Some(name);
                    }
                }
                HoldStep::Renew(which, ttl) => {
                    let Some(id) = pick(which, &ids) else { continue };
                    let renewed = holds.renew(id, at, Instant::from_secs(now + ttl));
                    prop_assert_eq!(renewed.is_some(), model.contains_key(&id));
                    if let Some(hold) = model.get_mut(&id) {
                        hold.expires = hold.expires.max(Some(now + ttl));
                    }
                }
                HoldStep::End(which) => {
                    let Some(id) = pick(which, &ids) else { continue };
                    prop_assert_eq!(holds.end(id, at).is_some(), model.remove(&id).is_some());
                }
                HoldStep::EndNamed(name) => {
                    // An end that finds nothing is remembered; the model remembers one of each name.
                    if early.contains(&name) {
                        continue;
                    }
                    let ended = holds.end_named("done", &name.to_string(), at);
                    let found: Vec<_> =
                        model.iter().filter(|(_, hold)| hold.name == Some(name)).map(|(id, _)| *id).collect();
                    prop_assert_eq!(ended.as_slice(), found.as_slice());
                    if found.is_empty() {
                        early.insert(name);
                    }
                    for id in found {
                        model.remove(&id);
                    }
                }
            }
            model.retain(|_, hold| hold.expires.is_none_or(|end| end > now));
            let at = Instant::from_secs(now);
            prop_assert_eq!(holds.used("jobs", org, at), model.len() as i64);
            for (project, subject) in projects.into_iter().enumerate() {
                let used = model.values().filter(|hold| hold.project == project).count() as i64;
                prop_assert_eq!(holds.used("jobs", subject, at), used);
                prop_assert!(used <= PROJECT_MOST[project]);
            }
            // Remembered ends are forgotten after minutes; steps of seconds don't get there.
            if now > 1_700_000_000 + 250 {
                break;
            }
        }
    }
}
