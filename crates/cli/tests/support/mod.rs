//! The program in production form (`insula serve`) on either engine, with an upstream, and who uses both.

pub(crate) mod client;
pub(crate) mod load;
pub(crate) mod witness;

use client::Client;

use insula_metering::failpoint::Failpoint;
use insula_storage::Engine;
use insula_testkit::{Kind, TestStore};
use serde_json::{Value as Json, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

const INSULA: &str = env!("CARGO_BIN_EXE_insula");
pub(crate) const OPERATOR: &str = "operator@insula.test";
pub(crate) const PASSWORD: &str = "correct horse battery";

fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.amounts]
event = "job.finished"
aggregate = "sum"
of = "amount"
[meters.finished]
event = "job.finished"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
[limits.amounts_per_day]
meter = "amounts"
window = "day"
[limits.calls_at_once]
kind = "hold"
[limits.jobs_at_once]
kind = "hold"
[limits.slots]
kind = "hold"
[limits.flashes]
kind = "hold"
[limits.databases]
kind = "stock"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 1_000_000_000, amounts_per_day = 1_000_000_000_000, calls_at_once = 1_000_000, jobs_at_once = 1_000_000, slots = 1_000_000, flashes = 1_000_000, databases = 1_000_000 }}
[plans.paid]
price = {{ USD = {{ month = "29" }} }}
limits = {{ requests_per_day = 10, amounts_per_day = 10, calls_at_once = 1, jobs_at_once = 1, slots = 1, flashes = 1, databases = 1 }}
[upstreams.things]
targets = ["http://{upstream}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
hold = {{ limit = "calls_at_once" }}
[[routes]]
match = "POST /jobs/{{name}}"
upstream = "things"
permission = "things:write"
hold = {{ limit = "jobs_at_once", key = "$.job_id", until = "job.finished", ttl = "15m" }}
durability = "sync"
"#
    )
}

/// What the upstream has seen.
#[derive(Default)]
pub(crate) struct Seen(AtomicUsize);

/// Answers every request with the last part of its path as the job's name. Of the job `noted` it says whether the request
/// stood in the write-ahead log, in this folder, when it came.
fn upstream(log: &'static Path) -> (SocketAddr, &'static Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen: &'static Seen = Box::leak(Box::default());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream, seen, log));
        }
    });
    (address, seen)
}

/// Whether a request stands in the log: the digits of its admission are its own.
fn is_noted(log: &Path, request: &str) -> bool {
    let id = request.parse::<insula_kernel::RequestId>().unwrap().uuid();
    let segments = fs::read_dir(log).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    segments.into_iter().any(|bytes| bytes.windows(16).any(|some| some == id.as_bytes()))
}

fn answer(mut stream: &TcpStream, seen: &Seen, log: &Path) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        let first = lines.next()?.ok()?;
        let mut request = String::new();
        loop {
            let line = lines.next()?.ok()?;
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("x-request-id") => {
                    value.clone_into(&mut request);
                }
                Some(_) => {}
                None => break,
            }
        }
        seen.0.fetch_add(1, SeqCst);
        let name = first.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
        let mut body = json!({ "job_id": name });
        if name == "noted" {
            body["noted"] = json!(is_noted(log, &request));
        }
        let body = body.to_string();
        let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).ok()?;
    }
}

/// An installation that is started again and again on the same store.
pub(crate) struct World {
    store: TestStore,
    process: Option<Child>,
    address: Option<SocketAddr>,
    seen: &'static Seen,
    operator: Mutex<String>,
    /// A key that may call every route and read what was used.
    pub(crate) key: String,
    /// The upstream's credential.
    pub(crate) service: String,
    /// The store's connections live as long as this.
    _runtime: tokio::runtime::Runtime,
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

impl World {
    /// A fresh installation with one organization, which runs.
    pub(crate) fn new(kind: Kind) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let store = runtime.block_on(TestStore::new(kind));
        let folder = store.folder();
        let log = Box::leak(folder.join("data").join("wal").into_boxed_path());
        let (upstream, seen) = upstream(log);
        fs::write(folder.join("blueprint.toml"), blueprint(upstream)).unwrap();
        fs::write(folder.join("secret"), "07".repeat(32)).unwrap();
        fs::write(folder.join("password"), PASSWORD).unwrap();
        let mut config = format!(
            "listen = \"127.0.0.1:0\"\npublic_url = \"http://insula.test\"\ndata = \"data\"\nblueprint = \"blueprint.toml\"\n\
             secret_file = \"secret\"\ncores = 2\ndrain_seconds = 5\n[operator]\nemail = \"{OPERATOR}\"\npassword_file = \"password\"\n"
        );
        if let Engine::Postgres(urls) = store.engine() {
            let [migrate, tenant, platform] =
                [&urls.migrate, &urls.tenant, &urls.platform].map(insula_kernel::Secret::expose);
            config += &format!(
                "[postgres]\nmigrate_url = \"{migrate}\"\ntenant_url = \"{tenant}\"\nplatform_url = \"{platform}\"\n"
            );
        }
        fs::write(folder.join("insula.toml"), config).unwrap();
        let (key, service, operator) = (String::new(), String::new(), Mutex::default());
        let mut world =
            Self { store, process: None, address: None, seen, operator, key, service, _runtime: runtime };
        assert!(world.try_start(), "it starts");
        world.found();
        world
    }

    /// Signs an organization up, and makes what its calls need.
    fn found(&mut self) {
        let body = json!({
            "organization": { "name": "Acme", "slug": "acme" },
            "owner": { "email": "owner@acme.test", "password": PASSWORD, "display_name": "Owner" },
            "client": "native",
        });
        let mut client = self.client();
        let owner =
            client.post("/v1/signup", "", &body).expect(201)["access_token"].as_str().unwrap().to_owned();
        let body = json!({ "name": "K", "environment": "development", "scopes": ["things:*", "usage:read"] });
        let made = client.post("/v1/orgs/acme/api-keys", &owner, &body).expect(201);
        made["secret"].as_str().unwrap().clone_into(&mut self.key);
        let operator = self.sign_in();
        let made =
            client.post("/v1/operator/services", &operator, &json!({ "upstream": "things" })).expect(201);
        made["token"].as_str().unwrap().clone_into(&mut self.service);
    }

    /// An access token of the operator.
    pub(crate) fn sign_in(&self) -> String {
        let login = json!({ "email": OPERATOR, "password": PASSWORD, "client": "native" });
        let reply = self.client().post("/v1/login", "", &login).expect(200);
        let token = reply["access_token"].as_str().unwrap().to_owned();
        self.operator.lock().unwrap().clone_from(&token);
        token
    }

    /// What the operator is told.
    pub(crate) fn ask_operator(&self, path: &str) -> Json {
        let token = self.operator.lock().unwrap().clone();
        let reply = self.client().read(path, &token);
        if reply.status == 401 {
            // A token doesn't last as long as the test.
            let token = self.sign_in();
            return self.client().read(path, &token).expect(200);
        }
        reply.expect(200)
    }

    fn fail_file(&self) -> PathBuf {
        self.store.folder().join("fail")
    }

    /// Starts it; false if it died while it was starting, as a test wanted.
    pub(crate) fn try_start(&mut self) -> bool {
        assert!(self.process.is_none(), "it doesn't run");
        loop {
            // A shell, because a program can't ignore a signal without unsafe code, but inherits that it is ignored: the
            // one that comes where a file would become larger than it may.
            let mut process = Command::new("sh")
                .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", INSULA])
                .args(["serve", "--config", "insula.toml", "--json"])
                .current_dir(self.store.folder())
                .env("INSULA_FAILPOINT_FILE", self.fail_file())
                .env("RUST_LOG", "warn")
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let mut errors = process.stderr.take().unwrap();
            if let Ok(said) = serde_json::from_str::<Json>(&line) {
                self.address = Some(said["listen"].as_str().unwrap().parse().unwrap());
                self.process = Some(process);
                // What it says goes where this test's own words go.
                thread::spawn(move || std::io::copy(&mut errors, &mut std::io::stderr()));
                return true;
            }
            let mut why = String::new();
            errors.read_to_string(&mut why).unwrap();
            let status = process.wait().unwrap();
            if status.code().is_none() {
                return false;
            }
            // The server takes a moment to notice that the process before is gone.
            assert!(why.contains("another node"), "{why}");
        }
    }

    /// Starts it.
    pub(crate) fn start(&mut self) {
        assert!(self.try_start(), "it starts");
    }

    /// Kills it, if it still runs, and says how it ended.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        let mut process = self.process.take()?;
        let _ = process.kill();
        Some(process.wait().unwrap())
    }

    /// Waits until it has ended by itself, if it runs.
    pub(crate) fn ended(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address()).unwrap()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.store.folder()
    }

    /// How many requests have come to the upstream.
    pub(crate) fn seen(&self) -> usize {
        self.seen.0.load(SeqCst)
    }

    /// Wants something to happen once at a place.
    pub(crate) fn arm(&self, point: Failpoint, act: &str) {
        // In one step: what reads it must not find half of it.
        let draft = self.fail_file().with_extension("draft");
        fs::write(&draft, format!("{} {act}", point.name())).unwrap();
        fs::rename(draft, self.fail_file()).unwrap();
    }

    /// Whether what was wanted hasn't happened yet.
    pub(crate) fn is_armed(&self) -> bool {
        self.fail_file().exists()
    }

    /// Runs the program beside it, as its operator.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(INSULA)
            .args(arguments)
            .env("INSULA_URL", format!("http://{}", self.address()))
            .env("INSULA_EMAIL", OPERATOR)
            .env("INSULA_PASSWORD", PASSWORD)
            .current_dir(self.store.folder())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What is used of every limit.
    pub(crate) fn limits(&self) -> Json {
        self.client().read("/v1/orgs/acme/limits", &self.key).expect(200)["items"].clone()
    }

    /// What is used of a limit.
    pub(crate) fn used(&self, limit: &str) -> i64 {
        let limits = self.limits();
        let limit = limits.as_array().unwrap().iter().find(|found| found["key"] == limit).unwrap();
        limit["used"].as_i64().unwrap()
    }

    /// What the ledger says of a meter.
    pub(crate) fn usage(&self, meter: &str) -> i64 {
        let path = format!("/v1/orgs/acme/usage?meter={meter}&window=day");
        let usage = self.client().read(&path, &self.key).expect(200);
        let buckets = usage["buckets"].as_array().unwrap();
        buckets.iter().map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum()
    }
}
