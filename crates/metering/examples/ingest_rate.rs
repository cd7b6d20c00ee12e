//! How many reported events a second are taken in, in batches of 1 000: checked, deduplicated and on the disk, beside a
//! ledger that knows many already. Settlement runs meanwhile.
//!
//! `cargo run --release -p insula-metering --example ingest_rate -- [known ids] [batches]`

#![expect(clippy::unwrap_used, reason = "a measurement")]

use insula_blueprint::check;
use insula_kernel::{Env, EventId, HoldId, KeyId, OrgId, ProjectId, Span, TeamId, sha256};
use insula_metering::{
    Settler,
    ingest::{Counted, Ingest, Live, Reporter, Taken},
    log::{Log, Options},
};
use insula_storage::{Engine, Storage, Store, Worker, args, statements};
use std::time::Instant;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

statements! {
    catalogue LOADED of Platform;
    Ledger KNOWN(key: Bytes, body: Bytes, tenant: Id, event: Id) =
        "INSERT INTO event_key (key, body, tenant_id, event_id) VALUES {rows}";
}

const BLUEPRINT: &str = r#"
[product]
name = "Measured"
[meters.seconds]
event = "job.finished"
aggregate = "sum"
of = "seconds"
scale = 3
[plans.free]
price = { USD = { month = "0" } }
[upstreams.app]
targets = ["http://127.0.0.1:1"]
"#;

struct Nobody;

impl Live for Nobody {
    fn ahead(&self, _: OrgId) -> Span {
        Span::from_micros(0)
    }
    fn project(&self, _: OrgId, _: ProjectId) -> Option<Option<TeamId>> {
        None
    }
    fn key(&self, _: OrgId, _: &str) -> Option<KeyId> {
        None
    }
    fn count(&self, _: &Counted<'_>) {}
    fn end_holds(&self, _: OrgId, _: &str, _: &str) -> Vec<HoldId> {
        Vec::new()
    }
}

/// A key of the same source as the events that are measured, or of others, with a random id.
fn key(source: u64, id: &Uuid) -> Vec<u8> {
    let mut key = sha256(&source.to_le_bytes())[..16].to_vec();
    key.extend_from_slice(id.as_bytes());
    key
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.replace('_', "").parse::<usize>().unwrap());
    let (known, batches) = (arguments.next().unwrap_or(1_000_000), arguments.next().unwrap_or(200));
    let folder = tempfile::tempdir().unwrap();
    let env = Env::system();
    let storage = Storage::open(&Engine::Sqlite { folder: folder.path().join("data") }).await.unwrap();
    let org = OrgId::generate(&env);
    let begun = Instant::now();
    for piece in 0..known.div_ceil(100_000) {
        let mut keys: Vec<Vec<u8>> = (0..100_000.min(known - piece * 100_000))
            .map(|n| key(u64::try_from(n % 1_000).unwrap(), &EventId::generate(&env).uuid()))
            .collect();
        keys.sort_unstable();
        let mut tx = storage.platform_write(Store::Ledger, &Worker::Settlement).await.unwrap();
        let rows = keys.into_iter().flat_map(|key| args![key, vec![0u8; 16], org, EventId::generate(&env)]);
        tx.execute_rows(&KNOWN, rows.collect()).await.unwrap();
        tx.commit().await.unwrap();
    }
    println!("{known} ids known, loaded in {:.1} s", begun.elapsed().as_secs_f64());
    for (name, fresh) in [("ids that follow the time", true), ("random ids", false)] {
        let (log, tail) = Log::open(folder.path().join("wal"), Options::default(), env.clone()).unwrap();
        let mut settler = Settler::new(storage.clone(), tail, env.clone());
        settler.catch_up().await.unwrap();
        let settler = settler.start();
        let ingest = Ingest::new(storage.clone(), env.clone(), log, settler.clone(), Box::new(Nobody));
        let blueprint = check("blueprint.toml", BLUEPRINT).unwrap().compile();
        let event = |_| {
            let id = EventId::generate(&env).uuid();
            let id = if fresh { id } else { Uuid::from_slice(&sha256(id.as_bytes())[..16]).unwrap() };
            format!(
                r#"{{"specversion":"1.0","id":"{id}","source":"/jobs","type":"job.finished","data":{{"seconds":"1.5"}}}}"#
            )
        };
        let batches: Vec<Vec<String>> = (0..batches).map(|_| (0..1_000).map(event).collect()).collect();
        let begun = Instant::now();
        for batch in &batches {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            let taken = ingest.take(Reporter { org, service: None }, &blueprint, &batch).await.unwrap();
            assert!(taken.iter().all(|taken| *taken == Taken::Accepted));
        }
        let acknowledged = begun.elapsed().as_micros();
        settler.flush().await.unwrap();
        let settled = begun.elapsed().as_micros();
        let rate = |micros: u128| batches.len() as u128 * 1_000_000_000 / micros.max(1);
        println!(
            "{name}: {} events/s acknowledged, {} events/s settled too",
            rate(acknowledged),
            rate(settled)
        );
        settler.shutdown().await.unwrap();
    }
}
