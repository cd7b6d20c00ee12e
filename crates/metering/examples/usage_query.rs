//! How long a question for the usage of a month by the hour takes, beside so many events, on both engines.
//!
//! `cargo run --release -p insula-metering --example usage_query -- [events] [questions]`
//!
//! The events are those of one organization in the 30 days until now, of 20 keys and 3 operations, and come into the
//! ledger by settlement. A question is a transaction of its own, as it is for the API.

#![expect(clippy::unwrap_used, reason = "a measurement")]

use insula_kernel::{AdmissionId, Env, Instant, KeyId, OrgId, Scope, Span};
use insula_metering::{
    Settler,
    log::{Charge, Intent, Log, Options, Outcome, Settlement, Writer},
    usage::{self, Grouping, Step, Together, Windows},
};
use insula_storage::{Storage, Store};
use insula_testkit::{Kind, TestStore};
use std::time::{Duration, Instant as Clock};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const METER: &str = "requests";
const OPERATIONS: [&str; 3] = ["GET /items", "POST /items", "DELETE /items/{id}"];
/// How many events are written to the log before they are settled.
const PIECE: i64 = 200_000;

/// The organization, without the proof that a test has no way to get.
struct Of(OrgId);

impl Scope for Of {
    fn organization(&self) -> OrgId {
        self.0
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.replace('_', "").parse::<i64>().unwrap());
    let (events, questions) = (arguments.next().unwrap_or(10_000_000), arguments.next().unwrap_or(1_000));
    for kind in [Kind::Sqlite, Kind::Postgres] {
        measure(kind, events, questions).await;
    }
}

async fn measure(kind: Kind, events: i64, questions: i64) {
    let env = Env::system();
    let store = TestStore::new(kind).await;
    let storage = store.open().await;
    let (log, tail) = Log::open(store.folder().join("wal"), Options::default(), env.clone()).unwrap();
    let mut writer = log.writer(0);
    let mut settler = Settler::new(storage.clone(), tail, env.clone());
    let org = OrgId::generate(&env);
    let keys: Vec<KeyId> = (0..20).map(|_| KeyId::generate(&env)).collect();
    let (end, month) = (env.now(), Span::from_days(30));
    let begun = Clock::now();
    for event in 0..events {
        let at = end - Span::from_micros(month.as_micros() / events * (events - event));
        let place = usize::try_from(event).unwrap();
        let (key, operation) = (keys[place / 3 % keys.len()], OPERATIONS[place % OPERATIONS.len()]);
        append(&mut writer, &env, org, key, operation, at);
        if (event + 1) % PIECE == 0 || event + 1 == events {
            settler.catch_up().await.unwrap();
        }
    }
    println!("{kind:?}: {events} events settled in {:.0?}", begun.elapsed());

    let windows = |days, step| Windows::covering(end - Span::from_days(days), end, step).unwrap();
    let by = |name: &str| Grouping { by: vec![name.to_owned()], filter: Vec::new() };
    ask(kind, "a month by the hour", questions, async || {
        let mut tx = storage.read(Store::Ledger, &Of(org)).await.unwrap();
        usage::buckets(&mut tx, METER, &windows(30, Step::Hour)).await.unwrap().len()
    })
    .await;
    ask(kind, "a month by the day", questions, async || {
        let mut tx = storage.read(Store::Ledger, &Of(org)).await.unwrap();
        usage::buckets(&mut tx, METER, &windows(30, Step::Day)).await.unwrap().len()
    })
    .await;
    ask(kind, "a week by the hour and operation", questions / 10, async || {
        grouped(&storage, org, windows(7, Step::Hour), &by("operation")).await
    })
    .await;
    ask(kind, "a month by the day and key", questions / 10, async || {
        grouped(&storage, org, windows(30, Step::Day), &by("key")).await
    })
    .await;
}

fn append(writer: &mut Writer, env: &Env, org: OrgId, key: KeyId, operation: &str, at: Instant) {
    let charges = [Charge::add(METER, 1)];
    let intent = Intent::new(AdmissionId::generate(env), org, operation, at);
    let intent = Intent { key: Some(key), environment: 3, reserved: (&charges).into(), ..intent };
    let ticket = writer.intent(&intent).unwrap();
    let settlement = Settlement {
        bytes_out: 1_000,
        duration_us: 850,
        used: (&charges).into(),
        ..Settlement::new(at, 200, Outcome::Completed)
    };
    writer.settle(ticket, &settlement).unwrap();
}

async fn grouped(storage: &Storage, org: OrgId, windows: Windows, grouping: &Grouping) -> usize {
    let mut tx = storage.read(Store::Ledger, &Of(org)).await.unwrap();
    usage::grouped(&mut tx, METER, Together::Add, &windows, grouping).await.unwrap().len()
}

async fn ask(kind: Kind, what: &str, questions: i64, question: impl AsyncFn() -> usize) {
    let mut times: Vec<Duration> = Vec::new();
    let mut values = 0;
    for _ in 0..questions {
        let begun = Clock::now();
        values = question().await;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!("{kind:?}: {what}, {values} values: {:.2?} (p50), {:.2?} (p99)", at(50), at(99));
}
