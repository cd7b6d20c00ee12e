//! What reaches the upstream and comes back, and when it is settled.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod common;

use common::{Setup, World, within};
use insula_gateway::Settings;
use insula_kernel::Span;
use insula_metering::log::Outcome;
use serde_json::Value;
use std::sync::atomic::Ordering::SeqCst;

fn seen_field<'v>(seen: &'v Value, name: &str) -> Vec<&'v str> {
    let fields = seen["fields"].as_array().unwrap();
    fields.iter().filter(|field| field[0] == name).map(|field| field[1].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upstream_learns_from_insula_who_calls_and_from_the_client_what_it_wants() {
    let world = World::new().await;
    let (user, _, token) = world.member(world.acme, "owner");
    let fields = [
        &format!("Authorization: Bearer {token}"),
        "Host: Some.Host:81",
        &format!("X-Org-Id: {}", world.acme),
        &format!("X-User-Id: {user}"),
        "X-Forwarded-For: 1.2.3.4",
        "X_Forwarded_For: 1.2.3.4",
        "X_Org_Id: org_other",
        "X-Request-Id: mine",
        "Forwarded: for=1.2.3.4",
        "Insula-Identity: forged",
        "X-Plan-Priority: 900",
        "X_Plan_Priority: 900",
        "X-Insula-Anything: forged",
        "Connection: X-Hop, keep-alive",
        "X-Hop: 1",
        "TE: trailers",
        "Upgrade: h2c",
        "X-Own: kept",
        "Cookie: a=b",
    ];
    let reply = world.ask("GET", "/seen/a%20b?c=%2F..", &fields, "").await;
    assert_eq!(reply.status, 200);
    let seen = reply.json();
    assert_eq!(seen["target"], "/seen/a%20b?c=%2F..");
    let org = world.acme.to_string();
    let id = reply.field("x-request-id").unwrap();
    assert!(id.starts_with("req_"));
    for (name, expected) in [
        ("host", &*world.upstream.address.to_string()),
        ("x-org-id", &org),
        ("x-user-id", &user.to_string()),
        ("x-plan-priority", "1"),
        ("x-request-id", id),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "Some.Host:81"),
        ("x-own", "kept"),
        ("cookie", "a=b"),
    ] {
        assert_eq!(seen_field(&seen, name), [expected], "{name}");
    }
    for gone in [
        "authorization",
        "x_forwarded_for",
        "x_org_id",
        "forwarded",
        "x-insula-anything",
        "connection",
        "x-hop",
        "te",
        "upgrade",
    ] {
        assert_eq!(seen_field(&seen, gone), [""; 0], "{gone}");
    }
    let [identity] = seen_field(&seen, "insula-identity")[..] else { panic!("one identity") };
    let claims = claims(identity);
    assert_eq!((claims["aud"].as_str(), claims["org_id"].as_str()), (Some("app"), Some(&*org)));
    assert_eq!(claims["sub"], user.to_string());
    assert!(claims["permissions"].as_array().unwrap().contains(&"things:write".into()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);

    // It is signed once for many requests, and anew when what the caller may do has changed.
    let again = world.ask("GET", "/seen/x", &fields[..1], "").await.json();
    assert_eq!(seen_field(&again, "insula-identity"), [identity]);
    world.identities.put_member(world.acme, user, "viewer");
    let changed = world.ask("GET", "/seen/x", &fields[..1], "").await.json();
    let [changed] = seen_field(&changed, "insula-identity")[..] else { panic!("one identity") };
    assert_ne!(changed, identity);
}

/// The claims of a token, its signature left unread.
fn claims(token: &str) -> Value {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for digit in token.split('.').nth(1).unwrap().bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held).to_le_bytes()[0]);
            bits &= (1 << held) - 1;
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_no_user_and_a_prefix_can_be_cut_off() {
    let world = World::new().await;
    let (key, secret) = world.key_with(world.acme, &["things:read"], |_| ());
    let seen = world.get("/api/seen?x", &secret).await.json();
    assert_eq!(seen["target"], "/seen?x");
    assert_eq!(seen_field(&seen, "x-user-id"), [""; 0]);
    assert_eq!(seen_field(&seen, "x-api-key"), [""; 0]);
    let claims = claims(seen_field(&seen, "insula-identity")[0]);
    assert!(claims["key_id"].as_str().unwrap().ends_with(&key.id.digits()));
    assert_eq!((&claims["environment"], &claims["sub"]), (&"development".into(), &claims["key_id"]));
    assert_eq!(claims["permissions"], serde_json::json!(["things:read"]));

    let target = format!("http://{}/seen/abs?q=1", world.address);
    let seen = world.ask("GET", &target, &[&format!("X-Api-Key: {secret}")], "").await.json();
    assert_eq!(seen["target"], "/seen/abs?q=1", "an absolute target");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_tell_where_the_client_stands_and_nothing_of_the_insides() {
    let world = World::new().await;
    let key = world.key();
    let reply = world.get("/act/hops", &key).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.field("x-own"), Some("kept"));
    for gone in ["x-hop", "keep-alive", "server", "x-powered-by", "connection"] {
        assert_eq!(reply.field(gone), None, "{gone}");
    }
    assert_eq!(reply.field("x-org-id"), Some(world.acme.to_string().as_str()));
    assert_eq!(reply.field("x-quota-remaining"), Some("99"));
    assert_eq!(reply.field("ratelimit"), Some(r#""per_day";r=99;t=6400"#));
    assert_eq!(reply.field("ratelimit-policy"), Some(r#""per_day";q=100;w=86400"#));
    assert!(reply.field("x-request-id").unwrap().starts_with("req_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_whole_reply_finds_it_in_the_log() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    let mut client = world.client().await;
    for (count, (method, target)) in [
        ("GET", "/seen/a"),
        ("HEAD", "/seen/a"),
        ("GET", "/act/empty"),
        ("GET", "/act/hops"),
        ("POST", "/echo"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = if method == "POST" { "hello" } else { "" };
        client.request(method, target, &[&key], body).await;
        let reply = client.reply().await;
        assert!(reply.whole && reply.status < 300, "{method} {target}");
        let told = world.told();
        assert_eq!(told.len(), count + 1, "{method} {target}");
        let last = told.last().unwrap();
        assert_eq!((last.outcome, last.status), (Outcome::Completed, reply.status));
        assert_eq!((last.bytes_in, last.bytes_out), (body.len() as u64, reply.body.len() as u64));
        assert_eq!((last.org, &*last.used), (world.acme, &[("requests".to_owned(), 1)][..]));
    }
    assert_eq!(world.told()[4].route, "* /echo");
    assert_eq!(world.used("per_day"), 5);
    assert_eq!(world.upstream.connections(), 1, "one connection serves all");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    for method in ["POST", "GET"] {
        let before = world.told().len();
        let mut client = world.client().await;
        client
            .send(format!(
                "{method} /echo HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: chunked\r\n\r\n"
            ))
            .await;
        for round in 0..5 {
            client.send(format!("6\r\npart {round}\r\n")).await;
            if round == 0 {
                assert_eq!(client.head().await.status, 200);
            }
            assert_eq!(client.chunk().await.unwrap(), format!("part {round}").into_bytes());
            assert_eq!(world.told().len(), before, "not settled yet");
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.chunk().await.unwrap(), b"");
        let told = world.told();
        assert_eq!(told.len(), before + 1);
        let last = told.last().unwrap();
        assert_eq!((last.bytes_in, last.bytes_out, last.outcome), (30, 30, Outcome::Completed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_at_once_are_answered_in_their_order() {
    let world = World::new().await;
    let key = world.key();
    let mut client = world.client().await;
    let one = |at| format!("GET /seen/{at} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n");
    client.send((0..20).map(one).collect::<String>()).await;
    for at in 0..20 {
        assert_eq!(client.reply().await.json()["target"], format!("/seen/{at}"));
    }
    assert_eq!(world.told().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_grows_too_large_ends_the_request() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    let mut client = world.client().await;
    client
        .send(format!("POST /write HTTP/1.1\r\nHost: a\r\n{key}\r\nTransfer-Encoding: chunked\r\n\r\n"))
        .await;
    for _ in 0..2 {
        client.send(format!("200\r\n{}\r\n", "x".repeat(512))).await;
    }
    let reply = client.reply().await;
    assert_eq!(reply.problem(), (413, "request.too_large".to_owned()));
    let told = world.told();
    assert_eq!((told[0].status, told[0].outcome), (413, Outcome::ClientGone));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_fails_is_told_from_one_that_is_slow_and_one_that_is_not_there() {
    let world = World::new().await;
    let key = world.key();
    let charged = vec![("requests".to_owned(), 1)];
    for (target, status, code, outcome, used) in [
        ("/down", 502, "upstream.unreachable", Outcome::Released, vec![]),
        ("/act/reset", 502, "upstream.failed", Outcome::UpstreamFailed, charged.clone()),
        ("/act/garbage", 502, "upstream.failed", Outcome::UpstreamFailed, charged.clone()),
        ("/act/switch", 502, "upstream.failed", Outcome::UpstreamFailed, charged.clone()),
        ("/act/silence", 504, "upstream.timeout", Outcome::TimedOut, charged.clone()),
    ] {
        let before = world.used("per_day");
        let reply = world.get(target, &key).await;
        assert_eq!(reply.problem(), (status, code.to_owned()), "{target}");
        assert_eq!(reply.field("x-org-id"), Some(world.acme.to_string().as_str()));
        let told = world.told();
        let last = told.last().unwrap();
        assert_eq!((last.status, last.outcome, &last.used), (status, outcome, &used), "{target}");
        assert_eq!(world.used("per_day") - before, i64::try_from(used.len()).unwrap(), "{target}");
    }
    within(world.upstream.seen.gone.notified()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_cut_short_is_seen_to_be() {
    let world = World::new().await;
    let key = world.key();
    for (target, outcome) in [
        ("/act/truncate", Outcome::UpstreamFailed),
        ("/act/truncate-chunked", Outcome::UpstreamFailed),
        ("/act/stall", Outcome::TimedOut),
    ] {
        let reply = world.get(target, &key).await;
        assert_eq!((reply.status, reply.whole), (200, false), "{target}");
        let told = world.told();
        let last = told.last().unwrap();
        assert_eq!((last.status, last.outcome), (200, outcome), "{target}");
        assert_eq!(last.bytes_out, reply.body.len() as u64);
    }
    assert_eq!(world.used("per_day"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_in_the_middle_pays() {
    let world = World::new().await;
    let key = world.key();
    let mut client = world.client().await;
    client.request("GET", "/act/stream", &[&format!("X-Api-Key: {key}")], "").await;
    world.upstream.seen.parts.0.add_permits(1);
    assert_eq!(client.head().await.status, 200);
    assert_eq!(client.chunk().await.unwrap(), b"hello");
    drop(client);
    world.upstream.seen.parts.0.add_permits(100_000);
    let told = world.told_of(1).await;
    assert_eq!((told[0].outcome, told[0].status), (Outcome::ClientGone, 200));
    assert_eq!(told[0].used, [("requests".to_owned(), 1)]);
    within(world.upstream.seen.gone.notified()).await;
    assert_eq!(world.used("per_day"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_reached_the_upstream_costs_nothing() {
    let mut world = World::new().await;
    let field = format!("X-Api-Key: {}", world.key());
    let (mut first, mut second) = (world.client().await, world.client().await);
    first.request("GET", "/hang", &[&field], "").await;
    within(world.upstream.seen.hanging.notified()).await;
    // The upstream takes one at a time, so this one waits.
    second.request("GET", "/hang", &[&field], "").await;
    within(async {
        while world.used("per_day") < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.shutdown(Span::from_millis(1)).await;
    assert!(first.is_closed().await && second.is_closed().await);
    let mut outcomes: Vec<_> = world.told().iter().map(|told| (told.outcome, told.used.len())).collect();
    outcomes.sort_by_key(|(_, used)| *used);
    assert_eq!(outcomes, [(Outcome::Released, 0), (Outcome::ClientGone, 1)]);
    assert_eq!(world.used("per_day"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_closed_while_idle_is_replaced() {
    let world = World::new().await;
    let key = world.key();
    for _ in 0..20 {
        assert_eq!(world.get("/act/once", &key).await.text(), "once");
    }
    assert!(world.told().iter().all(|told| told.outcome == Outcome::Completed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished_before_the_end() {
    // One core, so that it has heard of the end on both connections once it has closed the idle one.
    let mut world = World::new().await;
    let field = format!("X-Api-Key: {}", world.key());
    let (mut busy, mut idle) = (world.client().await, world.client().await);
    idle.request("GET", "/seen/a", &[&field], "").await;
    assert_eq!(idle.reply().await.status, 200);
    busy.request("GET", "/hang", &[&field], "").await;
    within(world.upstream.seen.hanging.notified()).await;
    let running = world.running.take().unwrap();
    let ending = tokio::task::spawn_blocking(move || running.shutdown(Span::from_secs(20)));
    assert!(idle.is_closed().await);
    world.upstream.seen.go_on.notify_one();
    let reply = busy.reply().await;
    assert_eq!((reply.text().as_str(), reply.field("connection")), ("done", Some("close")));
    within(ending).await.unwrap();
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
    assert_eq!(world.told().len(), 2);
    assert_eq!(world.upstream.seen.requests.load(SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_with_two_framings_goes_on_with_one() {
    let world = World::new().await;
    let reply = world.get("/act/both", &world.key()).await;
    assert_eq!((reply.text().as_str(), reply.whole, reply.field("content-length")), ("hello", true, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_passed_over() {
    let world = World::new().await;
    let key = world.key();
    for _ in 0..6 {
        let reply = world.get("/pair", &key).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.field("x-quota-remaining"), Some("100"), "it is told where it isn't counted too");
    }
    let told = world.told();
    assert!(told.iter().all(|told| told.outcome == Outcome::Completed && told.used.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_coming_in_is_not_waited_for() {
    let settings = Settings { client_idle: Span::from_millis(50), ..Settings::default() };
    let world = World::with(Setup { settings, ..Setup::default() }).await;
    let key = format!("X-Api-Key: {}", world.key());
    let mut client = world.client().await;
    client.send(format!("POST /write HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Length: 10\r\n\r\n12345")).await;
    assert_eq!(client.reply().await.problem(), (408, "request.timeout".to_owned()));
    let mut client = world.client().await;
    client.send("POST /v1/length HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345").await;
    assert_eq!(client.reply().await.status, 400, "the API isn't kept waiting either");
    let told = world.told();
    assert_eq!((told[0].status, told[0].outcome, told[0].bytes_in), (408, Outcome::ClientGone, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_much_that_is_not_wanted_still_learns_why() {
    let world = World::new().await;
    let body = "x".repeat(900_000);
    let (key, length) = (world.key(), body.len());
    let mut client = world.client().await;
    client
        .send(format!(
            "POST /write HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    client.send(&body).await;
    assert_eq!(client.reply().await.problem(), (413, "request.too_large".to_owned()));
    assert_eq!(world.used("per_day"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_http_1_0_are_served() {
    let world = World::new().await;
    let key = world.key();
    let mut client = world.client().await;
    client.send(format!("GET /seen/a HTTP/1.0\r\nHost: a\r\nX-Api-Key: {key}\r\n\r\n")).await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.json()["target"].as_str()), (200, Some("/seen/a")));
    assert!(client.is_closed().await);
}
