//! What was acknowledged is in the ledger, once, however often and whenever the process is killed.
//!
//! The process that is killed is this test program, started again for its ignored test.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_kernel::{AdmissionId, Env, EventId, HoldId, OrgId, Scope, Secret, Span};
use insula_metering::{
    Settler,
    log::{Charge, Groups, HoldChange, HoldStep, Intent, Log, Options, Outcome, Report, Settlement},
    reconcile,
    usage::{self, Step, Windows},
};
use insula_storage::{Engine, PostgresUrls, Storage, Store, Worker, args, statements};
use insula_testkit::{TestStore, on_both_engines};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

const DIR: &str = "INSULA_TEST_SETTLE_DIR";
const URLS: [&str; 3] = ["INSULA_TEST_MIGRATE", "INSULA_TEST_TENANT", "INSULA_TEST_PLATFORM"];

statements! {
    catalogue PROBES of Platform;
    Ledger EVENTS() = "SELECT id, quantities, recovered FROM usage_event";
    Ledger NUMBERS() = "SELECT settled FROM usage_event ORDER BY settled";
}

struct Member(OrgId);

impl Scope for Member {
    fn organization(&self) -> OrgId {
        self.0
    }
}

/// The one customer, the same in every process.
fn customer() -> OrgId {
    OrgId::from_digits(b"00000000000000000000000001").unwrap()
}

/// The stores. A server takes a moment to notice that the process before is gone.
async fn open(engine: &Engine) -> Storage {
    loop {
        match Storage::open(engine).await {
            Ok(storage) => return storage,
            Err(error) if error.to_string().contains("another node") => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Small segments, so that many are let go while it runs.
fn open_log(dir: &Path, env: &Env) -> (Log, insula_metering::log::Tail) {
    let options = Options { segment_bytes: 32 << 10, ..Options::default() };
    Log::open(dir.join("wal"), options, env.clone()).unwrap()
}

fn child_engine(dir: &Path) -> Engine {
    let url = |name| std::env::var(name).ok().map(Secret::new);
    match URLS.map(url) {
        [Some(migrate), Some(tenant), Some(platform)] => {
            Engine::Postgres(PostgresUrls { migrate, tenant, platform })
        }
        _ => Engine::Sqlite { folder: dir.join("data") },
    }
}

/// A report of nothing in particular.
fn report<'a>(env: &Env, id: EventId, key: [u8; 32], charges: &'a [Charge<'a>]) -> Report<'a> {
    Report {
        id,
        org: customer(),
        key,
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of another test"]
async fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let env = Env::system();
    let (log, tail) = open_log(&dir, &env);
    let mut settler = Settler::new(open(&child_engine(&dir)).await, tail, env.clone());
    settler.catch_up().await.unwrap();
    let settler = settler.start();
    let mut writer = log.writer(0);
    // One write, so that each line is out before the next act.
    let say = |line: String| std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    for tokens in 1.. {
        let reserved = [Charge::add("tokens", tokens)];
        let admission = AdmissionId::generate(&env);
        let intent = Intent {
            reserved: (&reserved).into(),
            ..Intent::new(admission, customer(), "GET /hello", env.now())
        };
        let ticket = writer.intent(&intent).unwrap();
        say(format!("intent {admission} {tokens}\n"));
        let used = [Charge::add("tokens", tokens + 1)];
        let settlement =
            Settlement { used: (&used).into(), ..Settlement::new(env.now(), 200, Outcome::Completed) };
        writer.settle(ticket, &settlement).unwrap();
        say(format!("settled {admission} {}\n", tokens + 1));
        let id = EventId::generate(&env);
        let mut key = [0; 32];
        key[..16].copy_from_slice(id.uuid().as_bytes());
        let reported = report(&env, id, key, &reserved);
        writer.append_report(&reported).unwrap();
        let hold = HoldId::from_uuid(id.uuid());
        let begun = HoldStep::Begun {
            limit: "databases",
            key: None,
            project: None,
            team: None,
            api_key: None,
            at: env.now(),
            expires_at: None,
        };
        writer.append_hold(&HoldChange { org: customer(), hold, what: begun }).unwrap();
        say(format!("reported {} {tokens}\n", AdmissionId::from_uuid(id.uuid())));
        if tokens % 32 == 0 {
            settler.flush().await.unwrap();
            say(format!("flushed {admission} {tokens}\n"));
        }
    }
}

/// How often it is killed; `make soak` does it more often.
fn rounds() -> usize {
    std::env::var("INSULA_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap())
}

/// What the killed processes said they had done.
#[derive(Default)]
struct Heard {
    intents: BTreeMap<AdmissionId, i64>,
    settled: BTreeMap<AdmissionId, i64>,
    /// Each with a hold of the same digits.
    reported: BTreeMap<AdmissionId, i64>,
    flushes: usize,
}

impl Heard {
    fn line(&mut self, line: &str) {
        let Some(line) = line.strip_suffix('\n') else { return };
        let words: Vec<_> = line.split(' ').collect();
        let [kind, id, tokens] = words.as_slice() else { return };
        let (Ok(id), Ok(tokens)) = (id.parse(), tokens.parse()) else { return };
        match *kind {
            "intent" => drop(self.intents.insert(id, tokens)),
            "settled" => drop(self.settled.insert(id, tokens)),
            "reported" => drop(self.reported.insert(id, tokens)),
            "flushed" => self.flushes += 1,
            _ => {}
        }
    }

    /// Runs a process and kills it after so many lines, wherever it is then.
    fn listen_and_kill(&mut self, store: &TestStore, after: usize) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child_that_is_killed", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(DIR, store.folder()).stdout(Stdio::piped());
        if let Engine::Postgres(urls) = store.engine() {
            let urls = [urls.migrate, urls.tenant, urls.platform];
            command.envs(URLS.into_iter().zip(urls.map(|url| url.expose().clone())));
        }
        let mut running = command.spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap());
        let (mut line, mut count) = (String::new(), 0);
        while lines.read_line(&mut line).unwrap() > 0 {
            self.line(&line);
            line.clear();
            count += 1;
            if count == after {
                running.kill().unwrap();
            }
        }
        assert!(running.wait().unwrap().code().is_none() && count >= after, "it ended by itself");
    }
}

on_both_engines! {
    async fn what_was_acknowledged_is_in_the_ledger_once(store) {
        let mut heard = Heard::default();
        let rounds = rounds();
        for round in 0..rounds {
            tokio::task::block_in_place(|| heard.listen_and_kill(&store, 300 + 137 * (round % 5)));
        }
        assert!(heard.flushes > rounds);
        let env = Env::system();
        let storage = open(&store.engine()).await;
        let (_log, tail) = open_log(store.folder(), &env);
        Settler::new(storage.clone(), tail, env.clone()).catch_up().await.unwrap();

        let mut tx = storage.platform_read(Store::Ledger, &Worker::Settlement).await.unwrap();
        let rows: Vec<(AdmissionId, String, bool)> = tx.fetch_all(&EVENTS, args![]).await.unwrap();
        let tokens = |text: &str| serde_json::from_str::<BTreeMap<String, i64>>(text).unwrap()["tokens"];
        let events: BTreeMap<_, _> = rows.iter().map(|(id, text, lost)| (*id, (tokens(text), *lost))).collect();
        assert_eq!(events.len(), rows.len());
        let numbers: Vec<(i64,)> = tx.fetch_all(&NUMBERS, args![]).await.unwrap();
        assert!(numbers.iter().copied().eq((1..).take(rows.len()).map(|number| (number,))), "numbered without gaps");
        for (id, tokens) in &heard.settled {
            assert_eq!(events.get(id), Some(&(*tokens, false)), "a settlement is charged as it was acknowledged");
        }
        for (id, tokens) in &heard.intents {
            let event = events.get(id).copied();
            assert!(event == Some((*tokens, true)) || event == Some((tokens + 1, false)), "{event:?}");
        }
        for (id, tokens) in &heard.reported {
            assert_eq!(events.get(id), Some(&(*tokens, false)), "a report is charged as it was acknowledged");
        }
        // One intent of each process, or one report, may have been recorded and not yet told; and what a process says first
        // may stand in one line with what its test harness says.
        assert!(events.len() <= heard.intents.len() + heard.reported.len() + 2 * rounds);
        let held = usage::active_holds(&mut tx, env.now()).await.unwrap();
        let held: BTreeSet<_> = held.into_iter().map(|hold| hold.id.uuid()).collect();
        assert!(heard.reported.keys().all(|id| held.contains(&id.uuid())), "a hold is known to the next run");
        assert_eq!(reconcile::days(&mut tx, Step::Day.containing(env.now())).await.unwrap(), []);

        let now = env.now();
        let sum: i64 = events.values().map(|(tokens, _)| tokens).sum();
        for step in Step::ALL {
            let before = Span::from_hours(if step == Step::Minute { 12 } else { 7 * 24 });
            let windows = Windows::covering(now - before, now + Span::from_secs(1), step).unwrap();
            let mut tx = storage.read(Store::Ledger, &Member(customer())).await.unwrap();
            let buckets = usage::buckets(&mut tx, "tokens", &windows).await.unwrap();
            let counted: i64 = buckets.iter().map(|bucket| bucket.quantity.units()).sum();
            assert_eq!(counted, sum, "the roll-ups are the sums of the events");
        }
    }
}
