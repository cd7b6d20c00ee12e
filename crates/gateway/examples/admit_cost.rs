//! What the decision on a request costs: an admission from its credential to its settlement, and the check of a
//! permission by role.
//!
//! `cargo run --release -p insula-gateway --example admit_cost -- [organizations] [keys of each] [rounds]`
//!
//! Admissions are told in CPU time of the one thread that admits; its log is read on another. Keys and members come at
//! random, so what they need is seldom in the processor's caches.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that can't go on has failed")]

mod measured;

use http::{HeaderMap, HeaderValue};
use insula_access::{Principal, ReadUsage};
use insula_blueprint::{RouteMatch, own};
use insula_gateway::{Asked, Ending, Gate, Lane};
use insula_kernel::{Env, OrgId, SessionId, UserId, sha256};
use insula_metering::log::{Log, Options, Outcome};
use insula_web::{Credential, Entrance as _};
use rustix::time::{ClockId, clock_gettime};
use std::{
    env,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Admissions of a round.
const ADMISSIONS: usize = 200_000;
/// Checks between two readings of the clock, and readings.
const CHECKS: usize = 100;
const READINGS: usize = 5_000;

/// An organization by its name and its id, and a member of it.
type Place = (String, OrgId, UserId);

fn main() {
    let mut arguments = env::args().skip(1).map(|text| text.parse().expect("a number"));
    let mut argument = |usual| arguments.next().unwrap_or(usual);
    let (organizations, keys_each, rounds) = (argument(10_000), argument(10), argument(9));
    let env = Env::system();
    let (parts, mut keys, members) = measured::gate(&env, "127.0.0.1:1", organizations, keys_each);
    let identities = Arc::clone(&parts.identities);
    let gate = Gate::new(parts);
    let folder = tempfile::tempdir().expect("a folder");
    let (log, mut tail) = Log::open(folder.path(), Options::default(), env.clone()).expect("the log opens");
    let read = move || {
        loop {
            let polled = tail.poll(100_000, |_| ()).expect("the log can be read");
            tail.confirm(polled.mark).expect("segments can be removed");
            thread::park_timeout(Duration::from_millis(20));
        }
    };
    drop(thread::Builder::new().name("reader".to_owned()).spawn(read).expect("a thread"));
    println!("{organizations} organizations, {} keys", keys.len());

    keys.sort_by_cached_key(|key| sha256(key.as_bytes()));
    let requests: Vec<HeaderMap> = keys.iter().map(|key| head(key)).collect();
    let lane = gate.lane(log.writer(0));
    let round = || {
        let began = cpu();
        requests.iter().cycle().take(ADMISSIONS).for_each(|headers| admit(&gate, &lane, headers));
        (cpu() - began).as_nanos() / ADMISSIONS as u128
    };
    // The first one also makes the counters of each key.
    round();
    tell("admission, CPU", (0..rounds).map(|_| round()).collect());

    let snapshot = gate.snapshot();
    let mut places: Vec<Place> = members.iter().map(|&(org, user)| (org.to_string(), org, user)).collect();
    places.sort_by_cached_key(|(name, ..)| sha256(name.as_bytes()));
    time("permission by role", &places, |(_, org, user)| {
        let role = identities.role(*org, *user).expect("a member");
        snapshot.compiled().role(&role).is_some_and(|permissions| permissions.contains(own::USAGE_READ))
    });
    time("permission by role at the API", &places, |(name, org, user)| {
        let principal = Principal::User { user: *user, session: SessionId::from_uuid(org.uuid()) };
        let caller = gate.caller(&Credential { principal, organization: Some(*org) }, name);
        caller.expect("a member").authorize::<ReadUsage>().is_ok()
    });
}

/// The head of a request as a common client sends it.
fn head(key: &str) -> HeaderMap {
    let fields = [
        ("host", "127.0.0.1:8080".to_owned()),
        ("authorization", format!("Bearer {key}")),
        ("user-agent", "curl/8.14.1".to_owned()),
        ("accept", "*/*".to_owned()),
    ];
    fields
        .into_iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(&value).expect("a value");
            (http::HeaderName::from_static(name), value)
        })
        .collect()
}

/// What the server does of a request, but for its sockets: from its arrival to its settlement.
fn admit(gate: &Gate, lane: &Lane, headers: &HeaderMap) {
    let now = lane.now();
    let snapshot = gate.snapshot();
    let Ok(RouteMatch::Found(route)) = snapshot.compiled().match_route("GET", "/items") else {
        panic!("there is no such route")
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let asked = Asked { id: lane.request_id(now), now, peer, headers, slug: None };
    let admission = gate.admit(lane, &snapshot, route.index, &asked).expect("an admission");
    let mut reply = HeaderMap::new();
    admission.marks().write(&mut reply);
    black_box(reply);
    let (outcome, status) = (Outcome::Completed, 200);
    admission.settle(&Ending { outcome, status, bytes_in: 0, bytes_out: 1_000, reply: None });
}

/// The CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Tells how long a check of each of these takes.
fn time(what: &str, places: &[Place], check: impl Fn(&Place) -> bool) {
    let batches = places.chunks(CHECKS).cycle().take(READINGS);
    let times = batches.map(|places| {
        let began = Instant::now();
        assert!(places.iter().all(&check), "not permitted");
        began.elapsed().as_nanos() / places.len() as u128
    });
    tell(what, times.collect());
}

/// Prints the median and the quartiles of these nanoseconds.
fn tell(what: &str, mut nanos: Vec<u128>) {
    nanos.sort_unstable();
    let at = |quarter: usize| nanos[(nanos.len() - 1) * quarter / 4];
    println!("{what}: {} ns ({}–{})", at(2), at(1), at(3));
}
