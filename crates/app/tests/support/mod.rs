//! A whole installation in a test: real sockets, a real store, a real upstream; used through its public face alone.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming, client::conn::http1 as client, server::conn::http1 as server, service::service_fn,
};
use hyper_util::rt::TokioIo;
use insula_app::{Config, FirstOperator, Insula};
use insula_kernel::{Env, Secret};
use insula_testkit::TestStore;
use serde_json::{Value as Json, json};
use std::{convert::Infallible, net::SocketAddr};
use tokio::net::{TcpListener, TcpStream};

pub const PASSWORD: &str = "correct horse battery";
pub const OPERATOR: &str = "operator@insula.test";

/// A blueprint in front of an upstream, with small limits.
pub fn blueprint(upstream: SocketAddr) -> String {
    format!(
        r#"
[product]
name = "Test"
base_domain = "tenants.test"

[resources]
things = ["read", "write"]

[meters.requests]
event = "request"
aggregate = "count"

[limits.requests_per_day]
meter = "requests"
window = "day"

[limits.requests_per_second]
kind = "rate"
window = "second"

[plans.free]
price = {{ USD = {{ month = "0" }} }}
limits = {{ requests_per_day = 5, requests_per_second = 1000, api_keys = 3, members = 5, projects = 3, teams = 2 }}

[plans.pro]
price = {{ USD = {{ month = "29.00" }} }}
limits = {{ requests_per_day = 1000, requests_per_second = 1000, api_keys = 10, members = 25 }}

[upstreams.things]
targets = ["http://{upstream}"]

[[routes]]
match = "GET /things"
upstream = "things"
permission = "things:read"

[[routes]]
match = "POST /things"
upstream = "things"
permission = "things:write"
max_body = "1KB"
"#
    )
}

/// An installation, and where to reach it.
pub struct World {
    pub store: TestStore,
    pub address: SocketAddr,
    pub upstream: SocketAddr,
    running: Option<Insula>,
    blueprint: String,
    env: Env,
}

impl World {
    /// An installation on a fresh store.
    pub async fn new(store: TestStore) -> Self {
        Self::with(store, blueprint).await
    }

    /// An installation on a fresh store, with a blueprint of the test's own.
    pub async fn with(store: TestStore, blueprint: fn(SocketAddr) -> String) -> Self {
        Self::in_time(store, blueprint, Env::system()).await
    }

    /// The same, in a time of the test's own.
    pub async fn in_time(store: TestStore, blueprint: fn(SocketAddr) -> String, env: Env) -> Self {
        let upstream = upstream().await;
        let text = blueprint(upstream);
        let running = start(&store, &text, &env).await;
        Self { address: running.local_addr(), store, upstream, running: Some(running), blueprint: text, env }
    }

    /// Stops the installation.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// Stops the installation, if it runs, and starts it again on the same store.
    pub async fn restart(&mut self) {
        self.stop().await;
        let running = start(&self.store, &self.blueprint, &self.env).await;
        self.address = running.local_addr();
        self.running = Some(running);
    }

    /// A request, and its whole reply.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Reply {
        let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.unwrap_or_default()))).unwrap();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// What Prometheus would read.
    pub async fn metrics(&self) -> String {
        let address = self.running.as_ref().unwrap().metrics_addr().unwrap();
        let reply = send_to(address, Request::get("/metrics").header("host", "metrics")).await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
        );
        String::from_utf8(reply.body.to_vec()).unwrap()
    }

    /// A request of the API, with a token and a JSON body.
    pub async fn api(&self, method: &str, path: &str, token: &str, body: &Json) -> Reply {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![];
        if !token.is_empty() {
            headers.push(("authorization", authorization.as_str()));
        }
        if body.is_null() {
            return self.send(method, path, &headers, None).await;
        }
        headers.push(("content-type", "application/json"));
        self.send(method, path, &headers, Some(body.to_string().as_bytes())).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.api("GET", path, token, &Json::Null).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Json) -> Reply {
        self.api("POST", path, token, body).await
    }

    /// An organization with its owner signed in.
    pub async fn organization(&self, slug: &str) -> Organization {
        let reply = self.post("/v1/signup", "", &signup(slug)).await.expect(201);
        Organization {
            id: reply["organization"]["id"].as_str().unwrap().to_owned(),
            slug: slug.to_owned(),
            token: reply["access_token"].as_str().unwrap().to_owned(),
            refresh: reply["refresh_token"].as_str().unwrap().to_owned(),
        }
    }

    /// An organization on a plan, whose time can be moved.
    pub async fn subscriber(&self, slug: &str, plan: &str) -> Organization {
        let mut body = signup(slug);
        body["organization"]["plan"] = json!(plan);
        body["organization"]["test_clock"] = json!(true);
        let reply = self.post("/v1/signup", "", &body).await.expect(201);
        Organization {
            id: reply["organization"]["id"].as_str().unwrap().to_owned(),
            slug: slug.to_owned(),
            token: reply["access_token"].as_str().unwrap().to_owned(),
            refresh: reply["refresh_token"].as_str().unwrap().to_owned(),
        }
    }

    /// Asks until requests with a key are answered with this status.
    pub async fn until_answered(&self, key: &str, status: u16) {
        while self.get("/things", key).await.status != status {
            tokio::task::yield_now().await;
        }
    }

    /// A key of an organization with these scopes: its id and its secret.
    pub async fn key(&self, organization: &Organization, scopes: &[&str]) -> (String, String) {
        let body = json!({ "name": "Test", "environment": "development", "scopes": scopes });
        let reply = self.post(&organization.path("/api-keys"), &organization.token, &body).await.expect(201);
        (reply["api_key"]["id"].as_str().unwrap().to_owned(), reply["secret"].as_str().unwrap().to_owned())
    }

    /// A project of an organization: its id.
    pub async fn project(&self, organization: &Organization, name: &str) -> String {
        let body = json!({ "name": name });
        let made = self.post(&organization.path("/projects"), &organization.token, &body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// A team of an organization: its id.
    pub async fn team(&self, organization: &Organization, name: &str) -> String {
        let body = json!({ "name": name });
        let made = self.post(&organization.path("/teams"), &organization.token, &body).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// Someone who was invited to an organization and accepted, with an account made for it: what that was answered.
    pub async fn member(&self, organization: &Organization, role: &str, email: &str) -> Json {
        let body = json!({ "email": email, "role": role });
        let sent =
            self.post(&organization.path("/invitations"), &organization.token, &body).await.expect(201);
        let body = json!({
            "token": token_of(&sent), "password": PASSWORD, "display_name": "Guest", "client": "native",
        });
        self.post("/v1/invitations/accept", "", &body).await.expect(200)
    }

    /// How often the audit log of the directory says that this was done.
    pub async fn audited(&self, action: &str) -> i64 {
        use sqlx::{AssertSqlSafe, Connection as _, Row as _};
        let count =
            |table: &str| AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE action = '{action}'"));
        match self.store.database() {
            Some(database) => {
                let mut raw = database.connect("postgres").await;
                sqlx::query(count("directory.audit")).fetch_one(&mut raw).await.unwrap().try_get(0).unwrap()
            }
            None => {
                let file = self.store.folder().join("data/directory.db");
                let mut raw =
                    sqlx::SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                sqlx::query(count("audit")).fetch_one(&mut raw).await.unwrap().try_get(0).unwrap()
            }
        }
    }

    /// The credential of the upstream: its id, and the token.
    pub async fn service(&self) -> (String, String) {
        let body = json!({ "upstream": "things" });
        let made = self.post("/v1/operator/services", &self.operator().await, &body).await.expect(201);
        (made["service"]["id"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned())
    }

    /// The id of an organization's owner.
    pub async fn owner(&self, organization: &Organization) -> String {
        let me = self.get("/v1/me", &organization.token).await.expect(200);
        me["id"].as_str().unwrap().to_owned()
    }

    /// What an organization has used of its daily quota, and what the usage of the day says.
    pub async fn used(&self, organization: &Organization) -> (i64, i64) {
        let limits = self.get(&organization.path("/limits"), &organization.token).await.expect(200);
        let quota =
            limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == "requests_per_day");
        let usage = self
            .get(&organization.path("/usage?meter=requests&window=day"), &organization.token)
            .await
            .expect(200);
        let buckets = usage["buckets"].as_array().unwrap();
        let sum =
            buckets.iter().map(|bucket| bucket["value"].as_str().unwrap().parse::<i64>().unwrap()).sum();
        (quota.unwrap()["used"].as_i64().unwrap(), sum)
    }

    /// A fresh access token of an organization's owner.
    pub async fn fresh(&self, organization: &Organization) -> String {
        let email = format!("owner@{}.test", organization.slug);
        let body = json!({ "email": email, "password": PASSWORD, "client": "native", "organization": organization.slug });
        let reply = self.post("/v1/login", "", &body).await.expect(200);
        reply["access_token"].as_str().unwrap().to_owned()
    }

    /// The operator's access token.
    pub async fn operator(&self) -> String {
        self.sign_in(OPERATOR).await
    }

    /// The access token of who has this address.
    pub async fn sign_in(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD, "client": "native" });
        let reply = self.post("/v1/login", "", &body).await.expect(200);
        reply["access_token"].as_str().unwrap().to_owned()
    }
}

async fn send_to(address: SocketAddr, request: http::request::Builder) -> Reply {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (parts, body) =
        sender.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body }
}

async fn start(store: &TestStore, blueprint: &str, env: &Env) -> Insula {
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: "http://insula.test".to_owned(),
        platform_hosts: Vec::new(),
        data: store.folder().join("data"),
        engine: store.engine(),
        secret: Secret::new([7; 32]),
        operator: Some(FirstOperator {
            email: OPERATOR.to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
        }),
        cores: Some(2),
        drain_seconds: 5,
        metrics_listen: Some("127.0.0.1:0".parse().unwrap()),
    };
    let compiled = insula_app::operations()
        .check("blueprint.toml", blueprint)
        .unwrap_or_else(|error| panic!("{error}"))
        .compile();
    Insula::start(config, Some((compiled, blueprint.to_owned())), env.clone()).await.unwrap().0
}

/// The token of an invitation's link.
pub fn token_of(sent: &Json) -> String {
    sent["link"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned()
}

pub fn signup(slug: &str) -> Json {
    json!({
        "organization": { "name": format!("The {slug}"), "slug": slug },
        "owner": { "email": format!("owner@{slug}.test"), "password": PASSWORD, "display_name": "Owner" },
        "client": "native",
    })
}

/// An organization that a test made.
#[derive(Clone)]
pub struct Organization {
    pub id: String,
    pub slug: String,
    pub token: String,
    pub refresh: String,
}

impl Organization {
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/orgs/{}{rest}", self.slug)
    }
}

/// A whole reply.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or(Json::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body of a reply with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Json {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The body of a problem with this status and code, in the form that every problem has.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Json {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["type"].is_string());
        problem
    }
}

/// A small upstream: says whom it was told the caller is, and how much body it got.
async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(server::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let told =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = json!({
        "org": told("x-org-id"),
        "identity": told("insula-identity"),
        "authorization": told("authorization"),
        "api_key": told("x-api-key"),
        "job_id": told("x-request-id"),
    });
    body["received"] = json!(request.into_body().collect().await.map_or(0, |whole| whole.to_bytes().len()));
    Ok(Response::new(Full::new(Bytes::from(body.to_string()))))
}
