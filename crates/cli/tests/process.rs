//! The program as its user meets it: what it prints, how it ends, what survives when it is killed.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use serde_json::{Value as Json, json};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

const INSULA: &str = env!("CARGO_BIN_EXE_insula");

fn insula(arguments: &[&str], folder: &Path) -> Output {
    Command::new(INSULA).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a blueprint in front of a small upstream that lives as long as the test.
fn folder() -> TempDir {
    let folder = TempDir::with_prefix("insula-cli-").unwrap();
    fs::create_dir(folder.path().join("blueprint")).unwrap();
    let blueprint = format!(
        r#"
[product]
name = "Test"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.requests_per_day]
meter = "requests"
window = "day"
[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 1_000_000_000 }}
[upstreams.things]
targets = ["http://{}"]
[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"
"#,
        upstream()
    );
    fs::write(folder.path().join("blueprint/blueprint.toml"), blueprint).unwrap();
    folder
}

fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) -> Option<()> {
    let mut lines = BufReader::new(stream).lines();
    loop {
        while !lines.next()?.ok()?.is_empty() {}
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").ok()?;
    }
}

/// A running `insula up`, with what it said when it was ready.
struct Up {
    process: Child,
    said: Json,
}

impl Up {
    fn start(folder: &Path) -> Self {
        let arguments = ["up", "blueprint", "--data", "data", "--listen", "127.0.0.1:0", "--demo", "--json"];
        let mut process = Command::new(INSULA)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { process, said }
    }

    fn said(&self, pointer: &str) -> &str {
        self.said.pointer(pointer).unwrap().as_str().unwrap()
    }

    fn address(&self) -> SocketAddr {
        let port = self.said("/url").rsplit(':').next().unwrap();
        format!("127.0.0.1:{port}").parse().unwrap()
    }

    /// What was used, as the limit and the ledger say alike once nobody calls.
    fn used(&self, folder: &Path) -> i64 {
        let (limit, ledger) = self.counted(folder);
        assert_eq!(limit, ledger, "the limit and the ledger agree");
        ledger
    }

    /// What was used, as the limit says and as the ledger says a moment later.
    #[expect(clippy::unused_self, reason = "there is nothing to ask when it doesn't run")]
    fn counted(&self, folder: &Path) -> (i64, i64) {
        let output = insula(&["usage", "--data", "data", "--json"], folder);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let usage: Json = serde_json::from_slice(&output.stdout).unwrap();
        let limits = usage["limits"]["items"].as_array().unwrap().clone();
        let limit = limits.iter().find(|limit| limit["key"] == "requests_per_day").unwrap();
        let buckets = usage["usage"]["buckets"].as_array().unwrap();
        let sum: i64 =
            buckets.iter().map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum();
        (limit["used"].as_i64().unwrap(), sum)
    }

    fn signal(&self, name: &str) {
        Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A request of the API, and the JSON of its reply.
fn ask(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Json {
    let mut stream = TcpStream::connect(address).unwrap();
    let authorization =
        if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{authorization}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 20"), "{reply}");
    serde_json::from_str(body).unwrap_or(Json::Null)
}

fn post(address: SocketAddr, path: &str, token: &str, body: &Json) -> Json {
    ask(address, "POST", path, token, &body.to_string())
}

#[test]
fn it_goes_on_where_it_was_and_ends_when_told_to() {
    let folder = folder();
    let mut up = Up::start(folder.path());
    let (key, operator) = (up.said("/demo/api_key").to_owned(), up.said("/operator/password").to_owned());
    assert_eq!(up.used(folder.path()), 0);
    up.signal("-TERM");
    assert!(up.process.wait().unwrap().success());
    let again = Up::start(folder.path());
    assert_eq!(
        (again.said("/demo/api_key"), again.said("/operator/password")),
        (key.as_str(), operator.as_str())
    );
    let created = insula(
        &["key", "--data", "data", "create", "--name", "second", "--scope", "things:read", "--json"],
        folder.path(),
    );
    let created: Json = serde_json::from_slice(&created.stdout).unwrap();
    let id = created["api_key"]["id"].as_str().unwrap();
    let listed = insula(&["key", "--data", "data", "list"], folder.path());
    assert!(text(&listed.stdout).contains(id));
    let revoked = insula(&["key", "--data", "data", "revoke", id], folder.path());
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    let applied = insula(&["blueprint", "apply", "blueprint", "--data", "data", "--json"], folder.path());
    assert_eq!(serde_json::from_slice::<Json>(&applied.stdout).unwrap()["changed"], json!(false));
    let doctor = insula(&["doctor", "--url", again.said("/url")], folder.path());
    assert!(doctor.status.success(), "{}", text(&doctor.stderr));
}

#[test]
fn projects_and_keys_of_projects_are_made_from_the_command_line() {
    let folder = folder();
    let _up = Up::start(folder.path());
    let run = |arguments: &[&str]| {
        let (noun, rest) = arguments.split_first().unwrap();
        let output = insula(&[&[noun, "--data", "data", "--json"], rest].concat(), folder.path());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice::<Json>(&output.stdout).unwrap()
    };
    let made = run(&["project", "create", "Spring Market"]);
    let limits = ["--limit", "requests_per_day=7"];
    let key = ["key", "create", "--name", "K", "--scope", "things:read", "--project", "spring-market"];
    let key = run(&[&key[..], &limits].concat());
    assert_eq!(key["api_key"]["project"], made["id"]);
    assert_eq!(key["api_key"]["limits"], json!({ "requests_per_day": 7 }));
    let refused = insula(&["project", "--data", "data", "archive", "spring-market"], folder.path());
    assert!(text(&refused.stderr).contains("project.has_keys"), "{}", text(&refused.stderr));
    run(&["project", "archive", "spring-market", "--revoke-keys"]);
    let listed = run(&["project", "list", "--q", "Spring M"]);
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["status"]), (&made["id"], &json!("archived")));
}

/// What a shell makes of a line: the words after the first, each as it would be handed to a program.
fn words(line: &str) -> Vec<String> {
    let (program, _) = line.split_once(' ').unwrap();
    let script = format!("{program}() {{ for word; do printf '%s\\0' \"$word\"; done; }}; {line}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    text(&output.stdout).split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn a_demo_is_made_once_and_its_call_works_as_printed() {
    let folder = folder();
    let file = folder.path().join("blueprint/blueprint.toml");
    let more = r#"
[[routes]]
match = "POST /things"
upstream = "things"
[[routes]]
match = "GET /mine"
api = "listProjects"
[demo]
organization = "Spring Shop"
call = { request = "POST /things?fast=1&deep=1", body = { title = "it's $HOME" } }
[demo.projects.spring]
name = "Spring"
[demo.keys.crawler]
project = "spring"
environment = "production"
scopes = ["things:read", "usage:read"]
[demo.keys.all]
[demo.members.mina]
name = "Mina"
role = "viewer"
[[demo.calls]]
request = "GET /things"
times = 7
[[demo.calls]]
request = "POST /things"
body = { title = "x" }
key = "all"
"#;
    fs::write(&file, fs::read_to_string(&file).unwrap() + more).unwrap();
    let mut up = Up::start(folder.path());
    assert_eq!(up.used(folder.path()), 8, "each call was made as often as it says");
    let key = up.said("/demo/keys/crawler").to_owned();
    assert_eq!(up.said("/demo/api_key"), key);
    let url = up.said("/url").to_owned();
    let words = words(up.said("/demo/curl"));
    let printed = [
        "-i",
        "-X",
        "POST",
        "-H",
        &format!("Authorization: Bearer {key}"),
        "-H",
        "Content-Type: application/json",
        "-d",
        r#"{"title":"it's $HOME"}"#,
        &format!("{url}/things?fast=1&deep=1"),
    ];
    assert_eq!(words, printed);
    ask(up.address(), "POST", "/things?fast=1&deep=1", &key, &words[8]);
    let login =
        json!({ "email": up.said("/demo/email"), "password": up.said("/demo/password"), "client": "native" });
    let token = post(up.address(), "/v1/login", "", &login)["access_token"].as_str().unwrap().to_owned();
    let own = ask(up.address(), "GET", "/mine", &token, "");
    assert_eq!((&own["items"][0]["slug"], &own["items"][0]["name"]), (&json!("spring"), &json!("Spring")));
    let keys = format!("/v1/orgs/demo/api-keys?project={}", own["items"][0]["id"].as_str().unwrap());
    assert_eq!(ask(up.address(), "GET", &keys, &token, "")["items"][0]["environment"], "production");
    let mina = json!({
        "email": up.said("/demo/members/mina/email"), "password": up.said("/demo/members/mina/password"),
        "client": "native", "organization": "demo",
    });
    let as_mina = |up: &Up| {
        let token = post(up.address(), "/v1/login", "", &mina)["access_token"].as_str().unwrap().to_owned();
        ask(up.address(), "GET", "/v1/me/organizations", &token, "")["items"].clone()
    };
    let me = as_mina(&up);
    assert_eq!((&me[0]["organization"]["slug"], &me[0]["role"]), (&json!("demo"), &json!("viewer")));
    up.signal("-TERM");
    assert!(up.process.wait().unwrap().success());
    let again = Up::start(folder.path());
    assert_eq!(as_mina(&again), me);
    assert_eq!((again.said("/demo/keys/crawler"), again.used(folder.path())), (key.as_str(), 9));
}

#[test]
fn every_upstream_gets_a_credential_that_stays_the_same() {
    let folder = folder();
    let mut up = Up::start(folder.path());
    let token = up.said("/services/things").to_owned();
    assert!(token.contains("_svc_"), "{token}");
    up.signal("-TERM");
    assert!(up.process.wait().unwrap().success());
    let again = Up::start(folder.path());
    assert_eq!(again.said("/services/things"), token);
    // One that was revoked is replaced at the next start.
    let listed = |up: &Up| {
        let login = json!({ "email": up.said("/operator/email"), "password": up.said("/operator/password"), "client": "native" });
        let token = post(up.address(), "/v1/login", "", &login)["access_token"].as_str().unwrap().to_owned();
        (ask(up.address(), "GET", "/v1/operator/services", &token, ""), token)
    };
    let (services, operator) = listed(&again);
    let id = services["items"][0]["id"].as_str().unwrap();
    ask(again.address(), "DELETE", &format!("/v1/operator/services/{id}"), &operator, "");
    again.signal("-TERM");
    drop(again);
    let third = Up::start(folder.path());
    assert_ne!(third.said("/services/things"), token);
}

#[test]
fn a_service_is_stopped_though_it_is_only_starting() {
    let folder = folder();
    let told = folder.path().join("blueprint/told");
    assert!(Command::new("mkfifo").arg(&told).status().unwrap().success());
    let file = folder.path().join("blueprint/blueprint.toml");
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // It and what it starts hold the pipe open for as long as they run, and it never listens.
    let service = format!(
        "[upstreams.slow]\ntargets = [\"http://{nowhere}\"]\nrun = [\"sh\", \"-c\", \"exec 3> told; echo $INSULA_URL $INSULA_TOKEN >&3; sleep 1000 & wait\"]\n[[routes]]"
    );
    let blueprint = fs::read_to_string(&file).unwrap().replacen("[[routes]]", &service, 1);
    fs::write(&file, blueprint).unwrap();
    let mut process = Command::new(INSULA)
        .args(["up", "blueprint", "--data", "data", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = BufReader::new(fs::File::open(&told).unwrap());
    let mut line = String::new();
    pipe.read_line(&mut line).unwrap();
    let (url, token) = line.trim().split_once(' ').unwrap();
    assert!(url.starts_with("http://") && token.contains("_svc_"), "{line}");
    Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    assert!(process.wait().unwrap().success());
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "the pipe ends, since nobody holds it any more");
}

#[test]
fn a_set_up_that_can_not_work_says_why() {
    let folder = folder();
    let fails = |arguments: &[&str], code: i32, why: &str| {
        let output = insula(arguments, folder.path());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(&["up", "blueprint", "--listen", &address], 1, "another program listens there");
    fails(&["up", "blueprint", "--listen", "nowhere"], 1, "not an address such as localhost:7070");
    fs::write(folder.path().join("file"), "").unwrap();
    fails(&["up", "blueprint", "--data", "file/data"], 1, "the data folder file/data can't be used");
    fails(&["up", "nonesuch"], 3, "can't be read");
    fs::create_dir(folder.path().join("broken")).unwrap();
    fs::write(folder.path().join("broken/blueprint.toml"), "[product]\nname = 5\n").unwrap();
    fails(&["blueprint", "check", "broken"], 3, "broken/blueprint.toml:2:8");
    fails(&["up", "broken"], 3, "the blueprint has mistakes");
    fails(&["key", "list"], 1, "which installation?");
    fails(&["doctor"], 1, "nothing to look at");

    let config = |rest: &str| {
        let text = format!(
            "listen = \"127.0.0.1:0\"\npublic_url = \"http://insula.test\"\ndata = \"served\"\nblueprint = \"blueprint\"\n{rest}"
        );
        fs::write(folder.path().join("insula.toml"), text).unwrap();
    };
    config("secret_file = \"secret\"\n");
    fails(&["serve", "--config", "insula.toml"], 1, "secret can't be read");
    let secret = insula(&["doctor", "--new-secret"], folder.path());
    fs::write(folder.path().join("secret"), secret.stdout).unwrap();
    config("secret_file = \"secret\"\ncolour = \"red\"\n");
    fails(&["serve", "--config", "insula.toml"], 1, "unknown field `colour`");
    let down = "postgres://role:password@127.0.0.1:1/insula";
    config(&format!(
        "secret_file = \"secret\"\n[postgres]\nmigrate_url = \"{down}\"\ntenant_url = \"{down}\"\nplatform_url = \"{down}\"\n"
    ));
    fails(&["serve", "--config", "insula.toml"], 1, "the database can't be reached");
    fails(&["doctor", "--config", "insula.toml"], 3, "BAD  PostgreSQL answers");
}

#[test]
fn two_programs_do_not_share_a_data_folder() {
    let folder = folder();
    let _up = Up::start(folder.path());
    let second = insula(&["up", "blueprint", "--data", "data", "--listen", "127.0.0.1:0"], folder.path());
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another Insula runs on the data folder"),
        "{}",
        text(&second.stderr)
    );
}

#[test]
fn the_schema_of_blueprints_and_the_document_of_the_api_are_printed() {
    let folder = folder();
    let schema: Json =
        serde_json::from_slice(&insula(&["blueprint", "schema"], folder.path()).stdout).unwrap();
    assert!(schema["properties"]["product"].is_object());
    let document: Json = serde_json::from_slice(&insula(&["openapi"], folder.path()).stdout).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/signup"]["post"].is_object());
}

#[test]
fn what_is_charged_can_be_seen_and_checked_from_the_command_line() {
    let folder = folder();
    let up = Up::start(folder.path());
    let run = |arguments: &[&str]| {
        let output = insula(&[arguments, &["--data", "data"]].concat(), folder.path());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let read = |arguments: &[&str]| -> Json {
        serde_json::from_str(&run(&[arguments, &["--json"]].concat())).unwrap()
    };
    let signup = json!({
        "organization": { "name": "Acme", "slug": "acme", "test_clock": true },
        "owner": { "email": "owner@acme.test", "password": "correct horse battery", "display_name": "Owner" },
        "client": "native",
    });
    let token = post(up.address(), "/v1/signup", "", &signup)["access_token"].as_str().unwrap().to_owned();
    let body = json!({ "name": "K", "environment": "development", "scopes": ["things:read"] });
    let key =
        post(up.address(), "/v1/orgs/acme/api-keys", &token, &body)["secret"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        ask(up.address(), "GET", "/things", &key, "");
    }
    let owner = ["--email", "owner@acme.test", "--password", "correct horse battery"];
    let shown = read(&[&["subscription", "show", "acme"], &owner[..]].concat());
    let end: insula_kernel::Instant = shown["period"]["end"].as_str().unwrap().parse().unwrap();
    let to = (end + insula_kernel::Span::from_days(2)).to_string();
    assert_eq!(read(&["clock", "list"])["items"].as_array().unwrap().len(), 1);
    run(&["clock", "advance", "--all-test", "--to", &to]);
    assert_eq!(read(&["clock", "advance", "--all-test", "--to", &to])["orgs"], json!([]));

    let listed = read(&[&["invoice", "list", "--statements", "acme"], &owner[..]].concat());
    let id = listed["items"][0]["id"].as_str().unwrap();
    let explained = read(&[&["explain", "invoice", id, "--line", "1", "--org", "acme"], &owner[..]].concat());
    let events = &explained["lines"][0]["events"];
    assert_eq!(
        (&events["count"], &events["listed"], &events["verified"]),
        (&json!(3), &json!(3), &json!(true))
    );
    let shown = run(&[&["explain", "invoice", id, "--org", "acme"], &owner[..]].concat());
    assert!(shown.contains("3 events") && shown.contains("verified"), "{shown}");
    assert!(
        run(&[&["invoice", "show", id, "acme"], &owner[..]].concat()).contains("Requests: included"),
        "{id}"
    );
    let csv = run(&[&["invoice", "export", "--csv", "acme"], &owner[..]].concat());
    assert!(csv.starts_with("number,status,"), "{csv}");

    let price = r#"{"model":"graduated","tiers":[{"up_to":5,"flat":{"USD":"100"}},{"up_to":10,"flat":{"USD":"50"}},{"up_to":15,"unit":{"USD":"5"}},{"unit":{"USD":"1"}}]}"#;
    let quote = ["quote", "--currency", "USD", "--price", price, "--quantity", "22"];
    assert_eq!(read(&quote)["total"], json!({ "amount": "182.00", "currency": "USD" }));
    assert!(run(&quote).contains("182.00 USD"));

    let file = folder.path().join("blueprint/blueprint.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("1_000_000_000", "5").replace(r#"month = "0""#, r#"month = "9""#)).unwrap();
    let planned = run(&["blueprint", "plan", "blueprint"]);
    for line in
        ["prices.USD.month: 0.00 → 9.00", "requests_per_day: 1000000000 → 5", "0.00 USD → 9.00 USD (+9.00)"]
    {
        assert!(planned.contains(line), "{line} isn't in {planned}");
    }
    assert_eq!(read(&["blueprint", "plan", "blueprint"])["counts"]["would_pay_more"], 2);
    run(&["blueprint", "apply", "blueprint"]);
    assert_eq!(run(&["blueprint", "plan", "blueprint"]).trim(), "Nothing would change.");
}
