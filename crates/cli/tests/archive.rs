//! Events are moved into the archive whole or not at all, wherever the program is killed on the way.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "each test uses what it needs")]
mod support;

use insula_kernel::{Instant, Span};
use insula_metering::failpoint::Failpoint;
use insula_testkit::Kind;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use support::{PASSWORD, World};

/// An organization whose time can be moved.
struct Customer {
    key: String,
    token: String,
}

impl Customer {
    fn sign_up(world: &World) -> Self {
        let body = json!({
            "organization": { "name": "Old", "slug": "old", "test_clock": true },
            "owner": { "email": "owner@old.test", "password": PASSWORD, "display_name": "Owner" },
            "client": "native",
        });
        let signed_up = world.client().post("/v1/signup", "", &body).expect(201);
        let token = signed_up["access_token"].as_str().unwrap().to_owned();
        let body = json!({ "name": "K", "environment": "development", "scopes": ["things:*"] });
        let made = world.client().post("/v1/orgs/old/api-keys", &token, &body).expect(201);
        Self { key: made["secret"].as_str().unwrap().to_owned(), token }
    }

    fn read(&self, world: &World, path: &str) -> Json {
        world.client().read(&format!("/v1/orgs/old{path}"), &self.token).expect(200)
    }

    /// The events behind all lines of all statements.
    fn billed(&self, world: &World) -> BTreeSet<String> {
        let mut events = BTreeSet::new();
        let listed = self.read(world, "/invoices?statements=true&limit=200");
        for statement in listed["items"].as_array().unwrap() {
            let path = format!("/invoices/{}", statement["id"].as_str().unwrap());
            let statement = self.read(world, &path);
            for (line, position) in statement["lines"].as_array().unwrap().iter().zip(1..) {
                let page = self.read(world, &format!("{path}/lines/{position}/events?limit=200"));
                let items = page["items"].as_array().unwrap();
                assert_eq!(items.len() as u64, line["events"].as_u64().unwrap_or(0), "{line}");
                let ids = items.iter().map(|event| event["id"].as_str().unwrap().to_owned());
                ids.for_each(|id| assert!(events.insert(id), "an event stands on one line"));
            }
        }
        events
    }
}

/// How many events are at hand, and how many in the archive.
fn places(world: &World) -> (i64, i64) {
    let said = world.run(&["ledger", "archive", "--json"]);
    assert!(said.status.success(), "{said:?}");
    let places: Json = serde_json::from_slice(&said.stdout).unwrap();
    (places["events"].as_i64().unwrap(), places["archived_events"].as_i64().unwrap())
}

fn each_event_stands_in_one_place(kind: Kind) {
    let mut world = World::new(kind);
    let customer = Customer::sign_up(&world);
    let mut now: Instant =
        customer.read(&world, "/subscription")["test_clock"].as_str().unwrap().parse().unwrap();
    let mut advance = |world: &World, days: i64| {
        now = now + Span::from_days(days);
        let (token, body) = (world.sign_in(), json!({ "org": "old", "advance_to": now }));
        world.client().try_post("/v1/operator/clock", &token, &body)
    };
    let mut requests = 0;
    let on_the_way = Failpoint::ALL.iter().filter(|point| point.name().starts_with("archive."));
    for point in on_the_way {
        for _ in 0..5 {
            assert_eq!(world.client().read("/things", &customer.key).status, 200);
            requests += 1;
        }
        world.arm(*point, "abort");
        assert!(advance(&world, 400).is_none() && !world.is_armed(), "it dies at {}", point.name());
        world.ended();
        world.start();
        assert_eq!(customer.billed(&world).len(), requests, "after it died at {}", point.name());
        let (hot, archived) = places(&world);
        let packed = if point.name() == "archive.committed" { requests } else { requests - 5 };
        assert_eq!(usize::try_from(archived), Ok(packed), "after it died at {}", point.name());
        assert_eq!(usize::try_from(hot + archived), Ok(requests));
        advance(&world, 1).unwrap().expect(200);
        assert_eq!(places(&world).0, 0);
        assert_eq!(customer.billed(&world).len(), requests, "where they are packed, after {}", point.name());
    }
    assert_eq!(requests, 15, "there are three places");
}

#[test]
fn each_event_stands_in_one_place_on_sqlite() {
    each_event_stands_in_one_place(Kind::Sqlite);
}

#[test]
fn each_event_stands_in_one_place_on_postgres() {
    each_event_stands_in_one_place(Kind::Postgres);
}
