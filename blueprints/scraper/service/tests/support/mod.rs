//! The service as its own process, with a shop to scrape and a stand-in for the installation in front of it: one that
//! signs who calls, counts what is reported, and keeps leases.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path as FilePath,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

const SERVICE: &str = env!("CARGO_BIN_EXE_scraper-service");
/// What must come, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the stand-in was told.
#[derive(Default)]
pub struct Told {
    /// Events by organization and id.
    pub events: BTreeMap<(String, String), Json>,
    /// How often an event was sent.
    pub sent: usize,
    /// Every event is answered with this status, if there is one.
    pub refuses: Option<u16>,
    /// Methods and paths of requests about leases.
    pub leases: Vec<String>,
}

/// The stand-in.
#[derive(Clone)]
pub struct Installation {
    address: SocketAddr,
    told: Arc<watch::Sender<Told>>,
    key: Arc<SigningKey>,
}

impl Installation {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = Arc::new(SigningKey::from_bytes(&[7; 32]));
        let told = Arc::new(watch::channel(Told::default()).0);
        let installation = Self { address: listener.local_addr().unwrap(), told, key };
        let router = Router::new()
            .route("/v1/orgs/{org}/events", post(events))
            .route("/v1/orgs/{org}/leases", post(lease))
            .route("/v1/orgs/{org}/leases/{id}/renew", post(lease))
            .route("/v1/orgs/{org}/leases/{id}", delete(lease))
            .route("/.well-known/jwks.json", get(jwks))
            .with_state(installation.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        installation
    }

    fn sign(&self, claims: &Json) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "insula-identity+jwt", "kid": "k1" });
        let signed = [header.to_string(), claims.to_string()].map(|part| BASE64.encode(part)).join(".");
        format!("{signed}.{}", BASE64.encode(self.key.sign(signed.as_bytes()).to_bytes()))
    }

    pub fn refuse(&self, status: Option<u16>) {
        self.told.send_modify(|told| told.refuses = status);
    }

    pub fn told<T>(&self, look: impl Fn(&Told) -> T) -> T {
        look(&self.told.borrow())
    }

    /// Waits until it was told this.
    pub async fn hears(&self, condition: impl Fn(&Told) -> bool) {
        let mut told = self.told.subscribe();
        timeout(PATIENCE, told.wait_for(condition)).await.expect("it is told in time").unwrap();
    }

    /// Waits for an event, and gives it.
    pub async fn event(&self, org: &str, id: &str) -> Json {
        let key = (org.to_owned(), id.to_owned());
        self.hears(|told| told.events.contains_key(&key)).await;
        self.told(|told| told.events[&key].clone())
    }
}

async fn events(State(it): State<Installation>, Path(org): Path<String>, body: Bytes) -> Response {
    let events: Vec<Json> = serde_json::from_slice(&body).unwrap();
    let mut refuses = None;
    it.told.send_modify(|told| {
        told.sent += events.len();
        refuses = told.refuses;
        if refuses.is_none() {
            for event in &events {
                assert_eq!(event["source"], "/services/scraper");
                let key = (org.clone(), event["id"].as_str().unwrap().to_owned());
                let known = told.events.entry(key).or_insert_with(|| event.clone());
                assert_eq!(known, event, "the same event says the same each time");
            }
        }
    });
    if let Some(status) = refuses {
        let problem = json!({ "status": status, "code": "test.refused", "detail": "Because." });
        return (StatusCode::from_u16(status).unwrap(), problem.to_string()).into_response();
    }
    (StatusCode::ACCEPTED, json!({ "accepted": events.len(), "duplicates": 0 }).to_string()).into_response()
}

async fn lease(State(it): State<Installation>, method: Method, uri: Uri) -> Response {
    it.told.send_modify(|told| told.leases.push(format!("{method} {}", uri.path())));
    if method == Method::DELETE {
        return StatusCode::NO_CONTENT.into_response();
    }
    json!({ "id": "hold_1", "limit": "concurrent_jobs", "expires_at": "2026-01-01T00:00:00Z" })
        .to_string()
        .into_response()
}

async fn jwks(State(it): State<Installation>) -> String {
    let x = BASE64.encode(it.key.verifying_key().to_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] }).to_string()
}

/// A service that runs, and all around it.
pub struct World {
    pub installation: Installation,
    pub shop: SocketAddr,
    folder: TempDir,
    options: Vec<String>,
    process: Option<Child>,
    address: SocketAddr,
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

impl World {
    pub async fn start(options: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shop = listener.local_addr().unwrap();
        tokio::spawn(scraper_service::shop::serve(listener));
        let installation = Installation::start().await;
        let folder = TempDir::with_prefix("scraper-").unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut world = Self { installation, shop, folder, options, process: None, address: shop };
        world.run();
        world
    }

    /// Runs the service on what it had stored.
    pub fn run(&mut self) {
        let mut process = Command::new(SERVICE)
            .args(&self.options)
            .env("INSULA_URL", format!("http://{}", self.installation.address))
            .env("INSULA_TOKEN", "ak_svc_secret")
            .env("INSULA_LISTEN", "127.0.0.1:0")
            .env("INSULA_DATA", self.folder())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.address = line.trim().parse().expect("it says where it listens");
        self.process = Some(process);
    }

    pub fn folder(&self) -> &FilePath {
        self.folder.path()
    }

    /// Kills it as nothing can be caught.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    /// Asks it to end, and says whether it ended well.
    pub fn stop(&mut self) -> bool {
        let mut process = self.process.take().unwrap();
        let asked = Command::new("kill").args(["-TERM", &process.id().to_string()]).status();
        assert!(asked.unwrap().success());
        process.wait().unwrap().success()
    }

    /// One who may do everything in an organization.
    pub fn caller(&self, org: &str) -> Caller<'_> {
        let permissions = json!(["scraping:create", "scraping:read", "scraping:cancel"]);
        let seconds = now();
        let claims = json!({
            "iss": "http://insula.test", "aud": "scraper", "iat": seconds, "exp": seconds + 120, "sub": "ak_dev_1",
            "org_id": org, "key_id": "ak_dev_1", "plan": "free", "priority": 1, "permissions": permissions,
        });
        Caller { world: self, claims }
    }

    pub fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.shop)
    }

    /// Asks the shop.
    pub async fn ask_shop(&self, method: Method, path: &str) -> String {
        let request = reqwest::Client::new().request(method, self.page(path)).timeout(PATIENCE);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// How often pages of the shop were asked for.
    pub async fn visits(&self) -> BTreeMap<String, u64> {
        serde_json::from_str(&self.ask_shop(Method::GET, "/visits").await).unwrap()
    }
}

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test of a service that reads the clock itself")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One who calls through the stand-in.
#[derive(Clone)]
pub struct Caller<'w> {
    world: &'w World,
    claims: Json,
}

/// A reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body of a reply with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }
}

impl Caller<'_> {
    /// The same with another claim.
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.claims[name] = value.into();
        self
    }

    fn token(&self) -> String {
        self.world.installation.sign(&self.claims)
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<(&str, String)>) -> Reply {
        let url = format!("http://{}{path}", self.world.address);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = reqwest::Client::new().request(method, url).timeout(PATIENCE);
        request = request.header("insula-identity", self.token());
        if let Some((media, text)) = body {
            request = request.header("content-type", media).body(text);
        }
        let reply = request.send().await.unwrap();
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Reply { status, headers, text: reply.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, body: &Json) -> Reply {
        self.send("POST", "/api/jobs", Some(("application/json", body.to_string()))).await
    }

    pub async fn cancel(&self, id: &str) -> Reply {
        self.send("DELETE", &format!("/api/jobs/{id}"), None).await
    }

    /// Submits a job for the prices of a page of the shop.
    pub async fn submit(&self, path: &str) -> String {
        let body = json!({ "url": self.world.page(path), "selectors": { "price": ".price" } });
        self.submit_as(&body).await
    }

    pub async fn submit_as(&self, body: &Json) -> String {
        let accepted = self.post(body).await.expect(202);
        assert_eq!(accepted["status"], "queued");
        accepted["job_id"].as_str().unwrap().to_owned()
    }

    /// Watches a job: everything that is said of it until that holds, or it has ended.
    pub async fn watch(&self, id: &str, enough: impl Fn(&Json) -> bool) -> Vec<Json> {
        let url = format!("ws://{}/api/jobs/{id}/live", self.world.address);
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("insula-identity", self.token().parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut said = Vec::new();
        loop {
            let message = timeout(PATIENCE, next(&mut socket)).await.expect("something is said in time");
            match message {
                Message::Text(text) => said.push(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return said,
                _ => {}
            }
            if said.last().is_some_and(&enough) {
                return said;
            }
        }
    }

    /// A job once it has ended.
    pub async fn ended(&self, id: &str) -> Json {
        self.watch(id, |_| false).await.pop().unwrap()
    }

    /// A job once it is at this gate of the shop.
    pub async fn at_gate(&self, gate: &str) -> String {
        let id = self.submit(&format!("/gate/{gate}")).await;
        self.world.ask_shop(Method::GET, &format!("/gate/{gate}/waiting")).await;
        id
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn next(socket: &mut Socket) -> Message {
    let message = std::future::poll_fn(|context| {
        futures_core::Stream::poll_next(std::pin::Pin::new(&mut *socket), context)
    });
    message.await.unwrap_or_else(|| Ok(Message::Close(None))).unwrap()
}
