//! Whoever isn't let through learns why, and nothing is consumed.

mod common;

use common::{Setup, World, entitlement};
use insula_identity::{KeyToken, LiveKey};
use insula_kernel::{Clock as _, Span, UserId};
use insula_tenancy::Status;

/// Asserts that nothing came of the requests before.
fn nothing_came_of_it(world: &World) {
    assert_eq!(world.told(), []);
    assert_eq!(world.upstream.requests(), 0);
    assert_eq!((world.used("per_day"), world.used("heavy_per_hour")), (0, 0));
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_credential_nobody_passes() {
    let world = World::new().await;
    let (live, key) = world.key_with(world.acme, &["things:read"], |_| ());
    let ask = async |fields: &[&str]| world.ask("GET", "/seen/a", fields, "").await;

    let nobody = ask(&[]).await;
    assert_eq!(nobody.problem(), refused(401, "access.unauthenticated"));
    assert_eq!(nobody.field("www-authenticate"), Some("Bearer"));
    let basic = ask(&["Authorization: Basic eDp5"]).await;
    assert_eq!(basic.problem(), refused(401, "access.unauthenticated"));

    // Mistyped, unknown and revoked keys can't be told apart.
    let mistyped = format!("{}x", &key[..key.len() - 1]);
    let stranger = KeyToken::generate(&world.env, live.environment).reveal(key.split('_').next().unwrap());
    for wrong in [mistyped.as_str(), stranger.expose(), "nonsense"] {
        let reply = ask(&[&format!("X-Api-Key: {wrong}")]).await;
        assert_eq!(reply.problem(), refused(401, "access.key_invalid"), "{wrong}");
        assert_eq!(reply.json()["detail"], "The API key is not valid.");
    }
    let (x, b) = (format!("X-Api-Key: {key}"), bearer(&world.key()));
    assert_eq!(ask(&[&x, &b]).await.problem(), refused(400, "access.credentials_conflict"));
    assert_eq!(ask(&[&b, &bearer("x")]).await.problem(), refused(400, "access.credentials_conflict"));

    let expired = |key: &mut LiveKey| key.expires_at = Some(world.clock.now());
    let (_, expired) = world.key_with(world.acme, &["things:read"], expired);
    assert_eq!(world.get("/seen/a", &expired).await.problem(), refused(401, "access.key_expired"));
    let elsewhere = |key: &mut LiveKey| key.networks = Box::new(["203.0.113.0/24".parse().unwrap()]);
    let (_, elsewhere) = world.key_with(world.acme, &["things:read"], elsewhere);
    assert_eq!(world.get("/seen/a", &elsewhere).await.problem(), refused(403, "access.network"));

    world.identities.remove_key(live.id);
    assert_eq!(ask(&[&x]).await.problem(), refused(401, "access.key_invalid"));
    nothing_came_of_it(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_session_its_time_and_its_organization() {
    let world = World::new().await;
    let (user, session, token) = world.member(world.acme, "owner");
    let ask = async |token: &str| world.ask("GET", "/seen/a", &[&bearer(token)], "").await;
    assert_eq!(ask(&token).await.status, 200);
    assert_eq!(ask("a.b.c").await.problem(), refused(401, "access.token_invalid"));

    let (_, of_nobody) = world.token(user, None);
    assert_eq!(ask(&of_nobody).await.problem(), refused(403, "tenant.missing"));
    let (_, of_other) = world.token(user, Some(world.other));
    assert_eq!(ask(&of_other).await.problem(), refused(403, "tenant.mismatch"));

    // A token that was verified before is remembered, and yet its end is seen.
    world.clock.advance(Span::from_secs(600));
    assert_eq!(ask(&token).await.problem(), refused(401, "access.token_expired"));
    let (session_now, token) = world.token(user, Some(world.acme));
    assert_eq!(ask(&token).await.status, 200);
    world.identities.end_session(session_now);
    assert_eq!(ask(&token).await.problem(), refused(401, "session.ended"));
    assert!(!world.identities.has_ended(session));

    let (_, token) = world.token(user, Some(world.acme));
    assert_eq!(ask(&token).await.status, 200);
    world.identities.put_member(world.acme, user, "nothing");
    assert_eq!(ask(&token).await.problem(), refused(403, "access.denied"));
    world.identities.remove_member(world.acme, user);
    assert_eq!(ask(&token).await.problem(), refused(403, "tenant.mismatch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_contradicts_the_credential_is_refused() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    let ask = async |field: &str| world.ask("GET", "/seen/a", &[&key, field], "").await;
    for claim in [world.other.to_string().as_str(), "other", "nowhere", "", "org_x"] {
        let reply = ask(&format!("X-Org-Id: {claim}")).await;
        assert_eq!(reply.problem(), refused(403, "tenant.mismatch"), "{claim:?}");
    }
    let user = UserId::generate(&world.env);
    assert_eq!(ask(&format!("X-User-Id: {user}")).await.problem(), refused(403, "tenant.mismatch"));
    nothing_came_of_it(&world);
    for claim in [world.acme.to_string().as_str(), "acme"] {
        assert_eq!(ask(&format!("X-Org-Id: {claim}")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_is_missing_is_named() {
    let world = World::new().await;
    let (_, key) = world.key_with(world.acme, &["things:read"], |_| ());
    let reply = world.ask("POST", "/write", &[&format!("X-Api-Key: {key}")], "x").await;
    assert_eq!(reply.problem(), refused(403, "access.denied"));
    assert!(reply.json()["detail"].as_str().unwrap().contains("`things:write`"));
    nothing_came_of_it(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_suspended_serves_nothing_from_the_next_request_on() {
    let world = World::new().await;
    let (key, (_, _, token)) = (world.key(), world.member(world.acme, "owner"));
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    world.organizations.change(world.acme, |organization| organization.status = Status::Suspended);
    assert_eq!(world.get("/seen/a", &key).await.problem(), refused(403, "organization.suspended"));
    let by_person = world.ask("GET", "/seen/a", &[&bearer(&token)], "").await;
    assert_eq!(by_person.problem(), refused(403, "organization.suspended"));

    let target = format!("/v1/orgs/{}", world.acme);
    assert_eq!(world.ask("GET", &target, &[&bearer(&token)], "").await.status, 200);
    assert_eq!(world.get(&target, &key).await.problem(), refused(403, "organization.suspended"));
    world.organizations.change(world.acme, |organization| organization.status = Status::Deactivated);
    let closed = world.ask("GET", &target, &[&bearer(&token)], "").await;
    assert_eq!(closed.problem(), refused(404, "not_found"));
    assert_eq!(world.told().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_the_plans_or_the_keys_own() {
    let bounds = vec![("per_day", 100), ("per_second", 2)];
    let world = World::with(Setup { bounds, ..Setup::default() }).await;
    let key = world.key();
    for _ in 0..2 {
        assert_eq!(world.get("/seen/a", &key).await.status, 200);
    }
    let refusal = world.get("/seen/a", &key).await;
    assert_eq!(refusal.problem(), refused(429, "rate.limited"));
    assert_eq!(refusal.field("retry-after"), Some("1"));
    assert_eq!(refusal.field("ratelimit-policy"), Some(r#""per_second";q=2;w=1"#));
    assert_eq!(refusal.field("ratelimit"), Some(r#""per_second";r=0;t=1"#));
    assert_eq!(refusal.field("x-org-id"), Some(world.acme.to_string().as_str()));
    assert_eq!((world.told().len(), world.used("per_day")), (2, 2));
    // The API counts against the same rate; another key has its own.
    assert_eq!(world.get("/v1/ping", &key).await.problem(), refused(429, "rate.limited"));
    let own = world.key_at(1, 5);
    for _ in 0..5 {
        assert_eq!(world.get("/seen/a", &own).await.status, 200);
    }
    assert_eq!(world.get("/seen/a", &own).await.problem(), refused(429, "rate.limited"));
    world.clock.advance(Span::from_secs(1));
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    assert_eq!(world.get("/seen/a", &own).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_refuses_what_does_not_fit_and_gives_back_what_others_took() {
    let world = World::new().await;
    let key = world.key();
    let first = world.get("/heavy", &key).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.field("ratelimit-policy"), Some(r#""heavy_per_hour";q=4;w=3600"#));
    assert_eq!(first.field("x-quota-remaining"), Some("99"));
    // Three more don't fit into four; the request that was counted first is given back.
    let refusal = world.get("/heavy", &key).await;
    assert_eq!(refusal.problem(), refused(429, "quota.exhausted"));
    assert_eq!(refusal.field("ratelimit"), Some(r#""heavy_per_hour";r=1;t=2800"#));
    assert_eq!(refusal.field("retry-after"), Some("2800"));
    assert_eq!((world.used("per_day"), world.used("heavy_per_hour")), (1, 3));
    assert_eq!(world.told().len(), 1);
    let used = [("requests".to_owned(), 1), ("heavy".to_owned(), 3)];
    assert_eq!(world.told()[0].used, used);
    world.clock.advance(Span::from_secs(2_800));
    assert_eq!(world.get("/heavy", &key).await.status, 200);
    assert_eq!((world.used("per_day"), world.used("heavy_per_hour")), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_holds_from_the_next_request_on() {
    let world = World::new().await;
    let key = world.key();
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    world.gate.put_entitlement(world.acme, |blueprint| entitlement(blueprint, &[("per_day", 1)]));
    let refusal = world.get("/seen/a", &key).await;
    assert_eq!(refusal.problem(), refused(429, "quota.exhausted"));
    assert_eq!(refusal.field("x-quota-remaining"), Some("0"));
    world.gate.put_entitlement(world.acme, |blueprint| entitlement(blueprint, &[("per_day", 2)]));
    assert_eq!(world.get("/seen/a", &key).await.status, 200);
    let (_, of_other) = world.key_with(world.other, &["things:read"], |_| ());
    assert_eq!(world.get("/seen/a", &of_other).await.field("x-quota-remaining"), Some("99"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_before_it_comes() {
    let world = World::new().await;
    let key = format!("X-Api-Key: {}", world.key());
    let mut client = world.client().await;
    client.send(format!("POST /write HTTP/1.1\r\nHost: a\r\n{key}\r\nContent-Length: 1001\r\n\r\n")).await;
    let reply = client.reply().await;
    assert_eq!(reply.problem(), refused(413, "request.too_large"));
    nothing_came_of_it(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_without_a_route() {
    let world = World::new().await;
    let key = world.key();
    for path in ["/nothing", "/seen2/x", "/V1/ping"] {
        assert_eq!(world.get(path, &key).await.problem(), refused(404, "not_found"), "{path}");
    }
    for path in [
        "//seen/a",
        "/seen/../write",
        "/seen/%2e%2e/x",
        "/seen/a;b",
        "/seen//a",
        "/%73een/a",
        "//v1/ping",
        "/seen/a%00",
    ] {
        assert_eq!(world.get(path, &key).await.problem(), refused(400, "request.path"), "{path}");
    }
    let reply = world.ask("DELETE", "/write", &[&format!("X-Api-Key: {key}")], "").await;
    assert_eq!(reply.problem(), refused(405, "request.method_not_allowed"));
    assert_eq!(reply.field("allow"), Some("POST"));
    let connect = world.ask("TRACE", "/write", &[&format!("X-Api-Key: {key}")], "").await;
    assert_eq!(connect.status, 405);
    nothing_came_of_it(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_the_next_request_of_the_same_connection() {
    let world = World::new().await;
    let (live, key) = world.key_with(world.acme, &["things:read"], |_| ());
    let mut client = world.client().await;
    let field = format!("X-Api-Key: {key}");
    client.request("GET", "/seen/a", &[&field], "").await;
    assert_eq!(client.reply().await.status, 200);
    world.identities.remove_key(live.id);
    client.request("GET", "/seen/a", &[&field], "").await;
    assert_eq!(client.reply().await.problem(), refused(401, "access.key_invalid"));
    client.request("GET", "/seen/a", &[&format!("X-Api-Key: {}", world.key())], "").await;
    assert_eq!(client.reply().await.status, 200, "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_lets_the_connection_go_on_or_says_that_it_ends() {
    let world = World::new().await;
    let head = |length: usize| {
        format!("POST /seen/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n")
    };
    // The body comes after the head, in a packet of its own.
    let mut client = world.client().await;
    for _ in 0..20 {
        client.send(head(5)).await;
        tokio::task::yield_now().await;
        client.send("hello").await;
        let reply = client.reply().await;
        assert_eq!(reply.problem(), refused(405, "request.method_not_allowed"));
        assert_eq!(reply.field("connection"), None);
    }
    // What is too long to be read off isn't waited for.
    client.send(head(1 << 20)).await;
    let reply = client.reply().await;
    assert_eq!(reply.problem(), refused(405, "request.method_not_allowed"));
    assert_eq!(reply.field("connection"), Some("close"));
    assert!(client.is_closed().await);
    nothing_came_of_it(&world);
}
