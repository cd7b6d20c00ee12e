//! What the tests of settlement share: a log and a ledger in a fresh place.

use insula_kernel::{AdmissionId, Env, Instant, KeyId, ManualClock, OrgId, SystemRng};
use insula_metering::{
    Settler,
    log::{Charge, Intent, IntentTicket, Log, Options, Outcome, Settlement, Writer},
};
use insula_storage::Storage;
use insula_testkit::TestStore;
use std::{path::PathBuf, sync::Arc};

/// Noon.
pub(crate) const NOON: &str = "2026-03-01T12:00:00Z";

pub(crate) fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// One run of a process: its log and its ledger. Dropped, it leaves behind what a killed process leaves.
pub(crate) struct Run {
    pub(crate) storage: Storage,
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) writer: Writer,
}

pub(crate) fn log_folder(store: &TestStore) -> PathBuf {
    store.folder().join("wal")
}

impl Run {
    /// Starts, and settles what former runs left behind only if the settler is told to.
    pub(crate) async fn start(store: &TestStore) -> (Self, Settler) {
        let (run, settler, _) = Self::with_log(store).await;
        (run, settler)
    }

    /// Starts as [`start`](Self::start) does, and lets others write into the log too.
    pub(crate) async fn with_log(store: &TestStore) -> (Self, Settler, Log) {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
        let options = Options { segment_bytes: 256 << 10, ..Options::default() };
        let (log, tail) = Log::open(log_folder(store), options, env.clone()).unwrap();
        let storage = store.open().await;
        let settler = Settler::new(storage.clone(), tail, env.clone());
        (Self { storage, env, clock, writer: log.writer(0) }, settler, log)
    }

    /// Admits a request that reserves these quantities.
    pub(crate) fn admit(&mut self, org: OrgId, key: Option<KeyId>, reserved: &[(&str, i64)]) -> IntentTicket {
        let charges = charges(reserved);
        let admission = AdmissionId::generate(&self.env);
        let intent = Intent {
            key,
            reserved: charges.as_slice().into(),
            ..Intent::new(admission, org, "GET /hello", self.env.now())
        };
        self.writer.intent(&intent).unwrap()
    }

    /// Ends a request with these quantities.
    pub(crate) fn end(&mut self, ticket: IntentTicket, outcome: Outcome, used: &[(&str, i64)]) {
        let charges = charges(used);
        let settlement = Settlement {
            bytes_in: 10,
            bytes_out: u64::MAX,
            duration_us: 30,
            used: charges.as_slice().into(),
            ..Settlement::new(self.env.now(), 200, outcome)
        };
        self.writer.settle(ticket, &settlement).unwrap();
    }

    /// A whole request.
    pub(crate) fn request(&mut self, org: OrgId, key: Option<KeyId>, used: &[(&str, i64)]) {
        let ticket = self.admit(org, key, used);
        self.end(ticket, Outcome::Completed, used);
    }
}

fn charges<'a>(quantities: &[(&'a str, i64)]) -> Vec<Charge<'a>> {
    quantities.iter().map(|&(meter, quantity)| Charge::add(meter, quantity)).collect()
}
