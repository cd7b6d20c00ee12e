//! A small stand-in for an installation: it answers as it is told to, and keeps what it was sent.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use insula_client::Client;
use serde_json::{Value as Json, json};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::watch};

pub const TOKEN: &str = "ak_svc_secret";

/// What the stand-in does with a request to report events.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    /// Counts them and says so.
    Answer,
    /// Counts them, and breaks off before it says so.
    Lose,
    /// Answers this status.
    Refuse(u16),
}

#[derive(Default)]
pub struct Kept {
    /// What comes next; once it is empty, everything is answered.
    pub turns: VecDeque<Turn>,
    /// Every event that counts, by organization and id.
    pub counted: HashMap<(String, String), Json>,
    /// How many events each batch had.
    pub batches: Vec<usize>,
    /// Ids of events that are refused.
    pub refused: HashSet<String>,
    /// The methods, paths and bodies of requests about leases.
    pub leases: Vec<(String, Json)>,
    /// The public keys.
    pub jwks: Json,
    /// How often they were asked for.
    pub asked: usize,
}

#[derive(Clone)]
pub struct Installation {
    pub address: SocketAddr,
    pub kept: Arc<Mutex<Kept>>,
    /// Changes with every request.
    requests: Arc<watch::Sender<usize>>,
}

impl Installation {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let installation = Self { address, kept: Arc::default(), requests: Arc::new(watch::channel(0).0) };
        let router = Router::new()
            .route("/v1/orgs/{org}/events", post(events))
            .route("/v1/orgs/{org}/leases", post(acquire))
            .route("/v1/orgs/{org}/leases/{id}/renew", post(renew))
            .route("/v1/orgs/{org}/leases/{id}", delete(release))
            .route("/.well-known/jwks.json", get(jwks))
            .with_state(installation.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        installation
    }

    pub fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address), TOKEN).unwrap()
    }

    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        self.kept.lock().unwrap().turns.extend(turns);
    }

    /// Waits until so many requests have come.
    pub async fn heard(&self, requests: usize) {
        self.requests.subscribe().wait_for(|heard| *heard >= requests).await.unwrap();
    }

    pub fn ids(&self, org: &str) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        let mut ids: Vec<_> =
            kept.counted.keys().filter(|(of, _)| of == org).map(|(_, id)| id.clone()).collect();
        ids.sort();
        ids
    }
}

fn problem(status: u16, code: &str) -> Response {
    let body = json!({ "status": status, "code": code, "detail": "Because.", "request_id": "req_1" });
    let headers = [("content-type", "application/problem+json")];
    (StatusCode::from_u16(status).unwrap(), headers, body.to_string()).into_response()
}

async fn events(
    State(installation): State<Installation>,
    Path(org): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(headers["content-type"], "application/cloudevents-batch+json");
    let events: Vec<Json> = serde_json::from_slice(&body).unwrap();
    installation.requests.send_modify(|requests| *requests += 1);
    let mut kept = installation.kept.lock().unwrap();
    let turn = kept.turns.pop_front().unwrap_or(Turn::Answer);
    if let Turn::Refuse(status) = turn {
        return problem(status, "test.refused");
    }
    kept.batches.push(events.len());
    let (mut accepted, mut duplicates, mut rejected) = (0, 0, Vec::new());
    for (index, event) in events.into_iter().enumerate() {
        assert_eq!(event["specversion"], "1.0");
        let id = event["id"].as_str().unwrap().to_owned();
        if kept.refused.contains(&id) {
            rejected.push(
                json!({ "index": index, "code": "event.unknown_type", "detail": "No meter counts it." }),
            );
        } else if kept.counted.insert((org.clone(), id), event).is_none() {
            accepted += 1;
        } else {
            duplicates += 1;
        }
    }
    if matches!(turn, Turn::Lose) {
        return problem(503, "storage.unavailable");
    }
    let receipt = json!({ "accepted": accepted, "duplicates": duplicates, "rejected": rejected });
    (StatusCode::ACCEPTED, receipt.to_string()).into_response()
}

impl Installation {
    /// Notes a request about leases; the answer that stands in its way, if one does.
    fn lease(&self, method: &str, uri: &Uri, body: &[u8]) -> Option<Response> {
        let mut kept = self.kept.lock().unwrap();
        let body = serde_json::from_slice(body).unwrap_or(Json::Null);
        kept.leases.push((format!("{method} {}", uri.path()), body));
        match kept.turns.pop_front() {
            Some(Turn::Refuse(status)) => Some(problem(status, "test.refused")),
            _ => None,
        }
    }
}

async fn acquire(State(installation): State<Installation>, uri: Uri, body: Bytes) -> Response {
    if let Some(refusal) = installation.lease("POST", &uri, &body) {
        return refusal;
    }
    let lease = json!({ "id": "hold_1", "limit": "concurrent_jobs", "key": "job-1", "expires_at": "2026-01-01T00:00:00Z" });
    (StatusCode::CREATED, lease.to_string()).into_response()
}

async fn renew(State(installation): State<Installation>, uri: Uri, body: Bytes) -> Response {
    let refusal = installation.lease("POST", &uri, &body);
    refusal.unwrap_or_else(|| {
        json!({ "id": "hold_1", "expires_at": "2026-01-01T00:01:00Z" }).to_string().into_response()
    })
}

async fn release(State(installation): State<Installation>, uri: Uri) -> Response {
    let refusal = installation.lease("DELETE", &uri, &[]);
    refusal.unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}

async fn jwks(State(installation): State<Installation>) -> String {
    let mut kept = installation.kept.lock().unwrap();
    kept.asked += 1;
    kept.jwks.to_string()
}
