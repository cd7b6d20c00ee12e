//! The people of an organization: invited, joining, changed and leaving.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_kernel::{Env, ManualClock, Span, SystemRng};
use insula_testkit::{TestStore, on_both_engines};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use support::{OPERATOR, Organization, PASSWORD, World, blueprint, token_of};
use tokio::task::JoinSet;

/// An installation whose time goes on only when a test lets it.
async fn world_in_time(store: TestStore) -> (World, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at("2026-03-10T09:00:00Z".parse().unwrap()));
    let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng) };
    (World::in_time(store, blueprint, env).await, clock)
}

fn invitation(email: &str, role: &str) -> Json {
    json!({ "email": email, "role": role })
}

fn acceptance(token: &str) -> Json {
    json!({ "token": token, "password": PASSWORD, "display_name": "Guest", "client": "native" })
}

async fn member_with(
    world: &World,
    organization: &Organization,
    role: &str,
    email: &str,
) -> (String, String) {
    let reply = world.member(organization, role, email).await;
    (reply["user"]["id"].as_str().unwrap().to_owned(), reply["access_token"].as_str().unwrap().to_owned())
}

on_both_engines! {
    async fn who_is_invited_joins_once_with_an_account_of_their_own(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let team = world.team(&acme, "Buyers").await;
        let body = json!({ "email": "Ada@Example.test", "role": "member", "teams": [team] });
        let sent = world.post(&acme.path("/invitations"), &acme.token, &body).await.expect(201);
        assert_eq!(sent["invitation"]["status"], "pending");
        assert!(sent["link"].as_str().unwrap().starts_with("http://insula.test/console/invitation#token="));
        let token = token_of(&sent);
        let look = world.post("/v1/invitations/look", "", &json!({ "token": token })).await.expect(200);
        assert_eq!(look["organization"], json!({ "name": "The acme", "slug": "acme" }));
        assert_eq!((&look["email"], &look["role"], &look["creates_account"], &look["invited_by"]),
            (&json!("Ada@Example.test"), &json!("member"), &json!(true), &json!("Owner")));

        let without = json!({ "token": token, "password": PASSWORD });
        let wrong = world.post("/v1/invitations/accept", "", &without).await.problem(422, "request.invalid");
        assert_eq!(wrong["errors"][0]["pointer"], "/display_name");
        let joined = world.post("/v1/invitations/accept", "", &acceptance(&token)).await.expect(200);
        assert_eq!(joined["organization"]["slug"], "acme");
        assert_eq!(joined["organizations"].as_array().unwrap().len(), 1);
        assert!(joined["refresh_token"].is_string());
        let member = joined["access_token"].as_str().unwrap();
        assert_eq!(world.get("/things", member).await.expect(200)["org"], acme.id);
        let user = joined["user"]["id"].as_str().unwrap();
        let listed = world.get(&acme.path("/members"), &acme.token).await.expect(200);
        let listed = listed["items"].as_array().unwrap().iter().find(|one| one["user"]["id"] == user).unwrap().clone();
        assert_eq!((&listed["role"], &listed["status"], &listed["invited_by"]),
            (&json!("member"), &json!("active"), &json!(world.owner(&acme).await)));
        let in_team = world.get(&acme.path(&format!("/teams/{team}/members")), &acme.token).await.expect(200);
        assert_eq!(in_team["items"][0]["user"], user);

        world.post("/v1/invitations/accept", "", &acceptance(&token)).await.problem(409, "invitation.accepted");
        world.post("/v1/invitations/look", "", &json!({ "token": token })).await.problem(409, "invitation.accepted");
        let again = world.post(&acme.path("/invitations"), &acme.token, &invitation("ada@example.TEST", "member")).await;
        again.problem(409, "member.exists");
        for (action, times) in [("invitation.created", 1), ("member.joined", 1)] {
            assert_eq!(world.audited(action).await, times, "{action}");
        }
    }

    async fn an_account_that_there_is_joins_by_its_password_or_signed_in(store) {
        let world = World::new(store).await;
        let (acme, other, third) =
            (world.organization("acme").await, world.organization("other").await, world.organization("third").await);
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation("owner@other.test", "viewer")).await;
        let unknown = world.post(&acme.path("/invitations"), &acme.token, &invitation("nobody@other.test", "viewer")).await;
        let shape = |reply: &support::Reply| {
            let body = reply.expect(201);
            (body.as_object().unwrap().keys().cloned().collect::<Vec<_>>(), body["invitation"]["status"].clone())
        };
        assert_eq!(shape(&sent), shape(&unknown));
        let token = token_of(&sent.json());
        let look = world.post("/v1/invitations/look", "", &json!({ "token": token })).await.expect(200);
        assert_eq!(look["creates_account"], false);
        world.post("/v1/invitations/accept", "", &json!({ "token": token })).await.problem(422, "request.invalid");
        let mut wrong = acceptance(&token);
        wrong["password"] = json!("not this one at all");
        world.post("/v1/invitations/accept", "", &wrong).await.problem(401, "identity.credentials_wrong");
        // Signed in as someone else: the invitation isn't theirs.
        let stranger = world.post("/v1/invitations/accept", &third.token, &json!({ "token": token })).await;
        stranger.problem(403, "invitation.other_address");
        let joined = world.post("/v1/invitations/accept", "", &acceptance(&token)).await.expect(200);
        assert_eq!(joined["organizations"].as_array().unwrap().len(), 2);
        assert_eq!(joined["user"]["display_name"], "Owner");

        let sent = world.post(&third.path("/invitations"), &third.token, &invitation("owner@other.test", "viewer")).await;
        let body = json!({ "token": token_of(&sent.expect(201)) });
        let joined = world.post("/v1/invitations/accept", &other.token, &body).await.expect(200);
        assert_eq!(joined["organization"]["slug"], "third");
        assert!(joined["refresh_token"].is_null());
        let token = joined["access_token"].as_str().unwrap();
        world.get(&third.path("/members"), token).await.expect(200);
        world.get(&other.path("/members"), &other.token).await.expect(200);
    }

    async fn a_link_that_was_replaced_taken_back_or_expired_is_refused(store) {
        let (world, clock) = world_in_time(store).await;
        let acme = world.organization("acme").await;
        let invite = async |email: &str| {
            let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation(email, "member")).await;
            let sent = sent.expect(201);
            (sent["invitation"]["id"].as_str().unwrap().to_owned(), token_of(&sent))
        };
        let accept = async |token: &str| world.post("/v1/invitations/accept", "", &acceptance(token)).await;
        let (id, first) = invite("ada@example.test").await;
        let twice = world.post(&acme.path("/invitations"), &acme.token, &invitation("ada@example.test", "viewer")).await;
        twice.problem(409, "invitation.open");
        let resend = acme.path(&format!("/invitations/{id}/resend"));
        let second = token_of(&world.post(&resend, &acme.token, &Json::Null).await.expect(200));
        accept(&first).await.problem(404, "invitation.invalid");
        let mut touched = second.clone();
        let last = if touched.pop() == Some('0') { '4' } else { '0' };
        touched.push(last);
        for garbage in ["", "it_", "it_00", &touched] {
            accept(garbage).await.problem(404, "invitation.invalid");
        }

        clock.advance(Span::from_days(7));
        // People sign in anew after a week.
        let owner = world.fresh(&acme).await;
        accept(&second).await.problem(409, "invitation.expired");
        let listed = world.get(&acme.path("/invitations"), &owner).await.expect(200);
        assert_eq!(listed["items"][0]["status"], "expired");
        let third = token_of(&world.post(&resend, &owner, &Json::Null).await.expect(200));
        accept(&third).await.expect(200);

        let sent = world.post(&acme.path("/invitations"), &owner, &invitation("bob@example.test", "member")).await;
        let sent = sent.expect(201);
        let path = acme.path(&format!("/invitations/{}", sent["invitation"]["id"].as_str().unwrap()));
        world.api("DELETE", &path, &owner, &Json::Null).await.expect(204);
        accept(&token_of(&sent)).await.problem(409, "invitation.canceled");
        world.api("DELETE", &path, &owner, &Json::Null).await.problem(404, "not_found");
        world.post(&format!("{path}/resend"), &owner, &Json::Null).await.problem(404, "not_found");
        assert_eq!(world.get(&acme.path("/invitations"), &owner).await.expect(200)["items"], json!([]));
        for (action, times) in [("invitation.resent", 2), ("invitation.canceled", 1)] {
            assert_eq!(world.audited(action).await, times, "{action}");
        }
    }

    async fn one_link_makes_one_member_however_many_use_it(store) {
        let world = Arc::new(World::new(store).await);
        let acme = world.organization("acme").await;
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation("ada@example.test", "member")).await;
        let body = acceptance(&token_of(&sent.expect(201)));
        let mut all = JoinSet::new();
        for _ in 0..8 {
            let (world, body) = (world.clone(), body.clone());
            all.spawn(async move { world.post("/v1/invitations/accept", "", &body).await.status.as_u16() });
        }
        let answers = all.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|status| [200, 404, 409].contains(status)), "{answers:?}");
        let members = world.get(&acme.path("/members"), &acme.token).await.expect(200);
        assert_eq!(members["items"].as_array().unwrap().len(), 2);
        assert_eq!(world.audited("member.joined").await, 1);
    }

    async fn the_plan_bounds_members_and_invitations_together_exactly(store) {
        let world = Arc::new(World::new(store).await);
        let acme = world.organization("acme").await;
        let mut all = JoinSet::new();
        for number in 0..24 {
            let (world, acme) = (world.clone(), acme.clone());
            all.spawn(async move {
                let body = invitation(&format!("guest{number}@example.test"), "member");
                let reply = world.post(&acme.path("/invitations"), &acme.token, &body).await;
                if reply.status != 201 {
                    reply.problem(402, "plan.limit_reached");
                }
                reply
            });
        }
        let sent: Vec<Json> = all.join_all().await.iter().filter(|reply| reply.status == 201).map(support::Reply::json).collect();
        // Five, of whom the owner is one.
        assert_eq!(sent.len(), 4);
        let members = async || {
            let limits = world.get(&acme.path("/limits"), &acme.token).await.expect(200);
            limits["items"].as_array().unwrap().iter().find(|limit| limit["key"] == "members").unwrap()["used"].clone()
        };
        assert_eq!(members().await, 5);
        // Who joins has their place already; who isn't invited any more leaves theirs to another.
        let mut open = sent.iter();
        world.post("/v1/invitations/accept", "", &acceptance(&token_of(open.next().unwrap()))).await.expect(200);
        assert_eq!(members().await, 5);
        let late = invitation("late@example.test", "member");
        world.post(&acme.path("/invitations"), &acme.token, &late).await.problem(402, "plan.limit_reached");
        let id = open.next().unwrap()["invitation"]["id"].as_str().unwrap();
        world.api("DELETE", &acme.path(&format!("/invitations/{id}")), &acme.token, &Json::Null).await.expect(204);
        world.post(&acme.path("/invitations"), &acme.token, &late).await.expect(201);
        assert_eq!(members().await, 5);
    }

    async fn a_viewer_reads_and_changes_nothing(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (_, viewer) = member_with(&world, &acme, "viewer", "eve@example.test").await;
        for readable in ["/members", "/invitations", "/roles", "/projects", "/teams", "/api-keys", "/limits"] {
            world.get(&acme.path(readable), &viewer).await.expect(200);
        }
        world.get("/things", &viewer).await.expect(200);
        world.post("/things", &viewer, &json!({})).await.problem(403, "access.denied");
        let owner = world.owner(&acme).await;
        let refused = [
            ("POST", "/invitations".to_owned(), invitation("bob@example.test", "viewer")),
            ("PATCH", format!("/members/{owner}"), json!({ "role": "viewer" })),
            ("DELETE", format!("/members/{owner}"), Json::Null),
            ("POST", "/projects".to_owned(), json!({ "name": "X" })),
            ("POST", "/teams".to_owned(), json!({ "name": "X" })),
            ("POST", "/api-keys".to_owned(), json!({ "name": "X", "environment": "development", "scopes": ["things:read"] })),
            ("PATCH", String::new(), json!({ "name": "X" })),
        ];
        for (method, path, body) in refused {
            world.api(method, &acme.path(&path), &viewer, &body).await.problem(403, "access.denied");
        }
    }

    async fn a_role_that_was_taken_counts_no_more_at_the_next_request(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (user, token) = member_with(&world, &acme, "admin", "ada@example.test").await;
        let path = acme.path(&format!("/members/{user}"));
        world.post(&acme.path("/projects"), &token, &json!({ "name": "One" })).await.expect(201);
        let changed = world.api("PATCH", &path, &acme.token, &json!({ "role": "viewer" })).await.expect(200);
        assert_eq!(changed["role"], "viewer");
        world.post(&acme.path("/projects"), &token, &json!({ "name": "Two" })).await.problem(403, "access.denied");
        world.post("/things", &token, &json!({})).await.problem(403, "access.denied");
        world.api("PATCH", &path, &acme.token, &json!({ "role": "king" })).await.problem(422, "request.invalid");
        world.api("PATCH", &path, &acme.token, &json!({ "role": "member" })).await.expect(200);
        world.post("/things", &token, &json!({})).await.expect(200);
        assert_eq!(world.audited("member.role_changed").await, 2);
    }

    async fn who_was_removed_is_refused_at_the_next_request_and_leaves_their_keys(store) {
        let mut world = World::new(store).await;
        let acme = world.organization("acme").await;
        let team = world.team(&acme, "Buyers").await;
        let reply = world.member(&acme, "admin", "ada@example.test").await;
        let (user, token) = (reply["user"]["id"].as_str().unwrap().to_owned(), reply["access_token"].as_str().unwrap().to_owned());
        let body = json!({ "role": "lead" });
        world.api("PUT", &acme.path(&format!("/teams/{team}/members/{user}")), &acme.token, &body).await.expect(200);
        let key = json!({ "name": "Theirs", "environment": "development", "scopes": ["things:read"] });
        let key = world.post(&acme.path("/api-keys"), &token, &key).await.expect(201);
        let path = acme.path(&format!("/members/{user}"));
        world.api("DELETE", &path, &acme.token, &Json::Null).await.expect(204);
        world.get(&acme.path("/members"), &token).await.problem(404, "not_found");
        let refused = world.get("/things", &token).await;
        assert!(matches!(refused.status.as_u16(), 401 | 403 | 404), "{refused:?}");
        let refresh = json!({ "client": "native", "refresh_token": reply["refresh_token"], "organization": "acme" });
        world.post("/v1/token/refresh", "", &refresh).await.problem(404, "not_found");
        let members = world.get(&acme.path(&format!("/teams/{team}/members")), &acme.token).await.expect(200);
        assert_eq!(members["items"], json!([]));
        world.api("DELETE", &path, &acme.token, &Json::Null).await.problem(404, "not_found");
        world.get("/things", key["secret"].as_str().unwrap()).await.expect(200);
        assert_eq!(world.audited("member.removed").await, 1);

        world.restart().await;
        world.get(&acme.path("/members"), &token).await.problem(404, "not_found");
        // They may be invited anew.
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation("ada@example.test", "viewer")).await;
        world.post("/v1/invitations/accept", "", &acceptance(&token_of(&sent.expect(201)))).await.expect(200);
    }

    async fn an_organization_keeps_an_owner(store) {
        let world = Arc::new(World::new(store).await);
        let acme = world.organization("acme").await;
        let owner = acme.path(&format!("/members/{}", world.owner(&acme).await));
        world.api("DELETE", &owner, &acme.token, &Json::Null).await.problem(409, "member.last_owner");
        let down = json!({ "role": "admin" });
        world.api("PATCH", &owner, &acme.token, &down).await.problem(409, "member.last_owner");
        let (second, token) = member_with(&world, &acme, "owner", "ada@example.test").await;
        // Both want to go at once: one stays.
        let mut all = JoinSet::new();
        for (path, token) in [(owner.clone(), acme.token.clone()), (acme.path(&format!("/members/{second}")), token.clone())] {
            let world = world.clone();
            all.spawn(async move { world.api("DELETE", &path, &token, &Json::Null).await.status.as_u16() });
        }
        let mut answers = all.join_all().await;
        answers.sort_unstable();
        assert_eq!(answers, [204, 409]);
        assert_eq!(world.audited("member.left").await, 1);
    }

    async fn one_may_leave_without_being_allowed_to_remove_others(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (user, token) = member_with(&world, &acme, "member", "ada@example.test").await;
        let owner = acme.path(&format!("/members/{}", world.owner(&acme).await));
        world.api("DELETE", &owner, &token, &Json::Null).await.problem(403, "access.denied");
        world.api("DELETE", &acme.path(&format!("/members/{user}")), &token, &Json::Null).await.expect(204);
        world.get(&acme.path("/members"), &token).await.problem(404, "not_found");
        assert_eq!(world.get("/v1/me/organizations", &token).await.expect(200)["items"], json!([]));
    }

    async fn nobody_gives_or_takes_more_than_they_may_do_themselves(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let (admin, token) = member_with(&world, &acme, "admin", "ada@example.test").await;
        let invite = async |role: &str| world.post(&acme.path("/invitations"), &token, &invitation("new@example.test", role)).await;
        invite("owner").await.problem(403, "access.beyond_own");
        invite("king").await.problem(422, "request.invalid");
        let itself = acme.path(&format!("/members/{admin}"));
        world.api("PATCH", &itself, &token, &json!({ "role": "owner" })).await.problem(403, "access.beyond_own");
        let owner = acme.path(&format!("/members/{}", world.owner(&acme).await));
        world.api("PATCH", &owner, &token, &json!({ "role": "viewer" })).await.problem(403, "access.above_own");
        world.api("DELETE", &owner, &token, &Json::Null).await.problem(403, "access.above_own");
        // Nor by the link of an invitation that others made.
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation("boss@example.test", "owner")).await;
        let path = acme.path(&format!("/invitations/{}", sent.expect(201)["invitation"]["id"].as_str().unwrap()));
        world.post(&format!("{path}/resend"), &token, &Json::Null).await.problem(403, "access.beyond_own");
        world.api("DELETE", &path, &token, &Json::Null).await.problem(403, "access.above_own");
        // A key gives no more than its scopes.
        let (_, key) = world.key(&acme, &["members:manage", "org:read"]).await;
        let by_key = world.post(&acme.path("/invitations"), &key, &invitation("new@example.test", "admin")).await;
        by_key.problem(403, "access.beyond_own");

        let roles = world.get(&acme.path("/roles"), &token).await.expect(200);
        let grantable: Vec<_> = roles["items"].as_array().unwrap().iter()
            .map(|role| (role["name"].as_str().unwrap(), role["grantable"].as_bool().unwrap())).collect();
        assert_eq!(grantable, [("owner", false), ("admin", true), ("member", true), ("viewer", true)]);
        invite("admin").await.expect(201);
    }

    async fn a_suspended_organization_can_not_be_joined(store) {
        let world = World::new(store).await;
        let acme = world.organization("acme").await;
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation("ada@example.test", "member")).await;
        let body = acceptance(&token_of(&sent.expect(201)));
        let (operator, reason) = (world.operator().await, json!({ "reason": "X" }));
        world.post("/v1/operator/orgs/acme/suspend", &operator, &reason).await.expect(200);
        world.post("/v1/invitations/accept", "", &body).await.problem(403, "organization.suspended");
        world.post("/v1/operator/orgs/acme/reactivate", &operator, &reason).await.expect(200);
        world.post("/v1/invitations/accept", "", &body).await.expect(200);
        // One of the operator's staff is a member like any other.
        let sent = world.post(&acme.path("/invitations"), &acme.token, &invitation(OPERATOR, "viewer")).await;
        let joined = world.post("/v1/invitations/accept", "", &acceptance(&token_of(&sent.expect(201)))).await.expect(200);
        let token = joined["access_token"].as_str().unwrap();
        world.get(&acme.path("/members"), token).await.expect(200);
        world.get("/v1/operator/orgs", token).await.expect(200);
    }
}
