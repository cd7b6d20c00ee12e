//! Invoices for accounting, and those of all organizations for the operator.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod support;

use insula_testkit::on_both_engines;
use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use support::World;

fn blueprint(upstream: SocketAddr) -> String {
    support::blueprint(upstream).replace(
        "[resources]",
        "[billing]\nseller = \"Test Inc.\"\n[billing.taxes.vat]\nname = \"VAT\"\npercent = \"10\"\ninclusive = false\n[resources]",
    )
}

fn usd(amount: &str) -> Json {
    json!({ "amount": amount, "currency": "USD" })
}

/// The fields of each line of comma-separated values.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let record = records.last_mut().unwrap();
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\r' if !is_quoted => {}
            '\n' if !is_quoted => records.push(vec![String::new()]),
            other => record.last_mut().unwrap().push(other),
        }
    }
    records.pop();
    records
}

on_both_engines! {
    async fn the_rows_of_an_export_add_up_to_the_invoices(store) {
        let world = World::with(store, blueprint).await;
        let (operator, acme) = (world.operator().await, world.subscriber("acme", "pro").await);
        let profile = json!({ "name": "=Acme, \"the\" company", "address": "Street 1", "country": "JP", "tax_id": null, "email": null });
        world.api("PUT", &acme.path("/billing-profile"), &acme.token, &profile).await.expect(200);
        let clock = world.get(&acme.path("/subscription"), &acme.token).await.expect(200);
        let end: insula_kernel::Instant = clock["period"]["end"].as_str().unwrap().parse().unwrap();
        let to = end + insula_kernel::Span::from_hours(25);
        let body = json!({ "org": "acme", "advance_to": to });
        world.post("/v1/operator/clock", &operator, &body).await.expect(200);
        let listed = world.get(&acme.path("/invoices"), &acme.token).await.expect(200);
        let latest = listed["items"][0]["id"].as_str().unwrap();
        let body = json!({ "amount": usd("4.00"), "reason": "An outage" });
        world.post(&format!("/v1/operator/orgs/acme/invoices/{latest}/credit-notes"), &operator, &body).await.expect(200);

        let reply = world.get(&acme.path("/invoices/export"), &acme.token).await;
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with("text/csv"), "{reply:?}");
        let rows = records(std::str::from_utf8(&reply.body).unwrap());
        let column = |name: &str| rows[0].iter().position(|one| one == name).unwrap();
        let (kind, amount, number) = (column("kind"), column("amount"), column("number"));
        let cents = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
        let sum: i64 = rows[1..].iter().map(|row| cents(&row[amount])).sum();
        let total = |invoice: &Json| cents(invoice["total"]["amount"].as_str().unwrap());
        let expected: i64 = listed["items"].as_array().unwrap().iter().map(total).sum();
        assert_eq!(sum, expected - 400, "{rows:?}");
        assert!(rows[1..].iter().any(|row| row[kind] == "tax" && row[amount] == "2.90"), "{rows:?}");
        assert!(rows[1..].iter().any(|row| row[kind] == "credit_note" && row[number].starts_with("TEST-CN-")), "{rows:?}");
        // What the customer calls itself is shown and not computed.
        assert!(rows.iter().any(|row| row[column("customer")] == "'=Acme, \"the\" company"), "{rows:?}");
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));

        let json = world.get(&acme.path("/invoices/export?format=json"), &acme.token).await.expect(200);
        assert_eq!(json["items"].as_array().unwrap().len(), rows.len() - 1);
        let none = world.get(&acme.path("/invoices/export?format=json&to=2020-01-01T00:00:00Z"), &acme.token).await;
        assert_eq!(none.expect(200)["items"], json!([]));
        let backwards = acme.path("/invoices/export?from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z");
        world.get(&backwards, &acme.token).await.problem(422, "request.invalid");
    }

    async fn an_invoice_is_printed_as_it_is(store) {
        let world = World::with(store, blueprint).await;
        let (operator, acme) = (world.operator().await, world.subscriber("acme", "pro").await);
        let profile = json!({
            "name": "株式会社アクメ", "address": "東京都千代田区丸の内1-1", "country": "JP", "tax_id": "T1234567890123", "email": null
        });
        world.api("PUT", &acme.path("/billing-profile"), &acme.token, &profile).await.expect(200);
        let clock = world.get(&acme.path("/subscription"), &acme.token).await.expect(200);
        let end: insula_kernel::Instant = clock["period"]["end"].as_str().unwrap().parse().unwrap();
        let body = json!({ "org": "acme", "advance_to": end + insula_kernel::Span::from_hours(25) });
        world.post("/v1/operator/clock", &operator, &body).await.expect(200);
        let listed = world.get(&acme.path("/invoices"), &acme.token).await.expect(200);
        let invoice = &listed["items"][0];
        let (id, number) = (invoice["id"].as_str().unwrap(), invoice["number"].as_str().unwrap());

        let path = acme.path(&format!("/invoices/{id}/pdf"));
        let print = async |path: &str, token: &str| {
            let reply = world.get(path, token).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            assert_eq!(reply.header("content-type"), "application/pdf");
            assert!(reply.header("content-disposition").contains(&format!("{number}.pdf")), "{reply:?}");
            reply.body
        };
        let has = |document: &[u8], text: &[u8]| document.windows(text.len()).any(|part| part == text);
        let english = print(&format!("{path}?language=en"), &acme.token).await;
        assert!(english.starts_with(b"%PDF-1.7") && english.ends_with(b"%%EOF"));
        let total = invoice["total"]["amount"].as_str().unwrap();
        for said in [number, total, "VAT 10 %", "Test Inc.", "T1234567890123", "Billed to"] {
            assert!(has(&english, said.as_bytes()), "{said} is not on it");
        }
        // For a customer in Japan in Japanese; the operator prints the same.
        let japanese = print(&path, &acme.token).await;
        assert!(!has(&japanese, b"Billed to") && has(&japanese, total.as_bytes()));
        assert_eq!(print(&format!("/v1/operator/orgs/acme/invoices/{id}/pdf"), &operator).await, japanese);

        let other = world.organization("other").await;
        world.get(&other.path(&format!("/invoices/{id}/pdf")), &other.token).await.problem(404, "not_found");
        world.get(&format!("/v1/operator/orgs/other/invoices/{id}/pdf"), &operator).await.problem(404, "not_found");
        world.get(&acme.path("/invoices?state=open"), &acme.token).await.problem(422, "request.invalid");
        world.get(&format!("{path}?language=tlh"), &acme.token).await.problem(422, "request.invalid");
    }

    async fn the_operator_sees_the_invoices_of_all(store) {
        let world = World::with(store, blueprint).await;
        let operator = world.operator().await;
        let mut orgs = Vec::new();
        for slug in ["one", "two", "three"] {
            let org = world.subscriber(slug, "pro").await;
            let now = world.get(&org.path("/subscription"), &org.token).await.expect(200)["test_clock"].clone();
            let later = now.as_str().unwrap().parse::<insula_kernel::Instant>().unwrap() + insula_kernel::Span::from_mins(1);
            let body = json!({ "org": slug, "advance_to": later });
            world.post("/v1/operator/clock", &operator, &body).await.expect(200);
            orgs.push(org);
        }
        let mut seen = Vec::new();
        let mut path = "/v1/operator/invoices?limit=2&status=open".to_owned();
        loop {
            let page = world.get(&path, &operator).await.expect(200);
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|one| one["slug"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/operator/invoices?limit=2&status=open&cursor={cursor}");
        }
        seen.sort();
        assert_eq!(seen, ["one", "three", "two"]);
        let csv = world.get("/v1/operator/invoices?limit=2&format=csv", &operator).await;
        assert_eq!(records(std::str::from_utf8(&csv.body).unwrap()).len(), 3);
        assert_ne!(csv.header("x-next-cursor"), "");
        let none = world.get("/v1/operator/invoices?status=void", &operator).await.expect(200);
        assert_eq!(none["items"], json!([]));

        let listed = world.get("/v1/operator/orgs/one/invoices", &operator).await.expect(200);
        let id = listed["items"][0]["id"].as_str().unwrap();
        let invoice = world.get(&format!("/v1/operator/orgs/one/invoices/{id}"), &operator).await.expect(200);
        assert_eq!(invoice["lines"][0]["item"], "plan:pro");
        world.get(&format!("/v1/operator/orgs/two/invoices/{id}"), &operator).await.problem(404, "not_found");

        let first = world.get("/v1/operator/clock?limit=2", &operator).await.expect(200);
        let rest = format!("/v1/operator/clock?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
        let rest = world.get(&rest, &operator).await.expect(200);
        let found: Vec<&Json> = first["items"].as_array().unwrap().iter().chain(rest["items"].as_array().unwrap()).collect();
        assert_eq!(found.len(), 3);
        let ids: Vec<&str> = orgs.iter().map(|org| org.id.as_str()).collect();
        assert!(found.iter().all(|one| ids.contains(&one["org"].as_str().unwrap())), "{found:?}");
    }
}
