//! Which side of the house answers, and how the API is reached.

mod common;

use common::{Setup, World};
use insula_gateway::{Gateway, HostRules};
use insula_kernel::UserId;

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_decide_who_answers() {
    let hosts = HostRules::new(["app.test".to_owned()], Some("base.test".to_owned()));
    let world = World::with(Setup { hosts, ..Setup::default() }).await;
    let key = format!("X-Api-Key: {}", world.key());
    let ask = async |host: &str, target: &str| {
        world.ask("GET", target, &[&format!("Host: {host}"), &key], "").await
    };
    assert_eq!(ask("app.test", "/v1/ping").await.text(), "pong");
    assert_eq!(ask("APP.test:443", "/v1/ping").await.text(), "pong");
    assert_eq!(ask("app.test", "/seen/a").await.problem(), refused(404, "not_found"));
    assert_eq!(ask("acme.base.test", "/seen/a").await.status, 200);
    assert_eq!(ask("Acme.Base.Test:80", "/seen/a").await.status, 200);
    assert_eq!(ask("gateway.base.test", "/seen/a").await.status, 200);
    for path in ["/v1/ping", "/", "/console", "/healthz"] {
        assert_eq!(ask("acme.base.test", path).await.problem(), refused(404, "not_found"), "{path}");
    }
    for host in ["other.base.test", "nobody.base.test", "a.acme.base.test"] {
        assert_eq!(ask(host, "/seen/a").await.problem(), refused(403, "tenant.mismatch"), "{host}");
    }
    // Where hosts are named, Insula answers on those alone.
    assert_eq!(ask("127.0.0.1:7070", "/v1/ping").await.problem(), refused(404, "not_found"));
    assert_eq!(ask("127.0.0.1:7070", "/seen/a").await.status, 200);
    // An absolute target names the host, whatever `Host` says.
    assert_eq!(ask("app.test", "http://acme.base.test/seen/a").await.status, 200);
    assert_eq!(ask("acme.base.test", "http://app.test/v1/ping").await.text(), "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host_of_the_right_form() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    for hosts in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
        "Host: a/b\r\n",
        "Host: \r\n",
        "Host: a:b\r\n",
    ] {
        let mut client = world.client().await;
        client.send(format!("GET /seen/a HTTP/1.1\r\n{hosts}{key}\r\n\r\n")).await;
        assert_eq!(client.reply().await.problem(), refused(400, "request.host"), "{hosts:?}");
    }
    assert_eq!(world.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn framing_that_can_be_read_in_two_ways_never_goes_on() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    for framing in [
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1, 1\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\r\n b\r\n",
    ] {
        let mut client = world.client().await;
        let smuggled = "0\r\n\r\nGET /seen/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{key}\r\n{framing}\r\n{smuggled}")).await;
        let reply = client.try_head().await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{framing:?}: {reply:?}");
    }
    assert_eq!((world.upstream.requests(), world.told().len()), (0, 0));
    // Both length and chunked: the chunks count (RFC 9112, section 6.3), one framing goes on, and the connection ends.
    let mut client = world.client().await;
    let body = "5\r\nhello\r\n0\r\n\r\nGET /seen/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let framing = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{key}\r\n{framing}\r\n{body}")).await;
    assert_eq!(client.reply().await.text(), "hello");
    assert!(client.is_closed().await);
    assert_eq!(world.upstream.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_are_refused_clearly() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    let reply = world.ask("GET", "/seen/a", &[&key, "Connection: Upgrade", "Upgrade: websocket"], "").await;
    assert_eq!(reply.problem(), refused(400, "request.upgrade_unsupported"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_too_slow_is_not_waited_for() {
    let settings = insula_gateway::Settings {
        max_head: 8 << 10,
        head_timeout: insula_kernel::Span::from_millis(100),
        ..insula_gateway::Settings::default()
    };
    let world = World::with(Setup { settings, ..Setup::default() }).await;
    let reply = world.ask("GET", "/seen/a", &[&format!("X: {}", "x".repeat(20 << 10))], "").await;
    assert_eq!(reply.status, 431);
    let mut slow = world.client().await;
    slow.send("GET /seen/a HTTP/1.1\r\nHost:").await;
    assert!(slow.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_knows_its_caller() {
    let world = World::new().await;
    let (user, _, token) = world.member(world.acme, "owner");
    let bearer = format!("Authorization: Bearer {token}");
    let ask = async |target: &str, field: &str| world.ask("GET", target, &[field], "").await;
    assert_eq!(ask("/v1/me", &bearer).await.text(), user.to_string());
    assert_eq!(ask("/v1/me", "X: y").await.problem(), refused(401, "access.unauthenticated"));
    assert_eq!(
        ask("/v1/ping", "Authorization: Bearer x").await.problem(),
        refused(401, "access.token_invalid")
    );
    assert_eq!(ask("/v1/orgs/acme", &bearer).await.status, 200);
    let reply = ask("/v1/info", &bearer).await;
    assert_eq!(reply.text(), format!("{} 127.0.0.1", reply.field("x-request-id").unwrap()));

    // Another organization looks like one that isn't there, to members of it too.
    let (_, of_nobody) = world.token(user, None);
    world.identities.put_member(world.other, user, "owner");
    let details: Vec<_> = [("/v1/orgs/other", &bearer), ("/v1/orgs/nobody", &bearer)]
        .map(|(target, bearer)| (target, bearer.clone()))
        .into_iter()
        .chain([("/v1/orgs/acme", format!("Authorization: Bearer {of_nobody}"))])
        .collect();
    for (target, bearer) in details {
        let reply = ask(target, &bearer).await;
        assert_eq!(reply.problem(), refused(404, "not_found"), "{target}");
        assert_eq!(reply.json()["detail"], "There is no such organization, or you may not see it.");
    }
    world.identities.remove_member(world.acme, user);
    assert_eq!(ask("/v1/orgs/acme", &bearer).await.problem(), refused(404, "not_found"));
    let (_, key) = world.key_with(world.acme, &["things:read"], |_| ());
    assert_eq!(world.get("/v1/orgs/acme", &key).await.problem(), refused(403, "access.denied"));
    assert_eq!(world.get("/v1/me", &key).await.problem(), refused(403, "access.people_only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_are_operators_until_they_are_not() {
    let world = World::new().await;
    let user = UserId::generate(&world.env);
    let (_, token) = world.token(user, None);
    let ask = async || {
        world.ask("GET", "/v1/operator/orgs", &[&format!("Authorization: Bearer {token}")], "").await
    };
    assert_eq!(ask().await.problem(), refused(403, "access.denied"));
    world.identities.put_operator(user);
    assert_eq!(ask().await.status, 200);
    world.identities.remove_operator(user);
    assert_eq!(ask().await.problem(), refused(403, "access.denied"));
    assert_eq!(world.get("/v1/operator/orgs", &world.key()).await.problem(), refused(403, "access.denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_api_are_problems() {
    let world = World::new().await;
    let key = world.key();
    let invalid = world.get("/v1/fails", &key).await;
    assert_eq!(invalid.problem(), refused(422, "request.invalid"));
    assert_eq!(invalid.json()["errors"][0]["pointer"], "/name");
    assert_eq!(world.get("/v1/panics", &key).await.problem(), refused(500, "internal"));
    assert_eq!(world.get("/v1/nothing", &key).await.problem(), refused(404, "not_found"));
    let wrong = world.ask("POST", "/v1/ping", &[], "").await;
    assert_eq!(wrong.problem(), refused(405, "request.method_not_allowed"));
    assert_eq!(wrong.field("allow"), Some("GET,HEAD"));
    let body = "x".repeat(300_000);
    assert_eq!(world.ask("POST", "/v1/length", &[], &body).await.text(), "300000");
    let head = world.ask("HEAD", "/v1/ping", &[], "").await;
    assert_eq!((head.status, head.field("content-length")), (200, Some("4")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_one_clear_error() {
    let world = World::new().await;
    let error = Gateway::bind(world.address).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
