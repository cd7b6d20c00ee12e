//! What the tests of the log share.

use insula_kernel::{
    AdmissionId, Env, EventId, HoldId, Instant, KeyId, ManualClock, OrgId, SeededRng, ServiceId, Span,
};
use insula_metering::log::{
    Charge, DATA_MAX, Damage, Entry, Group, Groups, Intent, IntentTicket, Log, Options, Outcome, Report,
    Settlement, Tail, Writer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

/// Small segments, so that tests come past the end of many.
pub(crate) const SMALL: Options = Options { segment_bytes: 32 << 10, sync_every: Span::from_millis(5) };

/// A clock that stands still and repeatable ids.
pub(crate) fn env() -> Env {
    Env {
        clock: Arc::new(ManualClock::at(Instant::from_secs(1_700_000_000))),
        rng: Arc::new(SeededRng::new(7)),
    }
}

/// Opens the log with small segments.
pub(crate) fn open(dir: &Path) -> (Log, Tail) {
    Log::open(dir, SMALL, env()).expect("the log opens")
}

/// An intent that reserves so many tokens.
pub(crate) fn intent(writer: &mut Writer, env: &Env, tokens: i64) -> IntentTicket {
    try_intent(writer, env, tokens).expect("the intent is accepted")
}

/// The same, as the writer answers it.
pub(crate) fn try_intent(
    writer: &mut Writer,
    env: &Env,
    tokens: i64,
) -> Result<IntentTicket, insula_metering::log::IntentError> {
    let charges = [Charge::add("requests", 1), Charge::add("tokens", tokens)];
    let (admission, org) = (AdmissionId::generate(env), OrgId::generate(env));
    writer.intent(&Intent {
        key: Some(KeyId::generate(env)),
        reserved: (&charges).into(),
        ..Intent::new(admission, org, "documents.search", env.now())
    })
}

/// Settles with so many tokens.
pub(crate) fn settle(writer: &mut Writer, ticket: IntentTicket, tokens: i64) {
    let charges = [Charge::add("requests", 1), Charge::add("tokens", tokens)];
    let settlement = Settlement {
        bytes_in: 10,
        bytes_out: 20,
        duration_us: 30,
        used: (&charges).into(),
        ..Settlement::new(Instant::from_secs(1_700_000_001), 200, Outcome::Completed)
    };
    writer.settle(ticket, &settlement).expect("the settlement is recorded");
}

/// Reports so many tokens.
pub(crate) fn report(writer: &mut Writer, env: &Env, tokens: i64) -> EventId {
    let id = EventId::generate(env);
    let (charges, data) = ([Charge::add("tokens", tokens)], "x".repeat(DATA_MAX - 2));
    let report = Report {
        id,
        org: OrgId::generate(env),
        key: [1; 32],
        body: [2; 16],
        kind: "job.finished",
        source: "/render",
        subject: Some("job-1"),
        at: env.now(),
        received_at: env.now(),
        project: None,
        team: None,
        key_id: None,
        user: None,
        service: Some(ServiceId::generate(env)),
        environment: 0,
        groups: Groups::from(&[Group { name: "site", value: "köln" }]),
        data: Some(&data),
        charges: (&charges).into(),
    };
    writer.append_report(&report).expect("the report is accepted");
    id
}

/// What the tail told: admissions with their tokens.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) settled: BTreeMap<AdmissionId, i64>,
    pub(crate) recovered: BTreeMap<AdmissionId, i64>,
    pub(crate) reported: BTreeMap<EventId, i64>,
    pub(crate) holds: BTreeSet<HoldId>,
    pub(crate) damaged: Vec<Damage>,
}

impl Told {
    pub(crate) fn take(&mut self, entry: Entry<'_>) {
        let tokens = |charges: insula_metering::log::Charges<'_>| {
            charges.iter().find(|charge| charge.meter == "tokens").map_or(0, |charge| charge.quantity)
        };
        match entry {
            Entry::Settled { intent, settlement } => {
                let before = self.settled.insert(intent.admission, tokens(settlement.used));
                assert_eq!(before, None, "told twice");
            }
            Entry::Recovered { intent } => {
                let before = self.recovered.insert(intent.admission, tokens(intent.reserved));
                assert_eq!(before, None, "told twice");
            }
            Entry::Reported(report) => {
                self.reported.insert(report.id, report.charges.iter().map(|charge| charge.quantity).sum());
            }
            Entry::Hold(change) => drop(self.holds.insert(change.hold)),
            Entry::Damaged(damage) => self.damaged.push(damage),
        }
    }
}

/// Polls in small batches until there is no more, confirming each if wanted.
pub(crate) fn drain(tail: &mut Tail, confirm: bool) -> Told {
    let mut told = Told::default();
    loop {
        let polled = tail.poll(7, |entry| told.take(entry)).expect("the log can be read");
        if confirm {
            tail.confirm(polled.mark).expect("segments can be removed");
        }
        if polled.complete {
            return told;
        }
    }
}

/// The names of the segments in the directory.
pub(crate) fn segments(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("the directory can be read")
        .map(|entry| entry.expect("its entries too").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
