//! The scraper blueprint from end to end: `insula up` with its real service, and a shop to scrape.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod product;

use insula_kernel::{Instant, Span};
use product::{Caller, PASSWORD, Product, Reply, Running, program};
use serde_json::{Value as Json, json};
use std::process::Command;

/// The product, and the shop.
struct Scraper {
    product: Product,
    shop: String,
    _shop: Running,
}

impl std::ops::Deref for Scraper {
    type Target = Product;

    fn deref(&self) -> &Product {
        &self.product
    }
}

impl Scraper {
    fn start() -> Self {
        let service = program("scraper-service");
        // The number by which a process can be killed stays the same, since the shell becomes the service.
        let command =
            format!("echo $$ > pid; exec {} --allow-networks 127.0.0.0/8 --pause-ms 0", service.display());
        let product = Product::start("scraper", &[("scraper", &["sh", "-c", &command])]);
        let mut shop = Command::new(program("scraper-shop"));
        let (_shop, shop) = Running::start(shop.args(["--listen", "127.0.0.1:0"]));
        Self { product, shop, _shop }
    }

    fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.shop)
    }

    fn ask_shop(&self, method: &str, path: &str) {
        self.caller("").send(method, &self.page(path), None);
    }

    fn submit(&self, caller: &Caller, path: &str) -> Reply {
        caller.post("/api/jobs", &json!({ "url": self.page(path), "selectors": { "price": ".price" } }))
    }

    fn job(&self, caller: &Caller, path: &str) -> String {
        let accepted = self.submit(caller, path).expect(202);
        assert_eq!(accepted["status"], "queued");
        accepted["job_id"].as_str().unwrap().to_owned()
    }

    /// Kills the service that `insula up` started, and starts it again on what it had stored.
    fn kill_service(&self) -> Running {
        let process = std::fs::read_to_string(self.folder.path().join("pid")).unwrap();
        let killed = Command::new("kill").args(["-KILL", process.trim()]).status().unwrap();
        assert!(killed.success());
        let mut command = Command::new(program("scraper-service"));
        command
            .args(["--allow-networks", "127.0.0.0/8", "--pause-ms", "0"])
            .env("INSULA_URL", self.url())
            .env("INSULA_TOKEN", self.said["services"]["scraper"].as_str().unwrap())
            .env("INSULA_LISTEN", self.upstream("scraper"))
            .env("INSULA_DATA", self.data_of("scraper"))
            .env("RUST_LOG", "warn");
        let (service, address) = Running::start(&mut command);
        assert_eq!(address, self.upstream("scraper"));
        service
    }
}

fn key_body(name: &str) -> Json {
    json!({ "name": name, "environment": "production", "scopes": ["scraping:read", "scraping:write"] })
}

/// What is left of the day, as each reply says.
fn left(reply: &Reply) -> i64 {
    reply.header("x-quota-remaining").unwrap().parse().unwrap()
}

#[test]
fn the_whole_walk_from_sign_up_to_a_revoked_key() {
    let scraper = Scraper::start();
    let owner = scraper.sign_up("acme", "free");
    let project = owner.post("/v1/orgs/acme/projects", &json!({ "name": "Lamps" })).expect(201);
    let project = project["id"].as_str().unwrap().to_owned();
    let mut body = key_body("Agent");
    body["project"] = json!(project);
    let (agent, key) = owner.key("acme", &body);

    let submitted = agent.post(
        "/api/jobs",
        &json!({
            "url": scraper.page("/category/lamps"), "selectors": { "name": ".name", "price": ".price" },
            "follow": "a.next",
        }),
    );
    assert_eq!(left(&submitted), 99);
    let id = submitted.expect(202)["job_id"].as_str().unwrap().to_owned();
    let said = agent.listen(&format!("/api/jobs/{id}/live"));
    assert_eq!(said.last().unwrap()["status"], "succeeded");
    // Its end is known once its place is free.
    owner.waits_for("acme", "concurrent_jobs", 0);
    let job = agent.get(&format!("/api/jobs/{id}")).expect(200);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["project"], *project);
    assert_eq!(job["result"]["name"].as_array().unwrap().len(), 25);
    assert_eq!(job["result"]["price"][0], "$9.00");
    let csv = agent.get(&format!("/api/jobs/{id}/result?format=csv"));
    assert_eq!((csv.status, csv.text.lines().count()), (200, 26));

    let quantities =
        [("requests", 4), ("websocket_connections", 1), ("exports", 1), ("jobs", 1), ("fetches", 4)];
    for (meter, quantity) in quantities {
        for (by, whose) in [("project", &project), ("key", &key)] {
            assert_eq!(owner.usage("acme", meter, by), [(json!(whose), quantity.to_string())], "{meter}");
        }
    }
    for meter in ["compute_seconds", "data_processed", "data_stored", "bandwidth"] {
        let [(_, quantity)] = owner.usage("acme", meter, "project").try_into().unwrap();
        assert!(!quantity.trim_matches(['0', '.']).is_empty(), "{meter}: {quantity}");
    }

    for remaining in (0..96).rev() {
        assert_eq!(left(&agent.get("/api/jobs?limit=1")), remaining);
    }
    let refused = agent.get("/api/jobs?limit=1");
    refused.refused(429, "quota.exhausted");
    assert!(refused.header("retry-after").unwrap().parse::<i64>().unwrap() > 0);
    assert_eq!(owner.used("acme", "requests_per_day"), 100);

    let change = json!({ "plan": "pro", "currency": "USD", "interval": "month" });
    owner.post("/v1/orgs/acme/subscription/change", &change).expect(200);
    let goes_on = agent.get("/api/jobs?limit=1");
    goes_on.expect(200);
    assert_eq!(left(&goes_on), 899);

    a_month_later_there_is_an_invoice(&scraper, &owner);

    owner.delete(&format!("/v1/orgs/acme/api-keys/{key}")).expect(204);
    agent.get("/api/jobs").refused(401, "access.key_invalid");
}

/// Moves the organization's time past the end of its month, and opens its invoice down to the events.
fn a_month_later_there_is_an_invoice(scraper: &Scraper, owner: &Caller) {
    let subscription = owner.get("/v1/orgs/acme/subscription").expect(200);
    let end: Instant = subscription["period"]["end"].as_str().unwrap().parse().unwrap();
    let clock = json!({ "org": "acme", "advance_to": end + Span::from_days(1) });
    scraper.operator().post("/v1/operator/clock", &clock).expect(200);
    let invoices = owner.get("/v1/orgs/acme/invoices").expect(200);
    let month =
        invoices["items"].as_array().unwrap().iter().find(|invoice| !invoice["usage_period"].is_null());
    let month = month.unwrap_or_else(|| panic!("{invoices}"));
    assert_eq!(month["total"], json!({ "amount": "29.00", "currency": "USD" }));
    let path = format!("/v1/orgs/acme/invoices/{}", month["id"].as_str().unwrap());
    let invoice = owner.get(&path).expect(200);
    let mut opened = Vec::new();
    for line in invoice["lines"].as_array().unwrap() {
        let Some(events) = line["events"].as_i64().filter(|_| !line["meter"].is_null()) else { continue };
        let position = &line["position"];
        let listed = owner.get(&format!("{path}/lines/{position}/events?limit=200")).expect(200);
        assert_eq!(i64::try_from(listed["items"].as_array().unwrap().len()).unwrap(), events, "{listed}");
        opened.push((line["meter"].as_str().unwrap().to_owned(), events));
    }
    // What was used before the upgrade, and after it: 100 requests and one more; one job.
    for line in [("requests", 100), ("requests", 1), ("jobs", 1), ("fetches", 1)] {
        assert!(opened.contains(&(line.0.to_owned(), line.1)), "{opened:?}");
    }
}

#[test]
fn no_more_jobs_run_at_once_than_the_plan_and_the_key_allow() {
    let scraper = Scraper::start();
    let owner = scraper.sign_up("acme", "free");
    let (agent, _) = owner.key("acme", &key_body("Agent"));
    let jobs: Vec<String> = (0..5).map(|_| scraper.job(&agent, "/gate/plan")).collect();
    scraper.submit(&agent, "/gate/plan").refused(429, "hold.exhausted");
    agent.delete(&format!("/api/jobs/{}", jobs[3])).expect(200);
    owner.waits_for("acme", "concurrent_jobs", 4);
    scraper.job(&agent, "/gate/plan");
    scraper.submit(&agent, "/gate/plan").refused(429, "hold.exhausted");
    scraper.ask_shop("PUT", "/gate/plan");
    owner.waits_for("acme", "concurrent_jobs", 0);
    // A job that fails gives its place back too, and one that is refused takes none.
    scraper.job(&agent, "/broken");
    agent.post("/api/jobs", &json!({ "url": "shop" })).expect(422);
    owner.waits_for("acme", "concurrent_jobs", 0);

    let mut body = key_body("Small");
    body["limits"] = json!({ "concurrent_jobs": 2, "daily_requests": 10 });
    let (small, _) = owner.key("acme", &body);
    scraper.job(&small, "/gate/key");
    scraper.job(&small, "/gate/key");
    scraper.submit(&small, "/gate/key").refused(429, "hold.exhausted");
    scraper.job(&agent, "/gate/key");
    for _ in 0..8 {
        small.get("/api/jobs").expect(200);
    }
    small.get("/api/jobs").refused(429, "quota.exhausted");
    agent.get("/api/jobs").expect(200);
    scraper.ask_shop("PUT", "/gate/key");
    owner.waits_for("acme", "concurrent_jobs", 0);
    assert_eq!(owner.total("acme", "jobs"), 10);
}

#[test]
fn jobs_are_their_projects_own_and_a_reader_only_reads() {
    let scraper = Scraper::start();
    let owner = scraper.sign_up("acme", "pro");
    let stranger = scraper.sign_up("other", "free");
    let of_project = |name: &str| {
        let project = owner.post("/v1/orgs/acme/projects", &json!({ "name": name })).expect(201);
        let mut body = key_body(name);
        body["project"] = project["id"].clone();
        (owner.key("acme", &body).0, project["id"].as_str().unwrap().to_owned())
    };
    let ((lamps, lamps_id), (rugs, rugs_id)) = (of_project("Lamps"), of_project("Rugs"));
    let id = scraper.job(&lamps, "/category/lamps");
    owner.waits_for("acme", "concurrent_jobs", 0);
    let path = format!("/api/jobs/{id}");
    for other in [rugs, stranger, owner.clone().with("x-project-id", &rugs_id)] {
        other.get(&path).refused(404, "job.not_found");
        other.delete(&path).refused(404, "job.not_found");
        assert_eq!(other.get("/api/jobs").expect(200)["items"], json!([]));
    }
    for own in [&lamps, &owner, &owner.clone().with("x-project-id", &lamps_id)] {
        assert_eq!(own.get(&path).expect(200)["status"], "succeeded");
    }

    let invited = owner
        .post("/v1/orgs/acme/invitations", &json!({ "email": "reader@acme.test", "role": "readonly" }))
        .expect(201);
    let (_, token) = invited["link"].as_str().unwrap().split_once("#token=").unwrap();
    let accept =
        json!({ "token": token, "password": PASSWORD, "display_name": "Reader", "client": "native" });
    let joined = scraper.caller("").post("/v1/invitations/accept", &accept).expect(200);
    let reader = scraper.caller(joined["access_token"].as_str().unwrap());
    assert_eq!(reader.get(&path).expect(200)["job_id"], *id);
    scraper.submit(&reader, "/").refused(403, "access.denied");
    reader.delete(&path).refused(403, "access.denied");
    reader.post("/v1/orgs/acme/api-keys", &key_body("No")).refused(403, "access.denied");
}

#[test]
fn a_killed_service_loses_no_accepted_job() {
    let scraper = Scraper::start();
    let owner = scraper.sign_up("acme", "free");
    let (agent, _) = owner.key("acme", &key_body("Agent"));
    let jobs: Vec<String> = (0..5).map(|_| scraper.job(&agent, "/gate/crash")).collect();
    scraper.ask_shop("GET", "/gate/crash/waiting");
    let _service = scraper.kill_service();
    scraper.ask_shop("PUT", "/gate/crash");
    owner.waits_for("acme", "concurrent_jobs", 0);
    for id in &jobs {
        assert_eq!(agent.get(&format!("/api/jobs/{id}")).expect(200)["status"], "succeeded");
    }
    assert_eq!((owner.total("acme", "jobs"), owner.total("acme", "requests")), (5, 10));
}

#[test]
fn the_operators_addresses_do_what_they_say() {
    let scraper = Scraper::start();
    let operator = scraper.operator();
    let owner = scraper.sign_up("acme", "free");
    let (agent, key) = owner.key("acme", &key_body("Agent"));
    agent.get("/api/jobs").expect(200);

    let new =
        json!({ "name": "Lamp House", "slug": "lamp-house", "owner_email": "ada@lamps.test", "plan": "pro" });
    let made = operator.post("/admin/tenants", &new).expect(201);
    assert_eq!(made["organization"]["slug"], "lamp-house", "{made}");
    let renamed = operator.send("PUT", "/admin/tenants/lamp-house", Some(&json!({ "name": "Lamp Palace" })));
    assert_eq!(renamed.expect(200)["name"], "Lamp Palace");
    let tenants = operator.get("/admin/tenants").expect(200);
    let tenant = |slug: &str| {
        let mut tenants = tenants["items"].as_array().unwrap().iter();
        tenants.find(|tenant| tenant["slug"] == slug).unwrap().clone()
    };
    for (slug, plan, used) in [("acme", "free", 1), ("lamp-house", "pro", 0)] {
        let tenant = tenant(slug);
        assert_eq!(tenant["plan"], plan);
        assert_eq!((&tenant["usage_meter"], &tenant["usage_today"]), (&json!("requests"), &json!(used)));
    }

    let quota = json!({ "limit": "requests_per_day", "bound": 3, "reason": "Agreed" });
    operator.post("/admin/tenants/acme/quota", &quota).expect(200);
    for remaining in [1, 0] {
        assert_eq!(left(&agent.get("/api/jobs")), remaining);
    }
    agent.get("/api/jobs").refused(429, "quota.exhausted");
    let usage = operator.get("/admin/usage?meter=requests&group_by=org").expect(200);
    assert!(usage.to_string().contains("\"3\""), "{usage}");

    let revoke = json!({ "keys": [key], "reason": "It was in a public repository" });
    operator.post("/admin/api-keys/revoke", &revoke).expect(200);
    agent.get("/api/jobs").refused(401, "access.key_invalid");
    operator.delete("/admin/tenants/acme").expect(200);
    assert_eq!(owner.get("/api/jobs").status / 100, 4);

    let other = scraper.sign_up("other", "free");
    for path in ["/admin/tenants", "/admin/usage?meter=requests"] {
        assert!(matches!(other.get(path).status, 403 | 404), "{path}");
    }
    assert!(matches!(other.post("/admin/tenants/acme/quota", &quota).status, 403 | 404));
}
