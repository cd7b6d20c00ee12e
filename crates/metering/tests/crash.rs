//! What the write-ahead log promises when its process is killed and when the disk is full.
//!
//! The process that suffers is this test program, started again for one of the ignored tests.

mod common;

use common::{SMALL, Told, drain, env, intent, open, settle, try_intent};
use insula_kernel::{AdmissionId, Env, Instant, ManualClock, SeededRng, Span};
use insula_metering::log::{DamageKind, IntentError, Log};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

const DIR: &str = "INSULA_TEST_LOG_DIR";

/// The directory, in a process that was started by one of the tests here.
fn child_dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

/// The command that runs one of the ignored tests here.
fn child(test: &str, dir: &Path) -> Command {
    // A shell, because a program can't ignore a signal without unsafe code, but inherits that it is ignored.
    let mut command = Command::new("sh");
    let this: OsString = std::env::current_exe().expect("this program has a path").into();
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(this);
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(DIR, dir);
    command
}

/// How often it is killed; `make soak` does it more often.
fn rounds() -> usize {
    std::env::var("INSULA_ROUNDS").map_or(5, |rounds| rounds.parse().expect("a number"))
}

fn say(line: &str) {
    // One write, so that lines of several threads don't mix and each is out before the next act.
    std::io::stdout().lock().write_all(line.as_bytes()).expect("the parent listens");
}

#[test]
#[ignore = "the child of another test"]
fn child_that_is_killed() {
    let Some(dir) = child_dir() else { return };
    let (log, mut tail) = Log::open(dir.join("wal"), SMALL, Env::system()).unwrap();
    let mut ledger = fs::File::options().create(true).append(true).open(dir.join("ledger")).unwrap();
    thread::scope(|scope| {
        for number in 0..2 {
            let mut writer = log.writer(number);
            scope.spawn(move || {
                let env = Env::system();
                let mut waiting = Vec::new();
                for tokens in 0.. {
                    let ticket = intent(&mut writer, &env, tokens);
                    say(&format!("intent {} {tokens}\n", ticket.admission()));
                    waiting.push((ticket, tokens + 1));
                    if waiting.len() > 3 {
                        let (ticket, tokens) = waiting.remove(0);
                        let id = ticket.admission();
                        settle(&mut writer, ticket, tokens);
                        say(&format!("settled {id} {tokens}\n"));
                        let reported = common::report(&mut writer, &env, tokens);
                        say(&format!("reported {} {tokens}\n", AdmissionId::from_uuid(reported.uuid())));
                    }
                }
            });
        }
        // The settler: what it confirms is in the ledger before.
        loop {
            let mut told = Told::default();
            let polled = tail.poll(50, |entry| told.take(entry)).unwrap();
            let mut lines = String::new();
            for (kind, entries) in [("settled", &told.settled), ("recovered", &told.recovered)] {
                for (id, tokens) in entries {
                    lines += &format!("{kind} {id} {tokens}\n");
                }
            }
            for (id, tokens) in &told.reported {
                lines += &format!("reported {} {tokens}\n", AdmissionId::from_uuid(id.uuid()));
            }
            assert!(told.damaged.iter().all(|damage| damage.kind == DamageKind::Torn), "{:?}", told.damaged);
            ledger.write_all(lines.as_bytes()).unwrap();
            tail.confirm(polled.mark).unwrap();
        }
    });
}

type Facts = BTreeMap<AdmissionId, i64>;

/// A whole line `<kind> <id> <tokens>`; what else a program says is passed over.
fn fact(line: &str) -> Option<(&str, AdmissionId, i64)> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let (kind, id, tokens) = (words.next()?, words.next()?, words.next()?);
    Some((kind, id.parse().ok()?, tokens.parse().ok()?))
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let (mut intents, mut settled, mut reported) = (Facts::new(), Facts::new(), Facts::new());
    let rounds = rounds();
    for round in 0..rounds {
        let mut running = child("child_that_is_killed", dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap());
        let (mut line, mut heard) = (String::new(), 0);
        // To the end of what it said, which is some time after it was killed.
        while lines.read_line(&mut line).unwrap() > 0 {
            match fact(&line) {
                Some(("intent", id, tokens)) => drop(intents.insert(id, tokens)),
                Some(("settled", id, tokens)) => drop(settled.insert(id, tokens)),
                Some(("reported", id, tokens)) => drop(reported.insert(id, tokens)),
                _ => {}
            }
            line.clear();
            heard += 1;
            if heard == 500 + 731 * (round % 5) {
                running.kill().unwrap();
            }
        }
        assert!(running.wait().unwrap().code().is_none(), "it ended by a signal");
        assert!(heard >= 500);
    }

    // What the settlers of the killed runs wrote, and what is still in the log. Told twice counts once.
    let (mut charged, mut recovered, mut taken_in) = (Facts::new(), Facts::new(), Facts::new());
    let ledger = fs::read_to_string(dir.path().join("ledger")).unwrap();
    for line in ledger.split_inclusive('\n') {
        match fact(line) {
            Some(("settled", id, tokens)) => {
                assert!([None, Some(tokens)].contains(&charged.insert(id, tokens)));
            }
            Some(("recovered", id, tokens)) => drop(recovered.insert(id, tokens)),
            Some(("reported", id, tokens)) => drop(taken_in.insert(id, tokens)),
            _ => {}
        }
    }
    assert!(!charged.is_empty(), "segments were confirmed while it ran");
    let (_log, mut tail) = open(&dir.path().join("wal"));
    let told = drain(&mut tail, true);
    assert!(told.damaged.iter().all(|damage| damage.kind == DamageKind::Torn), "{:?}", told.damaged);
    for (id, tokens) in told.settled {
        assert!([None, Some(tokens)].contains(&charged.insert(id, tokens)));
    }
    recovered.extend(told.recovered);
    taken_in.extend(told.reported.iter().map(|(id, tokens)| (AdmissionId::from_uuid(id.uuid()), *tokens)));
    for (id, tokens) in &reported {
        assert_eq!(taken_in.get(id), Some(tokens), "an acknowledged report is charged as it was");
    }

    for (id, tokens) in &settled {
        assert_eq!(charged.get(id), Some(tokens), "an acknowledged settlement is charged as it was");
    }
    for (id, tokens) in &intents {
        let known = charged.get(id).or_else(|| recovered.get(id));
        assert!(known == Some(tokens) || known == Some(&(tokens + 1)), "an acknowledged intent is charged");
    }
    for id in charged.keys() {
        assert!(!recovered.contains_key(id), "what is settled isn't recovered too");
    }
    // Each writer of each run may have recorded one intent that it had no time to acknowledge.
    let unheard = charged.keys().chain(recovered.keys()).filter(|id| !intents.contains_key(id)).count();
    assert!(unheard <= 2 * rounds, "{unheard}");
}

#[test]
#[ignore = "the child of another test"]
fn child_on_a_full_disk() {
    let Some(dir) = child_dir() else { return };
    let clock = Arc::new(ManualClock::at(Instant::from_secs(1_700_000_000)));
    let env = Env { clock: clock.clone(), rng: Arc::new(SeededRng::new(1)) };
    let (log, mut tail) = Log::open(dir.join("wal"), SMALL, env.clone()).unwrap();
    let mut writer = log.writer(0);
    let mut tickets = vec![intent(&mut writer, &env, 0)];

    // From here on no file can be made as large as a segment.
    let free = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(SMALL.segment_bytes - 1), ..free }).unwrap();
    let refused = loop {
        match try_intent(&mut writer, &env, 1) {
            Ok(ticket) => tickets.push(ticket),
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, IntentError::Full(_)), "{refused:?}");
    let error = insula_kernel::Error::from(refused);
    assert_eq!((error.kind().status(), error.code()), (503, "metering.unavailable"));
    assert_eq!(common::segments(&dir.join("wal")).len(), 1, "what couldn't be made is not left lying about");
    assert!(tickets.len() > 5);
    let accepted = tickets.len();
    for ticket in tickets {
        settle(&mut writer, ticket, 2);
    }
    assert_eq!(drain(&mut tail, true).settled.len(), accepted);

    // The settlements were smaller than the room kept for them; when that is used up, nothing is accepted.
    while let Ok(ticket) = try_intent(&mut writer, &env, 1) {
        settle(&mut writer, ticket, 1);
    }
    setrlimit(Resource::Fsize, free).unwrap();
    assert!(try_intent(&mut writer, &env, 1).is_err(), "the disk isn't asked again at once");
    clock.advance(Span::from_millis(100));
    let ticket = try_intent(&mut writer, &env, 1).unwrap();
    settle(&mut writer, ticket, 1);
    log.sync().unwrap();
    say("done\n");
}

#[test]
fn a_full_disk_stops_admission_and_not_settlement() {
    let dir = tempfile::tempdir().unwrap();
    let output = child("child_on_a_full_disk", dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("done\n"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (_log, mut tail) = Log::open(dir.path().join("wal"), SMALL, env()).unwrap();
    let told = drain(&mut tail, true);
    assert_eq!((told.recovered.len(), told.damaged.len()), (0, 0));
    assert!(!told.settled.is_empty());
}
