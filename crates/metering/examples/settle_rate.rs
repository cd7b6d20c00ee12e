//! How many events a second are settled into the ledger, on both engines, and what a flush of one event takes.
//!
//! `cargo run --release -p insula-metering --example settle_rate [events] [organizations]`

use insula_kernel::{AdmissionId, Env, KeyId, OrgId};
use insula_metering::{
    Settler,
    log::{Charge, Intent, Log, Options, Outcome, Settlement, Writer},
};
use insula_testkit::{Kind, TestStore};
use std::time::{Duration, Instant};

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let argument = |n| std::env::args().nth(n).map(|text| text.parse::<u32>()).transpose();
    let (events, orgs) = (argument(1)?.unwrap_or(200_000), argument(2)?.unwrap_or(100));
    for kind in [Kind::Sqlite, Kind::Postgres] {
        measure(kind, events, orgs).await?;
    }
    Ok(())
}

async fn measure(kind: Kind, events: u32, orgs: u32) -> Result<(), AnyError> {
    let store = TestStore::new(kind).await;
    let env = Env::system();
    let (log, tail) = Log::open(store.folder().join("wal"), Options::default(), env.clone())?;
    let mut writer = log.writer(0);
    let customers: Vec<_> = (0..orgs).map(|_| (OrgId::generate(&env), KeyId::generate(&env))).collect();
    for (customer, _) in customers.iter().cycle().zip(0..events) {
        append(&mut writer, &env, *customer)?;
    }
    let mut settler = Settler::new(store.open().await, tail, env.clone());
    let start = Instant::now();
    let settled = settler.catch_up().await?.events;
    let rate = u128::from(settled) * 1_000_000 / start.elapsed().as_micros().max(1);
    println!("{kind:?}: {settled} events of {orgs} organizations settled, {rate} a second");

    let settler = settler.start();
    let mut times: Vec<Duration> = Vec::new();
    for (customer, _) in customers.iter().cycle().zip(0..500) {
        append(&mut writer, &env, *customer)?;
        let start = Instant::now();
        settler.flush().await?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    println!("{kind:?}: a flush of one event takes {:?} (p50), {:?} (p99)", times[250], times[495]);
    Ok(settler.shutdown().await?)
}

fn append(writer: &mut Writer, env: &Env, (org, key): (OrgId, KeyId)) -> Result<(), AnyError> {
    let charges = [Charge::add("requests", 1)];
    let ticket = writer.intent(&Intent {
        key: Some(key),
        reserved: (&charges).into(),
        ..Intent::new(AdmissionId::generate(env), org, "POST /api/documents", env.now())
    })?;
    let settlement = Settlement {
        bytes_in: 120,
        bytes_out: 1_000,
        duration_us: 850,
        used: (&charges).into(),
        ..Settlement::new(env.now(), 200, Outcome::Completed)
    };
    Ok(writer.settle(ticket, &settlement)?)
}
