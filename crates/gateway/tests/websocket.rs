//! WebSockets, from the handshake to their settlement.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod common;

use common::{
    Setup, World,
    client::{Client, Reply},
    within,
};
use insula_blueprint::{Compiled, check};
use insula_kernel::Span;
use insula_metering::log::Outcome;
use insula_tenancy::Status;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

const HANDSHAKE: &[&str] = &[
    "Connection: keep-alive, Upgrade",
    "Upgrade: WebSocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// Blueprints are made by plain functions, which can't be told where the service is: each test has a thread, and so a
/// service, of its own.
fn blueprint(_: SocketAddr) -> Compiled {
    let service = SERVICE.with(|service| service.lock().unwrap().unwrap());
    let text = format!(
        r#"[product]
name = "Test"
headline_limit = "per_day"
[resources]
things = ["read", "write"]
[meters.requests]
event = "request"
aggregate = "count"
[meters.traffic]
event = "request"
aggregate = "count"
[limits.per_day]
meter = "requests"
window = "day"
[limits.open]
kind = "hold"
[plans.one]
price = {{ USD = {{ month = "0" }} }}
limits = {{ per_day = 100, open = 2 }}
[upstreams.live]
targets = ["http://{service}"]
timeouts = {{ idle = "20s" }}
[upstreams.impatient]
targets = ["http://{service}"]
timeouts = {{ idle = "300ms" }}
[[routes]]
match = "GET /live/{{*rest}}"
upstream = "live"
permission = "things:read"
upgrade = "websocket"
strip_prefix = "/live"
hold = {{ limit = "open" }}
[routes.meter]
requests = 1
traffic = {{ bytes = "both" }}
[[routes]]
match = "GET /idle"
upstream = "impatient"
upgrade = "websocket"
[[routes]]
match = "GET /plain"
upstream = "live"
"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|found| panic!("{found}")).compile()
}

thread_local! {
    static SERVICE: Mutex<Option<SocketAddr>> = const { Mutex::new(None) };
}

/// A service that switches protocols and echoes what it gets, or refuses; with the heads that it saw.
async fn service() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move { serve(BufReader::new(stream), &seen).await });
        }
    });
    (address, heads)
}

async fn serve(mut stream: BufReader<TcpStream>, seen: &Mutex<Vec<String>>) -> Option<()> {
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.ok()? > 2 {
        head += &line.to_ascii_lowercase();
        line.clear();
    }
    seen.lock().unwrap().push(head.clone());
    if head.starts_with("get /refuse") {
        stream.write_all(b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nbusy").await.ok()?;
        return None;
    }
    let chosen =
        if head.contains("sec-websocket-protocol: chat") { "sec-websocket-protocol: chat\r\n" } else { "" };
    let reply = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{chosen}\r\n"
    );
    stream.write_all(reply.as_bytes()).await.ok()?;
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        stream.write_all(&buffer[..read]).await.ok()?;
    }
}

async fn world() -> (World, Arc<Mutex<Vec<String>>>) {
    let (address, heads) = service().await;
    SERVICE.with(|service| *service.lock().unwrap() = Some(address));
    let bounds = vec![("per_day", 100), ("open", 2)];
    (World::with(Setup { bounds, blueprint: Some(blueprint), ..Setup::default() }).await, heads)
}

/// A handshake with these fields besides, and the head of its reply.
async fn open(world: &World, target: &str, more: &[&str]) -> (Client, Reply) {
    let mut client = world.client().await;
    client.request("GET", target, &[HANDSHAKE, more].concat(), "").await;
    let head = client.head().await;
    (client, head)
}

/// Sends this, and waits for it to come back.
async fn echoed(client: &mut Client, text: &str) {
    client.send(text).await;
    let mut back = vec![0; text.len()];
    within(client.stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(back, text.as_bytes());
}

/// Waits until the other end has closed.
async fn until_closed(client: &mut Client) {
    let mut rest = Vec::new();
    // However it ends: a reset ends it too.
    let _ = within(client.stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, [0; 0]);
}

#[tokio::test]
async fn bytes_go_both_ways_as_they_come_and_are_settled_at_the_end() {
    let (world, heads) = world().await;
    let key = world.key();
    let field = format!("X-Api-Key: {key}");
    let (mut one, head) =
        open(&world, "/live/room?x=1", &[&field, "X-Org-Id: acme", "Sec-WebSocket-Protocol: chat"]).await;
    assert_eq!(head.status, 101);
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("sec-websocket-protocol", "chat"),
    ] {
        assert_eq!(head.field(name), Some(value), "{name}");
    }
    assert!(
        head.field("x-request-id").is_some() && head.field("x-quota-remaining") == Some("99"),
        "{head:?}"
    );
    let seen = heads.lock().unwrap()[0].clone();
    assert!(seen.starts_with("get /room?x=1 http/1.1"), "{seen}");
    for wanted in [
        "upgrade: websocket",
        "sec-websocket-key: dghlihnhbxbszsbub25jzq==",
        "insula-identity: ",
        "x-plan-priority: 1",
    ] {
        assert!(seen.contains(wanted), "{wanted} in {seen}");
    }
    assert!(!seen.contains("x-api-key"), "{seen}");
    echoed(&mut one, "\u{1}hello").await;
    echoed(&mut one, &"x".repeat(100_000)).await;
    assert_eq!((world.told().len(), world.used("per_day")), (0, 1));

    // It is held as long as it is open.
    let (mut two, _) = open(&world, "/live/b", &[&field]).await;
    let mut third = world.client().await;
    third.request("GET", "/live/c", &[HANDSHAKE, &[&field]].concat(), "").await;
    assert_eq!(third.reply().await.problem(), (429, "hold.exhausted".to_owned()));
    drop(one);
    let told = world.told_of(1).await;
    assert_eq!((told[0].status, told[0].outcome), (101, Outcome::Completed));
    assert_eq!((told[0].bytes_in, told[0].bytes_out), (100_006, 100_006));
    assert_eq!(told[0].used, [("requests".to_owned(), 1), ("traffic".to_owned(), 200_012)]);
    let (mut again, head) = open(&world, "/live/c", &[&field]).await;
    assert_eq!(head.status, 101);
    echoed(&mut again, "a").await;
    echoed(&mut two, "b").await;
}

#[tokio::test]
async fn a_browser_gives_its_credential_among_the_protocols() {
    let (world, heads) = world().await;
    let key = world.key();
    let (_, head) =
        open(&world, "/live/a", &[&format!("Sec-WebSocket-Protocol: insula, insula.bearer.{key}, chat")])
            .await;
    assert_eq!((head.status, head.field("sec-websocket-protocol")), (101, Some("chat")));
    let (_, head) =
        open(&world, "/live/a", &[&format!("Sec-WebSocket-Protocol: insula, insula.bearer.{key}")]).await;
    assert_eq!((head.status, head.field("sec-websocket-protocol")), (101, Some("insula")));
    let seen = heads.lock().unwrap().join("\n");
    assert!(!seen.contains("bearer") && !seen.contains(&key.to_ascii_lowercase()), "{seen}");
    let mut wrong = world.client().await;
    wrong
        .request(
            "GET",
            "/live/a",
            &[HANDSHAKE, &["Sec-WebSocket-Protocol: insula.bearer.ak_wrong"]].concat(),
            "",
        )
        .await;
    assert_eq!(wrong.reply().await.status, 401);
}

#[tokio::test]
async fn only_routes_that_are_websockets_are_opened_as_such() {
    let (world, heads) = world().await;
    let key = format!("X-Api-Key: {}", world.key());
    let ask = async |target: &str, fields: &[&str]| world.ask("GET", target, fields, "").await.problem();
    let code = |status: u16, code: &str| (status, code.to_owned());
    let with_key = [HANDSHAKE, &[&key]].concat();
    for elsewhere in ["/plain", "/v1/ping"] {
        assert_eq!(ask(elsewhere, &with_key).await, code(400, "request.upgrade_unsupported"), "{elsewhere}");
    }
    assert_eq!(ask("/live/a", &[&key]).await, code(400, "request.upgrade_required"));
    assert_eq!(ask("/live/a", HANDSHAKE).await, code(401, "access.unauthenticated"));
    for left_out in [0, 2, 3] {
        let fields: Vec<&str> =
            (0..).zip(&with_key).filter(|(at, _)| *at != left_out).map(|(_, field)| *field).collect();
        assert_eq!(
            ask("/live/a", &fields).await,
            code(400, "request.handshake"),
            "without {}",
            HANDSHAKE[left_out]
        );
    }
    let with_body = world.ask("GET", "/live/a", &with_key, "body").await;
    assert_eq!(with_body.problem(), code(400, "request.handshake"));
    let (_, _, reader) = world.member(world.acme, "nothing");
    let reader = format!("Authorization: Bearer {reader}");
    let denied = [HANDSHAKE, &[&reader]].concat();
    assert_eq!(ask("/live/a", &denied).await, code(403, "access.denied"));
    assert_eq!(heads.lock().unwrap().len(), 0);
    // What the service itself says of a handshake is passed on, and was a request.
    let refused = world.ask("GET", "/live/refuse", &with_key, "").await;
    assert_eq!((refused.status, refused.text().as_str(), world.used("per_day")), (409, "busy", 1));
    assert_eq!(world.told_of(1).await[0].status, 409);
}

#[tokio::test]
async fn what_is_no_longer_admitted_is_closed() {
    let (world, _) = world().await;
    let (live, key) = world.key_with(world.acme, &["things:*"], |_| ());
    let (_, session, token) = world.member(world.acme, "owner");
    let (mut by_key, _) = open(&world, "/live/a", &[&format!("X-Api-Key: {key}")]).await;
    let (mut by_person, _) = open(&world, "/live/b", &[&format!("Authorization: Bearer {token}")]).await;
    echoed(&mut by_key, "a").await;
    world.identities.remove_key(live.id);
    until_closed(&mut by_key).await;
    echoed(&mut by_person, "b").await;
    world.identities.end_session(session);
    until_closed(&mut by_person).await;
    let (mut suspended, _) = open(&world, "/live/a", &[&format!("X-Api-Key: {}", world.key())]).await;
    world.organizations.change(world.acme, |organization| organization.status = Status::Suspended);
    until_closed(&mut suspended).await;
    let told = world.told_of(3).await;
    assert!(told.iter().all(|told| told.outcome == Outcome::Completed && told.status == 101), "{told:?}");
}

#[tokio::test]
async fn what_is_silent_for_too_long_is_closed() {
    let (world, _) = world().await;
    let (mut silent, head) = open(&world, "/idle", &[&format!("X-Api-Key: {}", world.key())]).await;
    assert_eq!(head.status, 101);
    echoed(&mut silent, "a").await;
    until_closed(&mut silent).await;
    assert_eq!(world.told_of(1).await[0].outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn a_server_that_stops_closes_them_and_settles() {
    let (mut world, _) = world().await;
    let (mut client, _) = open(&world, "/live/a", &[&format!("X-Api-Key: {}", world.key())]).await;
    echoed(&mut client, "a").await;
    world.shutdown(Span::from_secs(20)).await;
    until_closed(&mut client).await;
    assert_eq!(world.told_of(1).await[0].outcome, Outcome::Completed);
}

#[tokio::test]
async fn an_end_on_one_side_lets_the_other_finish() {
    let (world, _) = world().await;
    let (mut client, _) = open(&world, "/live/a", &[&format!("X-Api-Key: {}", world.key())]).await;
    echoed(&mut client, "a").await;
    // The client says that it has no more to say; the service ends too, and what it still had to say came through.
    client.send("last").await;
    client.stream.get_mut().shutdown().await.unwrap();
    let mut rest = String::new();
    within(client.stream.read_to_string(&mut rest)).await.unwrap();
    assert_eq!(rest, "last");
    let told = world.told_of(1).await;
    assert_eq!((told[0].bytes_in, told[0].bytes_out, told[0].outcome), (5, 5, Outcome::Completed));
}
