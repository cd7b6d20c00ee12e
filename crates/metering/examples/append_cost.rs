//! What the log costs a request: the time of an intent and its settlement, alone and while a settler reads.
//!
//! `cargo run --release -p insula-metering --example append_cost [directory]`

use insula_kernel::{AdmissionId, Env, KeyId, OrgId};
use insula_metering::log::{Charge, Intent, Log, Options, Outcome, Settlement, Tail, Writer};
use std::{
    io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

const PAIRS: u32 = 500_000;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), AnyError> {
    let dir =
        std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("append_cost"), PathBuf::from);
    let env = Env::system();
    let (log, mut tail) = Log::open(&dir, Options::default(), env.clone())?;
    settle_all(&mut tail)?;

    let mut writer = log.writer(0);
    report("alone", append(&mut writer, &env, PAIRS)?);
    let start = Instant::now();
    let told = settle_all(&mut tail)?;
    println!("read by the settler     {:>6.2} µs per pair", per(start.elapsed(), told));

    let done = AtomicBool::new(false);
    let times = thread::scope(|scope| {
        let settler = scope.spawn(|| {
            while !done.load(Relaxed) {
                settle_all(&mut tail)?;
                thread::park_timeout(Duration::from_millis(20));
            }
            settle_all(&mut tail)
        });
        let times = append(&mut writer, &env, PAIRS);
        done.store(true, Relaxed);
        settler.join().map_err(|_| io::Error::other("the settler panicked"))??;
        times
    })?;
    report("beside a settler", times);

    let mut times = Vec::new();
    for _ in 0..2_000 {
        append(&mut writer, &env, 1)?;
        let start = Instant::now();
        writer.sync()?;
        times.push(start.elapsed());
    }
    report("sync after each pair", times);

    drop(writer);
    settle_all(&mut tail)?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn append(writer: &mut Writer, env: &Env, pairs: u32) -> Result<Vec<Duration>, AnyError> {
    let (org, key) = (OrgId::generate(env), KeyId::generate(env));
    let ids: Vec<_> = (0..pairs.min(10_000)).map(|_| AdmissionId::generate(env)).collect();
    let charges = [Charge::add("requests", 1), Charge::add("bytes_out", 1_000)];
    let mut times = Vec::with_capacity(usize::try_from(pairs)?);
    for (admission, _) in ids.iter().cycle().copied().zip(0..pairs) {
        let start = Instant::now();
        let ticket = writer.intent(&Intent {
            key: Some(key),
            reserved: (&charges).into(),
            ..Intent::new(admission, org, "documents.search", env.now())
        })?;
        writer.settle(
            ticket,
            &Settlement {
                bytes_in: 120,
                bytes_out: 1_000,
                duration_us: 850,
                used: (&charges).into(),
                ..Settlement::new(env.now(), 200, Outcome::Completed)
            },
        )?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Reads and confirms all there is, as a settler would whose ledger takes no time.
fn settle_all(tail: &mut Tail) -> io::Result<usize> {
    let mut told = 0;
    loop {
        let polled = tail.poll(1_000, |entry| drop(std::hint::black_box(entry)))?;
        tail.confirm(polled.mark)?;
        told += polled.entries;
        if polled.entries == 0 {
            return Ok(told);
        }
    }
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}

fn report(what: &str, mut times: Vec<Duration>) {
    let mean = per(times.iter().sum(), times.len());
    times.sort_unstable();
    let at = |thousandth: usize| per(times[(times.len() - 1) * thousandth / 1_000], 1);
    println!(
        "{what:<22} mean {mean:>6.2} µs, p50 {:>6.2}, p99 {:>6.2}, p99.9 {:>7.2}, most {:>8.0}",
        at(500),
        at(990),
        at(999),
        at(1_000)
    );
}
