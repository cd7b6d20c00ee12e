//! What the tests of the gateway share: a world with two organizations, an upstream, and a client that sends bytes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![expect(dead_code, reason = "each test uses what it needs")]

pub(crate) mod client;
pub(crate) mod upstream;

use axum::{Router, routing::get};
use client::Client;
use insula_blueprint::{Compiled, check};
use insula_gateway::{Control, Gate, GateParts, Gateway, GatewayParts, HostRules, Running, Settings};
use insula_identity::{
    AccessClaims, Environment, KeyToken, LiveKey, OwnLimits, RateOverride, Scopes, SigningKey, TokenSigner,
    TokenVerifier,
};
use insula_kernel::{
    Clock as _, Env, Epoch, Instant, Keyring, ManualClock, OrgId, ProjectId, Secret, SeededRng, SessionId,
    Span, TeamId, UserId,
};
use insula_limits::{Bound, Entitlement, Service};
use insula_metering::log::{Entry, Log, Options, Outcome, Tail};
use insula_rating::Anchor;
use insula_tenancy::{LiveOrganization, LiveProject, ProjectStatus, Status};
use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};
use upstream::Upstream;

/// A blueprint whose routes lead to the test's upstream; another version of it has one more resource and one more limit,
/// first in the alphabet, which give the others other numbers.
pub(crate) fn blueprint(app: SocketAddr, another: bool) -> Compiled {
    let [resource, limit, bound, route] = if another {
        [
            "aaa = [\"read\"]",
            "[limits.a_limit]\nmeter = \"heavy\"\nwindow = \"day\"",
            "a_limit = 7, ",
            "[[routes]]\nmatch = \"GET /fresh\"\nupstream = \"app\"\npermission = \"aaa:read\"",
        ]
    } else {
        [""; 4]
    };
    let down = closed_port();
    let text = format!(
        r#"[product]
name = "Test"
headline_limit = "per_day"
[resources]
things = ["read", "write"]
{resource}
[meters.requests]
event = "request"
aggregate = "count"
[meters.heavy]
event = "request"
aggregate = "count"
{limit}
[limits.per_day]
meter = "requests"
window = "day"
[limits.heavy_per_hour]
meter = "heavy"
window = "hour"
[limits.per_second]
kind = "rate"
window = "second"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ {bound}per_day = 100, heavy_per_hour = 4, per_second = 50 }}
[upstreams.app]
targets = ["http://{app}"]
timeouts = {{ connect = "2s", response = "500ms", idle = "500ms" }}
[upstreams.narrow]
targets = ["http://{app}"]
max_connections = 1
timeouts = {{ connect = "10s", response = "30s", idle = "30s" }}
[upstreams.pair]
targets = ["http://{down}", "http://{app}"]
[upstreams.down]
targets = ["http://{down}"]
timeouts = {{ connect = "1s" }}
[[routes]]
match = "GET /seen/{{*rest}}"
upstream = "app"
permission = "things:read"
meter = {{ requests = 1 }}
[[routes]]
match = "POST /write"
upstream = "app"
permission = "things:write"
max_body = "1KB"
meter = {{ requests = 1 }}
[[routes]]
match = "POST /free"
upstream = "app"
meter = {{}}
max_body = "10MB"
[[routes]]
match = "* /echo"
upstream = "app"
max_body = "64KB"
timeout = "20s"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /heavy"
upstream = "app"
meter = {{ requests = 1, heavy = 3 }}
[[routes]]
match = "GET /act/{{what}}"
upstream = "app"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /api/seen"
upstream = "app"
strip_prefix = "/api"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /hang"
upstream = "narrow"
meter = {{ requests = 1 }}
[[routes]]
match = "GET /pair"
upstream = "pair"
meter = {{}}
[[routes]]
match = "GET /down"
upstream = "down"
meter = {{ requests = 1 }}
{route}
"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

/// An address that nothing listens at.
fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// What an organization may do: the bounds of its limits by name, the rest unlimited.
pub(crate) fn entitlement(blueprint: &Compiled, bounds: &[(&str, i64)]) -> Entitlement {
    let bound = |name: &str| bounds.iter().find(|(known, _)| *known == name).map(|(_, bound)| *bound);
    let bound = |limit: &insula_blueprint::Limit| Bound {
        most: bound(&limit.name),
        is_hard: limit.on_exceed == insula_blueprint::OnExceed::Reject,
    };
    Entitlement {
        plan: "one".into(),
        plan_version: 1,
        priority: 1,
        bounds: blueprint.limits().iter().map(bound).collect(),
        features: Arc::new([("fancy".into(), true)].into()),
        retention: None,
        anchor: Anchor::utc(Instant::from_secs(1_699_000_000)),
        clock: Span::from_micros(0),
        service: Service::Served,
    }
}

/// One entry of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) org: OrgId,
    /// When it happened, in the organization's time.
    pub(crate) at: Instant,
    /// Until when it is held unless it ends.
    pub(crate) held_until: Option<Instant>,
    pub(crate) route: String,
    pub(crate) status: u16,
    pub(crate) outcome: Outcome,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) used: Vec<(String, i64)>,
}

/// A running gateway with everything around it.
pub(crate) struct World {
    pub(crate) env: Env,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) organizations: Arc<insula_tenancy::Live>,
    pub(crate) identities: Arc<insula_identity::Live>,
    pub(crate) upstream: Upstream,
    pub(crate) signer: TokenSigner,
    pub(crate) acme: OrgId,
    pub(crate) other: OrgId,
    pub(crate) running: Option<Running>,
    pub(crate) address: SocketAddr,
    keyring: Keyring,
    tail: Mutex<Tail>,
    told: Mutex<Vec<Told>>,
    _dir: tempfile::TempDir,
}

/// How a world differs from the usual one.
pub(crate) struct Setup {
    pub(crate) bounds: Vec<(&'static str, i64)>,
    pub(crate) hosts: HostRules,
    pub(crate) cores: usize,
    pub(crate) settings: Settings,
    /// The blueprint, if it is another.
    pub(crate) blueprint: Option<fn(SocketAddr) -> Compiled>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            bounds: vec![("per_day", 100), ("heavy_per_hour", 4)],
            hosts: HostRules::default(),
            cores: 1,
            settings: Settings::default(),
            blueprint: None,
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let upstream = Upstream::start().await;
        let clock = Arc::new(ManualClock::at(Instant::from_secs(1_700_000_000)));
        let env = Env { clock: clock.clone(), rng: Arc::new(SeededRng::new(3)) };
        let compiled = match setup.blueprint {
            Some(other) => other(upstream.address),
            None => blueprint(upstream.address, false),
        };
        let (acme, other) = (OrgId::generate(&env), OrgId::generate(&env));
        let organization = |id, slug: &str| LiveOrganization {
            id,
            slug: slug.into(),
            status: Status::Active,
            epoch: Epoch(0),
        };
        let organizations = Arc::new(insula_tenancy::Live::load(vec![
            organization(acme, "acme"),
            organization(other, "other"),
        ]));
        let identities = Arc::new(insula_identity::Live::default());
        let key = SigningKey::generate(&env);
        let verifier = TokenVerifier::new("http://insula.test".into(), [(key.id(), key.public())]);
        let signer = TokenSigner::new("http://insula.test".into(), key);
        let keyring = Keyring::new(Secret::new([9; 32]));
        let entitled = |org| (org, Arc::new(entitlement(&compiled, &setup.bounds)));
        let entitlements = vec![entitled(acme), entitled(other)];
        let gate = Arc::new(Gate::new(GateParts {
            env: env.clone(),
            blueprint: (compiled, 1),
            organizations: Arc::clone(&organizations),
            identities: Arc::clone(&identities),
            keyring: keyring.clone(),
            verifier,
            signer: signer.clone(),
            entitlements,
        }));
        let dir = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 1 << 20, ..Options::default() };
        let (log, tail) = Log::open(dir.path(), options, env.clone()).unwrap();
        let router = Router::new().route("/v1/ping", get(|| async { "pong" })).merge(api::router());
        let running = Gateway::bind("127.0.0.1:0")
            .unwrap()
            .serve(GatewayParts {
                gate: Arc::clone(&gate),
                log,
                hosts: setup.hosts,
                control: Control { runtime: tokio::runtime::Handle::current(), router },
                settings: Settings { cores: NonZeroUsize::new(setup.cores), ..setup.settings },
            })
            .unwrap();
        let address = running.local_addr();
        Self {
            env,
            clock,
            gate,
            organizations,
            identities,
            upstream,
            signer,
            acme,
            other,
            running: Some(running),
            address,
            keyring,
            tail: Mutex::new(tail),
            told: Mutex::default(),
            _dir: dir,
        }
    }

    /// A key of an organization with these scopes; `change` may change it before it comes into force.
    pub(crate) fn key_with(
        &self,
        org: OrgId,
        scopes: &[&str],
        change: impl FnOnce(&mut LiveKey),
    ) -> (LiveKey, String) {
        let token = KeyToken::generate(&self.env, Environment::Development);
        let snapshot = self.gate.snapshot();
        let mut key = LiveKey {
            id: token.id,
            org,
            secret_hash: token.hash(&self.keyring.derive("api-keys")),
            environment: Environment::Development,
            scopes: Arc::new(Scopes::compile(scopes.iter().copied(), snapshot.compiled())),
            networks: Box::default(),
            project: None,
            team: None,
            rate: None,
            limits: OwnLimits::default(),
            expires_at: None,
        };
        change(&mut key);
        self.identities.put_key(key.clone());
        let prefix = &snapshot.compiled().product().key_prefix;
        (key, token.reveal(prefix).expose().clone())
    }

    /// A key of the first organization that may do everything.
    pub(crate) fn key(&self) -> String {
        self.key_with(self.acme, &["things:*"], |_| ()).1
    }

    /// A key with a rate of its own.
    pub(crate) fn key_at(&self, per_second: u32, burst: u32) -> String {
        let rate = Some(RateOverride { per_second, burst });
        self.key_with(self.acme, &["things:*"], |key| key.rate = rate).1
    }

    /// A member with this role, and their access token.
    pub(crate) fn member(&self, org: OrgId, role: &str) -> (UserId, SessionId, String) {
        let user = UserId::generate(&self.env);
        self.identities.put_member(org, user, role);
        let (session, token) = self.token(user, Some(org));
        (user, session, token)
    }

    /// An access token that is good for ten minutes.
    pub(crate) fn token(&self, user: UserId, org: Option<OrgId>) -> (SessionId, String) {
        let session = SessionId::generate(&self.env);
        let now = self.clock.now().as_secs();
        let token = self.signer.access(&AccessClaims {
            iss: "http://insula.test".into(),
            sub: user,
            user_id: user,
            org_id: org,
            team_ids: vec![],
            permissions: vec![],
            sid: session,
            amr: vec![],
            iat: now,
            exp: now + 600,
        });
        (session, token)
    }

    /// A fresh connection to the gateway.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, target: &str, fields: &[&str], body: &str) -> client::Reply {
        let mut client = self.client().await;
        client.request(method, target, fields, body).await;
        client.reply().await
    }

    /// A `GET` with a key.
    pub(crate) async fn get(&self, target: &str, key: &str) -> client::Reply {
        self.ask("GET", target, &[&format!("X-Api-Key: {key}")], "").await
    }

    /// Everything the log has told by now, in its order.
    pub(crate) fn told(&self) -> Vec<Told> {
        let mut told = self.told.lock().unwrap();
        let mut tail = self.tail.lock().unwrap();
        tail.poll(100_000, |entry| match entry {
            Entry::Settled { intent, settlement } => told.push(Told {
                org: intent.org,
                at: intent.at,
                held_until: (intent.hold).and_then(|hold| Some(intent.at + Span::from_micros(hold.ttl_us?))),
                route: intent.route.to_owned(),
                status: settlement.status,
                outcome: settlement.outcome,
                bytes_in: settlement.bytes_in,
                bytes_out: settlement.bytes_out,
                used: settlement
                    .used
                    .iter()
                    .map(|charge| (charge.meter.to_owned(), charge.quantity))
                    .collect(),
            }),
            other => panic!("{other:?}"),
        })
        .unwrap();
        told.clone()
    }

    /// Waits until the log has told so many entries.
    pub(crate) async fn told_of(&self, count: usize) -> Vec<Told> {
        within(async {
            loop {
                let told = self.told();
                if told.len() >= count {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// A project of the first organization.
    pub(crate) fn project(&self, team: Option<TeamId>) -> ProjectId {
        let id = ProjectId::generate(&self.env);
        let status = ProjectStatus::Active;
        let slug = id.to_string().as_str().into();
        self.organizations.put_project(LiveProject { id, org: self.acme, slug, team, status });
        id
    }

    /// A `POST` of JSON with a key.
    pub(crate) async fn post(&self, target: &str, key: &str, body: &serde_json::Value) -> client::Reply {
        self.ask("POST", target, &[&format!("X-Api-Key: {key}")], &body.to_string()).await
    }

    /// What the first organization has used of a limit.
    pub(crate) fn used(&self, limit: &str) -> i64 {
        let index = self.gate.snapshot().compiled().limit_index(limit).unwrap();
        self.gate.usage(self.acme, index, self.clock.now()).unwrap().used
    }

    pub(crate) async fn shutdown(&mut self, drain: Span) {
        let running = self.running.take().unwrap();
        tokio::task::spawn_blocking(move || running.shutdown(drain)).await.unwrap();
    }
}

/// What must happen soon, or the test fails.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it happens within time")
}

/// An API to stand behind the gateway.
mod api {
    use axum::{Router, body::Bytes, routing::post};
    use insula_access::ReadOrganization;
    use insula_kernel::Error;
    use insula_web::{Failure, In, Operator, RequestInfo, SignedIn};

    pub(super) fn router() -> Router {
        Router::new()
            .route("/v1/orgs/{org}", axum::routing::get(organization))
            .route("/v1/operator/orgs", axum::routing::get(operator))
            .route("/v1/me", axum::routing::get(me))
            .route("/v1/fails", axum::routing::get(fails))
            .route("/v1/panics", axum::routing::get(panics))
            .route("/v1/length", post(length))
            .route("/v1/info", axum::routing::get(info))
    }

    async fn organization(In(proof): In<ReadOrganization>) -> String {
        format!("{proof:?}")
    }

    async fn operator(Operator(proof): Operator<insula_access::ListOrganizations>) -> String {
        format!("{proof:?}")
    }

    async fn me(me: SignedIn) -> String {
        me.user.to_string()
    }

    async fn fails() -> Failure {
        Failure(Error::invalid_field("/name", "missing", "`name` is missing."))
    }

    async fn panics() -> String {
        panic!("as it should")
    }

    async fn length(body: Bytes) -> String {
        body.len().to_string()
    }

    async fn info(info: RequestInfo) -> String {
        format!("{} {}", info.id, info.address)
    }
}
