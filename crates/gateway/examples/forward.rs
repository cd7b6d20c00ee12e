//! A gateway in front of one address, with the whole request path: to measure what it costs beside other proxies.
//!
//! `cargo run --release -p insula-gateway --example forward -- LISTEN UPSTREAM CORES`, then send requests for any path
//! with the key it prints. It runs until its standard input ends.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that can't go on has failed")]

use insula_blueprint::check;
use insula_gateway::{Control, Gate, GateParts, Gateway, GatewayParts, HostRules, Settings};
use insula_identity::{
    Environment, KeyToken, LiveKey, OwnLimits, Scopes, SigningKey, TokenSigner, TokenVerifier,
};
use insula_kernel::{Env, Epoch, Keyring, OrgId, Secret, Span};
use insula_limits::{Bound, Entitlement, Service};
use insula_metering::log::{Log, Options};
use insula_rating::Anchor;
use insula_tenancy::{LiveOrganization, Status};
use std::{env, io::Read as _, sync::Arc, thread, time::Duration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENOUGH: i64 = 1_000_000_000;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, upstream, cores] = &arguments[..] else { panic!("LISTEN UPSTREAM CORES") };
    let env = Env::system();
    let text = format!(
        r#"[product]
name = "Measured"
headline_limit = "per_day"
[resources]
things = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.per_day]
meter = "requests"
window = "day"
[limits.per_second]
kind = "rate"
window = "second"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ per_day = {ENOUGH}, per_second = {ENOUGH} }}
[upstreams.one]
targets = ["http://{upstream}"]
[[routes]]
match = "* /{{*rest}}"
upstream = "one"
permission = "things:read"
"#
    );
    let blueprint = check("blueprint.toml", &text).expect("the blueprint is good").compile();
    let org = OrgId::generate(&env);
    let organization =
        LiveOrganization { id: org, slug: "one".into(), status: Status::Active, epoch: Epoch(0) };
    let keyring = Keyring::new(Secret::new([1; 32]));
    let token = KeyToken::generate(&env, Environment::Production);
    let key = LiveKey {
        id: token.id,
        org,
        secret_hash: token.hash(&keyring.derive("api-keys")),
        environment: Environment::Production,
        scopes: Arc::new(Scopes::compile(["things:read"], &blueprint)),
        networks: Box::default(),
        project: None,
        team: None,
        rate: None,
        limits: OwnLimits::default(),
        expires_at: None,
    };
    println!("{}", token.reveal(&blueprint.product().key_prefix).expose());
    let signing = SigningKey::generate(&env);
    let bounds = blueprint.limits().iter().map(|_| Bound { most: Some(ENOUGH), is_hard: true }).collect();
    let entitlement = Entitlement {
        plan: "one".into(),
        plan_version: 1,
        priority: 1,
        bounds,
        features: Arc::default(),
        anchor: Anchor::utc(env.now()),
        clock: Span::from_micros(0),
        service: Service::Served,
    };
    let gate = Gate::new(GateParts {
        env: env.clone(),
        blueprint: (blueprint, 1),
        organizations: Arc::new(insula_tenancy::Live::load(vec![organization])),
        identities: Arc::new(insula_identity::Live::load([key], [], [])),
        keyring,
        verifier: TokenVerifier::new("http://measured".into(), [(signing.id(), signing.public())]),
        signer: TokenSigner::new("http://measured".into(), signing),
        entitlements: vec![(org, entitlement)],
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (log, mut tail) = Log::open(folder.path(), Options::default(), env).expect("the log opens");
    thread::spawn(move || {
        loop {
            let polled = tail.poll(100_000, |_| ()).expect("the log can be read");
            tail.confirm(polled.mark).expect("segments can be removed");
            thread::park_timeout(Duration::from_millis(100));
        }
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let control = Control { runtime: runtime.handle().clone(), router: axum::Router::new() };
    let settings = Settings { cores: cores.parse().ok(), ..Settings::default() };
    let hosts = HostRules::default();
    let parts = GatewayParts { gate: Arc::new(gate), log, hosts, control, settings };
    let running =
        Gateway::bind(listen.as_str()).expect("the address is free").serve(parts).expect("it starts");
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
    running.shutdown(Span::from_secs(1));
}
