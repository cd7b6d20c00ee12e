//! How long it takes to invoice many subscriptions whose month is over, each with some usage, on both engines.
//!
//! `cargo run --release -p insula-billing --example invoice_run [subscriptions] [events of each]`

use insula_billing::{
    Catalogue, apply_blueprint,
    subscription::{self, NewSubscription},
};
use insula_blueprint::{Compiled, check};
use insula_kernel::{AdmissionId, Env, ManualClock, OrgId, Span, SystemRng};
use insula_metering::{
    Settler,
    log::{Charge, Intent, Log, Options, Outcome, Settlement},
};
use insula_storage::{Storage, Store, Worker};
use insula_testkit::{Kind, TestStore};
use std::{sync::Arc, time::Instant};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// How many are prepared in one transaction.
const TOGETHER: usize = 1_000;

/// How many are invoiced in one, as the program does.
const AT_ONCE: usize = 16;

const BLUEPRINT: &str = r#"
[product]
name = "Bench"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
on_exceed = "bill"
[plans.pro]
price = { USD = { month = "29" } }
limits = { requests_per_day = 2 }
overage = { requests_per_day = { USD = "0.01" } }
[upstreams.things]
targets = ["http://127.0.0.1:9"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
"#;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let argument = |n| std::env::args().nth(n).map(|text| text.parse::<usize>()).transpose();
    let (subscriptions, events) = (argument(1)?.unwrap_or(100_000), argument(2)?.unwrap_or(5));
    for kind in [Kind::Sqlite, Kind::Postgres] {
        measure(kind, subscriptions, events).await?;
    }
    Ok(())
}

async fn measure(kind: Kind, subscriptions: usize, events: usize) -> Result<(), AnyError> {
    let store = TestStore::new(kind).await;
    let clock = Arc::new(ManualClock::at("2026-03-01T12:00:00Z".parse()?));
    let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
    let compiled = check("blueprint.toml", BLUEPRINT).map_err(|mistakes| mistakes.to_string())?.compile();
    let storage = store.open().await;
    let orgs = subscribe(&storage, &env, &compiled, subscriptions).await?;

    clock.advance(Span::from_days(3));
    let (log, tail) = Log::open(store.folder().join("wal"), Options::default(), env.clone())?;
    let mut writer = log.writer(0);
    for org in orgs.iter().cycle().take(orgs.len() * events) {
        let charges = [Charge::add("requests", 1)];
        let intent = Intent::new(AdmissionId::generate(&env), *org, "GET /things", env.now());
        let ticket = writer.intent(&Intent { reserved: (&charges).into(), ..intent })?;
        let settlement = Settlement::new(env.now(), 200, Outcome::Completed);
        writer.settle(ticket, &Settlement { used: (&charges).into(), ..settlement })?;
    }
    drop(writer);
    Settler::new(storage.clone(), tail, env.clone()).catch_up().await?;

    clock.advance(Span::from_days(29));
    let start = Instant::now();
    let mut catalogue = Catalogue::default();
    let mut done = 0;
    loop {
        let mut tx = storage.platform_read(Store::Ledger, &Worker::Billing).await?;
        let due = subscription::due(&mut tx, env.now(), 100).await?;
        drop(tx);
        if due.is_empty() {
            break;
        }
        for some in due.chunks(AT_ONCE) {
            let mut tx = storage.platform_write(Store::Ledger, &Worker::Billing).await?;
            subscription::run(&mut tx, &env, &compiled, &mut catalogue, some).await?;
            tx.commit().await?;
            done += some.len();
        }
    }
    let took = start.elapsed();
    println!("{kind:?}: {done} subscriptions invoiced, {events} events of each, in {took:.1?}");
    Ok(())
}

async fn subscribe(
    storage: &Storage,
    env: &Env,
    compiled: &Compiled,
    count: usize,
) -> Result<Vec<OrgId>, AnyError> {
    let mut tx = storage.platform_write(Store::Ledger, &Worker::Start).await?;
    apply_blueprint(&mut tx, env, BLUEPRINT, compiled, "bench").await?;
    tx.commit().await?;
    let orgs: Vec<OrgId> = (0..count).map(|_| OrgId::generate(env)).collect();
    for some in orgs.chunks(TOGETHER) {
        let mut tx = storage.platform_write(Store::Ledger, &Worker::SignUp).await?;
        for org in some {
            subscription::prepare(&mut tx, env, compiled, *org, &NewSubscription::to("pro")).await?;
            subscription::activate(&mut tx, env, compiled, *org).await?;
        }
        tx.commit().await?;
    }
    Ok(orgs)
}
