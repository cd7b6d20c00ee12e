//! An invoice run that is killed: on restart each invoice exists exactly once.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

#[expect(dead_code, reason = "each test uses what it needs")]
mod support;

use insula_kernel::{Instant, Span};
use insula_testkit::Kind;
use serde_json::{Value as Json, json};
use std::{collections::BTreeSet, thread};
use support::{OPERATOR, PASSWORD, World};

const ORGANIZATIONS: usize = 20;

/// How often it is killed; `make soak` does it more often.
fn rounds() -> usize {
    std::env::var("INSULA_ROUNDS").map_or(5, |rounds| rounds.parse::<usize>().unwrap().min(20))
}

struct Books {
    world: World,
    /// Of each organization, its address and its owner's e-mail.
    customers: Vec<String>,
}

impl Books {
    fn open(kind: Kind) -> Self {
        let world = World::new(kind);
        let mut client = world.client();
        let customer = |number: usize| {
            let slug = format!("customer-{number}");
            let body = json!({
                "organization": { "name": "C", "slug": slug, "plan": "paid", "test_clock": true },
                "owner": { "email": format!("{slug}@c.test"), "password": PASSWORD, "display_name": "Owner" },
                "client": "native",
            });
            client.post("/v1/signup", "", &body).expect(201);
            slug
        };
        let customers = (0..ORGANIZATIONS).map(customer).collect();
        Self { world, customers }
    }

    fn sign_in(&self, email: &str) -> String {
        let login = json!({ "email": email, "password": PASSWORD, "client": "native" });
        let reply = self.world.client().post("/v1/login", "", &login).expect(200);
        reply["access_token"].as_str().unwrap().to_owned()
    }

    /// The invoices of a customer, the earliest first.
    fn invoices(&self, token: &str, slug: &str) -> Vec<Json> {
        let path = format!("/v1/orgs/{slug}/invoices?limit=200");
        let listed = self.world.client().read(&path, token).expect(200);
        listed["items"].as_array().unwrap().iter().rev().cloned().collect()
    }

    /// Moves the clocks that aren't there yet; false if nobody answered to the end.
    fn advance(&self, operator: &str, tokens: &[String], to: Instant) -> bool {
        for (slug, token) in self.customers.iter().zip(tokens) {
            let Ok(mut client) = support::client::Client::connect(self.world.address()) else { return false };
            let path = format!("/v1/orgs/{slug}/subscription");
            let Some(reply) = client.get_if_whole(&path, token) else { return false };
            let now: Instant = reply.expect(200)["test_clock"].as_str().unwrap().parse().unwrap();
            if now < to {
                let body = json!({ "org": slug, "advance_to": to });
                let Some(reply) = client.try_post("/v1/operator/clock", operator, &body) else {
                    return false;
                };
                reply.expect(200);
            }
        }
        true
    }
}

fn each_invoice_exists_once(kind: Kind) {
    let mut books = Books::open(kind);
    let rounds = rounds();
    let begun = {
        let token = books.sign_in("customer-0@c.test");
        let reply = books.world.client().read("/v1/orgs/customer-0/subscription", &token).expect(200);
        reply["period"]["start"].as_str().unwrap().parse::<Instant>().unwrap()
    };
    for round in 1..=rounds {
        let operator = books.sign_in(OPERATOR);
        let tokens: Vec<String> =
            books.customers.iter().map(|slug| books.sign_in(&format!("{slug}@c.test"))).collect();
        // Some days after each month's end, whichever months these are.
        let to = begun + Span::from_days(31 * i64::try_from(round).unwrap() + 5);
        let doomed = (round * 7) % ORGANIZATIONS;
        let process = books.world.process_id();
        thread::scope(|scope| {
            let run = scope.spawn(|| books.advance(&operator, &tokens, to));
            // Killed as soon as one in the middle has its invoice.
            while !run.is_finished() {
                let path = format!("/v1/orgs/customer-{doomed}/invoices?limit=200");
                let Ok(mut client) = support::client::Client::connect(books.world.address()) else { break };
                let Some(reply) = client.get_if_whole(&path, &tokens[doomed]) else { break };
                if reply.expect(200)["items"].as_array().unwrap().len() > round {
                    break;
                }
            }
            let killed = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).status();
            assert!(killed.unwrap().success());
        });
        books.world.kill();
        books.world.start();
        assert!(books.advance(&operator, &tokens, to), "now it goes through");
        let mut numbers = BTreeSet::new();
        for (slug, token) in books.customers.iter().zip(&tokens) {
            let invoices = books.invoices(token, slug);
            assert_eq!(invoices.len(), round + 1, "{slug} in round {round}: {invoices:?}");
            for invoice in &invoices {
                assert_eq!(invoice["total"], json!({ "amount": "29.00", "currency": "USD" }));
                let number = invoice["number"].as_str().unwrap();
                assert!(numbers.insert(number.to_owned()), "{number} was given twice");
                if invoice["status"] == "open" {
                    let id = invoice["id"].as_str().unwrap();
                    let path = format!("/v1/operator/orgs/{slug}/invoices/{id}/pay");
                    books.world.client().post(&path, &operator, &Json::Null).expect(200);
                }
            }
        }
        let expected: Vec<String> =
            (1..=(round + 1) * ORGANIZATIONS).map(|number| format!("TEST-INV-{number:06}")).collect();
        assert!(numbers.iter().eq(&expected), "no number is left out");
        eprintln!("round {round} of {rounds} on {kind:?}: {} invoices", numbers.len());
    }
}

#[test]
fn each_invoice_exists_once_on_sqlite() {
    each_invoice_exists_once(Kind::Sqlite);
}

#[test]
fn each_invoice_exists_once_on_postgres() {
    each_invoice_exists_once(Kind::Postgres);
}
