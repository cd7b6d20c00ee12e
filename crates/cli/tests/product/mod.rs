//! A product of this repository as `insula up` runs it: its blueprint, its own service, what customers and operators do
//! with it over HTTP. Everything that it keeps is in a fresh folder, and it listens where nobody else does.

use serde_json::{Value as Json, json};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpStream,
    ops::Add as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering::SeqCst},
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tungstenite::{Message, client::IntoClientRequest as _};

const INSULA: &str = env!("CARGO_BIN_EXE_insula");
pub(crate) const PASSWORD: &str = "correct horse battery";
/// What must come, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program of the workspace that isn't this package's: it was built beside ours.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = Path::new(INSULA).with_file_name(name);
    assert!(path.exists(), "{} is missing: cargo build -p {name}", path.display());
    path
}

/// A loopback address of this test process's own: ports there collide with nobody's.
fn own_address() -> String {
    static PORT: AtomicU16 = AtomicU16::new(7_101);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    format!("127.{}.{b}.{c}:{}", 1 + a % 254, PORT.fetch_add(1, SeqCst))
}

/// Something that runs until it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> (Self, String) {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line.trim().to_owned())
    }

    /// Asks it to end, so that what it started ends with it.
    fn stop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        if asked.is_ok_and(|status| status.success()) {
            let _ = self.0.wait();
        }
    }

    /// Kills it as nothing can be caught.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        self.kill();
    }
}

/// A product that runs.
pub(crate) struct Product {
    /// What `insula up` said when it was ready.
    pub(crate) said: Json,
    pub(crate) folder: TempDir,
    /// Where each upstream listens.
    pub(crate) upstreams: Vec<(String, String)>,
    _insula: Running,
}

impl Product {
    /// Runs the blueprint of this name. What it says of each upstream named here, where it listens and how it is started,
    /// is put in the place of what the blueprint says; what isn't named isn't started.
    pub(crate) fn start(name: &str, run: &[(&str, &[&str])]) -> Self {
        let folder = TempDir::with_prefix("insula-product-").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../blueprints").join(name);
        let text = fs::read_to_string(source.join("blueprint.toml")).unwrap();
        let (text, upstreams) = moved(&text, run);
        fs::write(folder.path().join("blueprint.toml"), text).unwrap();
        let arguments = ["up", ".", "--data", "data", "--listen", "127.0.0.1:0", "--json"];
        let (insula, line) = Running::start(
            Command::new(INSULA).args(arguments).env("RUST_LOG", "warn").current_dir(folder.path()),
        );
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { said, folder, upstreams, _insula: insula }
    }

    pub(crate) fn url(&self) -> &str {
        self.said["url"].as_str().unwrap()
    }

    /// Where an upstream listens.
    pub(crate) fn upstream(&self, name: &str) -> &str {
        &self.upstreams.iter().find(|(upstream, _)| upstream == name).unwrap().1
    }

    /// The folder that an upstream keeps its data in.
    pub(crate) fn data_of(&self, upstream: &str) -> PathBuf {
        self.folder.path().join("data/services").join(upstream)
    }

    pub(crate) fn caller(&self, token: &str) -> Caller {
        Caller::new(self.url(), token)
    }

    /// Signs in.
    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Caller {
        let body = json!({ "email": email, "password": password, "client": "native" });
        let reply = self.caller("").post("/v1/login", &body).expect(200);
        self.caller(reply["access_token"].as_str().unwrap())
    }

    /// The operator.
    pub(crate) fn operator(&self) -> Caller {
        let said = |field: &str| self.said["operator"][field].as_str().unwrap();
        self.sign_in(said("email"), said("password"))
    }

    /// Signs an organization up, and gives its owner. Its time can be moved.
    pub(crate) fn sign_up(&self, slug: &str, plan: &str) -> Caller {
        let body = json!({
            "organization": { "name": slug, "slug": slug, "plan": plan, "test_clock": true },
            "owner": { "email": format!("owner@{slug}.test"), "password": PASSWORD, "display_name": "Owner" },
            "client": "native",
        });
        let made = self.caller("").post("/v1/signup", &body).expect(201);
        self.caller(made["access_token"].as_str().unwrap())
    }
}

/// The blueprint with its upstreams at addresses of our own, and how they are started.
fn moved(text: &str, run: &[(&str, &[&str])]) -> (String, Vec<(String, String)>) {
    let (mut lines, mut upstreams) = (Vec::new(), Vec::new());
    let mut upstream: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with('[') {
            let named = line.strip_prefix("[upstreams.").and_then(|line| line.split(']').next());
            upstream = named;
        }
        match upstream {
            Some(name) if line.starts_with("targets = ") => {
                let address = own_address();
                lines.push(format!("targets = [\"http://{address}\"]"));
                upstreams.push((name.to_owned(), address));
            }
            Some(name) if line.starts_with("run = ") => {
                if let Some((_, command)) = run.iter().find(|(named, _)| *named == name) {
                    lines.push(format!("run = {}", json!(command)));
                }
            }
            _ => lines.push(line.to_owned()),
        }
    }
    assert!(!upstreams.is_empty(), "the blueprint has upstreams");
    (lines.join("\n"), upstreams)
}

/// One who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    agent: ureq::Agent,
    url: String,
    token: String,
    headers: Vec<(&'static str, String)>,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }

    /// The body of a reply with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// That it is refused so.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> Json {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        problem
    }
}

impl Caller {
    pub(crate) fn new(url: &str, token: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE));
        let agent = config.build().new_agent();
        Self { agent, url: url.to_owned(), token: token.to_owned(), headers: Vec::new() }
    }

    /// The same with a field in the head of each request.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends a request. What was too quick for a rate is sent again when its time has come, as clients do.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        loop {
            let reply = self.send_once(method, path, body);
            if reply.status != 429 || reply.json()["code"] != "rate.limited" {
                return reply;
            }
            thread::park_timeout(Duration::from_millis(100));
        }
    }

    pub(crate) fn send_once(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        let url = if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let text = body.map(Json::to_string).unwrap_or_default();
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let mut reply = self.agent.run(request.body(text).unwrap()).unwrap();
        let text = reply.body_mut().read_to_string().unwrap();
        Reply { status: reply.status().as_u16(), headers: reply.headers().clone(), text }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Reply {
        self.send("POST", path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None)
    }

    /// Listens to a WebSocket, and gives what was said until the other side closed it.
    pub(crate) fn listen(&self, path: &str) -> Vec<Json> {
        let address = self.url.trim_start_matches("http://").replace("localhost", "127.0.0.1");
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = self.url.replacen("http", "ws", 1).add(path).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        let (mut socket, _) = tungstenite::client(request, stream).unwrap();
        let mut said = Vec::new();
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => said.push(serde_json::from_str(&text).unwrap()),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed) => return said,
                Err(error) => panic!("{error} after {said:?}"),
            }
        }
    }

    /// Makes an API key.
    pub(crate) fn key(&self, org: &str, body: &Json) -> (Self, String) {
        let made = self.post(&format!("/v1/orgs/{org}/api-keys"), body).expect(201);
        let (secret, id) = (&made["secret"], &made["api_key"]["id"]);
        let key = Self { token: secret.as_str().unwrap().to_owned(), ..self.clone() };
        (key, id.as_str().unwrap().to_owned())
    }

    /// What is used of a limit.
    pub(crate) fn used(&self, org: &str, limit: &str) -> i64 {
        let limits = self.get(&format!("/v1/orgs/{org}/limits")).expect(200);
        let items = limits["items"].as_array().unwrap();
        items.iter().find(|item| item["key"] == limit).unwrap()["used"].as_i64().unwrap()
    }

    /// Waits until so much of a limit is used.
    pub(crate) fn waits_for(&self, org: &str, limit: &str, used: i64) {
        while self.used(org, limit) != used {
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// What a meter comes to in whole units.
    pub(crate) fn total(&self, org: &str, meter: &str) -> i64 {
        let usage = self.get(&format!("/v1/orgs/{org}/usage?meter={meter}")).expect(200);
        let buckets = usage["buckets"].as_array().unwrap().iter();
        buckets.map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum()
    }

    /// What a meter comes to, told apart by something, as texts.
    pub(crate) fn usage(&self, org: &str, meter: &str, group_by: &str) -> Vec<(Json, String)> {
        let path = format!("/v1/orgs/{org}/usage?meter={meter}&group_by={group_by}");
        let usage = self.get(&path).expect(200);
        let buckets = usage["buckets"].as_array().unwrap().iter();
        buckets
            .map(|bucket| (bucket["group"][group_by].clone(), bucket["value"].as_str().unwrap().to_owned()))
            .collect()
    }
}
