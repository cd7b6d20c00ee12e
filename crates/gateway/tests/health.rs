//! Targets that say that they are unwell get no requests, until they say otherwise.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod common;

use common::{Setup, World, within};
use insula_blueprint::{Compiled, check};
use insula_metering::log::Outcome;
use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A target that can be made unwell.
#[derive(Default)]
struct Target {
    unwell: AtomicBool,
    /// Requests, its probes left out.
    requests: AtomicUsize,
}

impl Target {
    async fn start() -> (Arc<Self>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::<Self>::default();
        let shared = Arc::clone(&target);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let target = Arc::clone(&shared);
                tokio::spawn(async move { target.serve(BufReader::new(stream)).await });
            }
        });
        (target, address)
    }

    async fn serve(&self, mut stream: BufReader<TcpStream>) -> Option<()> {
        loop {
            let (mut first, mut line) = (String::new(), String::new());
            stream.read_line(&mut first).await.ok().filter(|read| *read > 0)?;
            while stream.read_line(&mut line).await.ok()? > 2 {
                line.clear();
            }
            let is_probe = first.starts_with("GET /health ");
            self.requests.fetch_add(usize::from(!is_probe), SeqCst);
            let status = if is_probe && self.unwell.load(SeqCst) { "503 Busy" } else { "200 OK" };
            let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
            stream.write_all(reply.as_bytes()).await.ok()?;
        }
    }

    fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }
}

static TARGETS: OnceLock<[SocketAddr; 2]> = OnceLock::new();

fn blueprint(_: SocketAddr) -> Compiled {
    let [one, two] = TARGETS.get().unwrap();
    let text = format!(
        r#"[product]
name = "Test"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[limits.per_day]
meter = "requests"
window = "day"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ per_day = 100 }}
[upstreams.pair]
targets = ["http://{one}", "http://{two}"]
health = {{ path = "/health", every = "20ms" }}
[[routes]]
match = "GET /pair"
upstream = "pair"
"#
    );
    check("blueprint.toml", &text).unwrap().compile()
}

/// Waits until the gateway thinks so of the targets.
async fn until(world: &World, healthy: [bool; 2]) {
    let now = || world.gate.target_health().iter().map(|target| target.healthy).collect::<Vec<_>>();
    within(async {
        while now() != healthy {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_unwell_gets_no_requests_until_it_is_well() {
    let ((one, first), (two, second)) = (Target::start().await, Target::start().await);
    TARGETS.set([first, second]).unwrap();
    let setup = Setup { bounds: vec![("per_day", 100)], blueprint: Some(blueprint), ..Setup::default() };
    let world = World::with(setup).await;
    let key = world.key();
    let ask = async |times: usize| {
        for _ in 0..times {
            assert_eq!(world.get("/pair", &key).await.status, 200);
        }
        (one.requests(), two.requests())
    };
    assert_eq!(ask(4).await, (2, 2), "they take turns");
    one.unwell.store(true, SeqCst);
    until(&world, [false, true]).await;
    let health = world.gate.target_health();
    assert_eq!((health[0].upstream.as_str(), health[0].reason.as_deref()), ("pair", Some("answers 503")));
    assert_eq!(ask(4).await, (2, 6), "the other gets them all");

    two.unwell.store(true, SeqCst);
    until(&world, [false, false]).await;
    let refused = world.get("/pair", &key).await;
    assert_eq!(refused.problem(), (503, "upstream.unavailable".to_owned()));
    assert_eq!(refused.field("retry-after"), Some("1"));
    assert_eq!((one.requests(), two.requests(), world.used("per_day")), (2, 6, 8));
    assert_eq!(world.told_of(9).await[8].outcome, Outcome::Released);

    // What is known of a target stays when the blueprint is replaced by one that probes it alike.
    world.gate.replace_blueprint(blueprint(first), 2, |blueprint| {
        vec![(world.acme, common::entitlement(blueprint, &[("per_day", 100)]))]
    });
    assert!(world.gate.target_health().iter().all(|target| !target.healthy));
    one.unwell.store(false, SeqCst);
    until(&world, [true, false]).await;
    assert_eq!(ask(2).await, (4, 6));
}
