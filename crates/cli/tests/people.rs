//! Organizations, their people and emergencies, from the command line.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "each test uses what it needs")]
mod support;

use insula_testkit::Kind;
use serde_json::{Value as Json, json};
use support::{PASSWORD, World};

const OWNER: &[&str] = &["--org", "acme", "--email", "owner@acme.test", "--password", PASSWORD];

/// What a command prints with `--json`, if it ends well.
fn said(world: &World, arguments: &[&str]) -> Json {
    let output = world.run(&[arguments, &["--json"]].concat());
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// What a command that fails says about it.
fn refused(world: &World, arguments: &[&str]) -> String {
    let output = world.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_operator_makes_shows_stops_and_closes_organizations() {
    let world = World::new(Kind::Sqlite);
    let create = ["org", "create", "Beta", "--slug", "beta", "--owner", "ada@beta.test", "--plan", "paid"];
    let made = said(&world, &create);
    let token = made["link"].as_str().unwrap().split_once("#token=").unwrap().1;
    let body = json!({ "token": token, "password": PASSWORD, "display_name": "Ada", "client": "native" });
    let joined = world.client().post("/v1/invitations/accept", "", &body).expect(200);
    assert_eq!(joined["organization"]["slug"], "beta");
    let shown = said(&world, &["org", "show", "beta"]);
    assert_eq!((&shown["members"], &shown["subscription"]["plan"]), (&json!(1), &json!("paid")));
    assert!(refused(&world, &create).contains("organization.slug_taken"));

    let suspended = said(&world, &["org", "suspend", "beta", "--reason", "Unpaid"]);
    assert_eq!(suspended["status"], "suspended");
    let listed = said(&world, &["org", "list", "--status", "suspended", "--plan", "paid", "--q", "Bet"]);
    assert_eq!(listed["items"][0]["slug"], "beta");
    said(&world, &["org", "reactivate", "beta", "--reason", "Paid"]);
    // What can't be taken back is asked for first, and here is nobody to ask.
    assert!(refused(&world, &["org", "deactivate", "beta"]).contains("--yes"));
    assert_eq!(said(&world, &["org", "show", "beta"])["status"], "active");
    let closed = said(&world, &["org", "deactivate", "beta", "--reason", "No more use & gone", "--yes"]);
    assert_eq!(closed["status"], "deactivated");
    let shown = world.run(&["org", "show", "beta"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("deactivated"));
}

#[test]
fn members_are_invited_listed_changed_and_removed() {
    let world = World::new(Kind::Sqlite);
    let member = |rest: &[&'static str]| [&["member"], OWNER, rest].concat();
    let sent = said(&world, &member(&["invite", "Bob@acme.test", "--role", "viewer"]));
    assert_eq!(said(&world, &member(&["list"]))["invitations"][0]["email"], "Bob@acme.test");
    let token = sent["link"].as_str().unwrap().split_once("#token=").unwrap().1;
    let body = json!({ "token": token, "password": PASSWORD, "display_name": "Bob", "client": "native" });
    world.client().post("/v1/invitations/accept", "", &body).expect(200);
    let changed = said(&world, &member(&["role", "bob@acme.test", "member"]));
    assert_eq!(changed["role"], "member");
    said(&world, &member(&["remove", "bob@acme.test"]));
    let listed = said(&world, &member(&["list"]));
    assert_eq!((listed["members"].as_array().unwrap().len(), &listed["invitations"]), (1, &json!([])));
    assert!(refused(&world, &member(&["remove", "owner@acme.test"])).contains("member.last_owner"));
    assert!(refused(&world, &member(&["role", "nobody@acme.test", "viewer"])).contains("no member"));
}

#[test]
fn keys_are_revoked_everywhere_once_that_was_confirmed() {
    let world = World::new(Kind::Sqlite);
    let everything = ["key", "revoke-all", "--reason", "Found in public", "--environment", "development"];
    let would = said(&world, &[&everything[..], &["--dry-run"]].concat());
    assert_eq!(would["revoked"], 1);
    assert!(refused(&world, &everything).contains("1 keys would be revoked"));
    let shown = world.run(&["org", "show", "acme", "--json"]);
    assert_eq!(serde_json::from_slice::<Json>(&shown.stdout).unwrap()["api_keys"], 1);
    assert_eq!(said(&world, &[&everything[..], &["--yes"]].concat())["revoked"], 1);
    assert_eq!(said(&world, &["org", "show", "acme"])["api_keys"], 0);
    assert!(refused(&world, &["key", "revoke-all", "--reason", "X", "--yes"]).contains("Say which keys"));
}
