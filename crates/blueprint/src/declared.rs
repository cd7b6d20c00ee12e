//! The shape of `blueprint.toml` as it is written. The doc comments are what editors show: they become the
//! descriptions of the JSON Schema.

use crate::{
    diagnostics::{Place, Report, quoted},
    read::{At, Map, Read, Required, choice, table, unsupported},
    values::{Amount, Bound, Feature, Lasting, Positive, Size},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;
use toml::de::DeValue;

table! {
    /// The description of one SaaS product: what exists, who may do what, what is counted, what it costs and
    /// where requests go.
    struct RawBlueprint {
        /// The product itself.
        product: Required<At<RawProduct>>,
        /// What exists, and what may be done with it: a list of verbs for each resource. `scraping = ["create", "read"]`
        /// declares the permissions `scraping:create` and `scraping:read`.
        #[schemars(default, example = json!({ "scraping": ["create", "read"] }))]
        resources: Map<Vec<At<String>>>,
        /// This product's own names for sets of permissions, its own or Insula's. `resource:*` stands for every verb.
        #[schemars(default, example = json!({ "users:manage": ["members:*"] }))]
        aliases: Map<Vec<At<String>>>,
        /// The roles members of an organization can have. Without any, there are owner, admin, member and viewer;
        /// owner always exists.
        #[schemars(default)]
        roles: Map<RawRole>,
        /// How usage becomes quantities.
        #[schemars(default)]
        meters: Map<RawMeter>,
        /// What is bounded; each plan says how far. `members` and `api_keys` exist without being declared.
        #[schemars(default)]
        limits: Map<RawLimit>,
        /// What organizations can be on, in the order in which it is shown.
        #[schemars(default)]
        plans: Map<RawPlan>,
        /// The services behind Insula.
        #[schemars(default)]
        upstreams: Map<RawUpstream>,
        /// Which requests go to which upstream, and what each needs and counts.
        #[schemars(default)]
        routes: Vec<At<RawRoute>>,
    }
    later {
        "addons", "teams", "projects", "workflows", "agents", "collections", "clusters", "jobs", "files", "chat",
        "policies", "webhooks", "alerts", "mail", "branding", "security", "offers", "coupons", "taxes", "schemas",
    }
}

table! {
    /// The product itself.
    struct RawProduct {
        /// The name people see.
        #[schemars(example = &"Shopping Scraper")]
        name: Required<At<String>>,
        /// The domain below which tenants live: each at `<slug>.<base_domain>`.
        #[schemars(example = &"scraper.localhost")]
        base_domain: Option<At<String>>,
        /// What API keys begin with, 2 to 8 lower-case letters and digits; `ak` if left out.
        #[schemars(example = &"ak", regex(pattern = "^[a-z][a-z0-9]{1,7}$"))]
        key_prefix: Option<At<String>>,
        /// The plan of a new organization that didn't choose; the first plan if left out.
        #[schemars(example = &"free")]
        default_plan: Option<At<String>>,
        /// The limit that `X-Quota-Remaining` and `quota_remaining` show; if left out, the quota if there is only one.
        #[schemars(example = &"requests_per_day")]
        headline_limit: Option<At<String>>,
    }
    later { "signup", "locale", "support", "legal", "currency", "path_prefixes" }
}

table! {
    /// A named set of permissions that members and keys can be given.
    struct RawRole {
        /// Roles whose permissions this one has too.
        #[schemars(default, example = json!(["readonly"]))]
        includes: Vec<At<String>>,
        /// Permissions, aliases, or `resource:*` for every verb of a resource.
        #[schemars(default, example = json!(["scraping:create", "usage:read"]))]
        permissions: Vec<At<String>>,
    }
    later { "scope", "description", "title" }
}

choice! {
    /// How events become a quantity.
    enum RawAggregate {
        /// Each event counts what its route says, 1 if it says nothing.
        Count = "count",
    }
    later { "sum", "max", "last", "unique", "latest", "average" }
}

table! {
    /// How usage becomes a quantity.
    struct RawMeter {
        /// Which events are counted.
        #[expect(dead_code, reason = "only one value can be read so far, so reading it is all")]
        event: Required<At<RawEvent>>,
        /// How they become a quantity.
        #[expect(dead_code, reason = "only one value can be read so far, so reading it is all")]
        aggregate: Required<At<RawAggregate>>,
    }
    later { "of", "scale", "unit", "group_by", "filter", "title" }
}

/// The event of a meter: `request`, which the gateway alone writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEvent;

impl Read for RawEvent {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let name = String::read(value, at, report)?;
        if name == "request" {
            return Some(Self);
        }
        // Upstreams name their events as they like, so any other name is one of the full language.
        let help = "only `request` can be counted: the requests that the gateway forwards";
        unsupported(&format!("the event {}", quoted(&name)), help, at, report);
        None
    }
}

impl JsonSchema for RawEvent {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": "request" })
    }
}

choice! {
    /// What a limit bounds, if not usage per hour or day.
    enum RawKind {
        /// Requests in a second or minute, smoothed (GCRA).
        Rate = "rate",
        /// How many of something exist; only the built-in `members` and `api_keys`.
        Stock = "stock",
    }
    later { "hold" }
}

choice! {
    /// The time over which a limit counts.
    enum RawWindow {
        /// A sliding second; for rates.
        Second = "second",
        /// A sliding minute; for rates.
        Minute = "minute",
        /// An hour of the calendar, in UTC.
        Hour = "hour",
        /// A day of the calendar, in UTC.
        Day = "day",
    }
    later { "month" }
}

choice! {
    /// Whom a rate counts for.
    enum RawPer {
        /// Each credential has the whole rate.
        Key = "key",
    }
    later { "organization", "project", "user", "address" }
}

choice! {
    /// What happens when the limit is reached.
    enum RawOnExceed {
        /// The request is refused.
        Reject = "reject",
    }
    later { "warn", "bill" }
}

table! {
    /// Something that is bounded: usage per hour or day (`meter` and `window`), a rate (`kind = "rate"` and
    /// `window`), or a stock (`kind = "stock"`). Each plan says how far it goes.
    struct RawLimit {
        /// What the limit bounds; left out, it is the quantity of a meter per hour or day.
        kind: Option<At<RawKind>>,
        /// The meter whose quantity is bounded.
        #[schemars(example = &"requests")]
        meter: Option<At<String>>,
        /// The time over which it counts: hour or day with a meter, second or minute for a rate.
        window: Option<At<RawWindow>>,
        /// Whom a rate counts for; each key if left out.
        per: Option<At<RawPer>>,
        /// How many requests a rate lets through at once; as many as the plan allows per window if left out.
        burst: Option<At<Positive>>,
        /// What happens when it is reached; requests are refused if left out.
        #[expect(dead_code, reason = "only one value can be read so far, so reading it is all")]
        on_exceed: Option<At<RawOnExceed>>,
        /// At which percentages to warn; 80, 90 and 100 if left out.
        #[schemars(example = json!([80, 90, 100]))]
        warn_at: Option<At<Vec<At<i64>>>>,
    }
    later { "title", "unit", "overage" }
}

table! {
    /// What an organization pays in one currency, by interval.
    struct RawPrice {
        /// Per month, in major units as text.
        month: Option<At<Amount>>,
        /// Per year, in major units as text.
        year: Option<At<Amount>>,
    }
    later { "week", "day", "quarter", "once" }
}

table! {
    /// What an organization can be on.
    struct RawPlan {
        /// The price by currency (ISO 4217) and interval. May be left out if the plan can't be taken by self-service.
        #[schemars(default, example = json!({ "USD": { "month": "29.00" } }))]
        price: Map<At<RawPrice>>,
        /// How far each limit goes: a whole number or "unlimited". Every declared limit must be named.
        #[schemars(default, example = json!({ "requests_per_day": 100, "members": 5 }))]
        limits: Map<At<Bound>>,
        /// What the plan offers besides, for the console and for upstreams.
        #[schemars(default, example = json!({ "support": "community" }))]
        features: Map<Feature>,
        /// The rank among plans; higher is served first. 1 if left out.
        priority: Option<At<i64>>,
        /// Whether organizations can choose the plan themselves; true if left out.
        self_service: Option<bool>,
    }
    later {
        "trial_days", "after_trial", "grace_days", "overage", "addons", "seats", "tiers", "usage", "public", "isolation",
        "title", "description", "minimum",
    }
}

table! {
    /// How it is seen whether a target works.
    struct RawHealth {
        /// The path that answers 2xx while the target works.
        #[schemars(example = &"/healthz")]
        path: Required<At<String>>,
        /// How often it is asked; every 5 seconds if left out.
        every: Option<Lasting>,
    }
    later { "timeout", "healthy_after", "unhealthy_after", "status" }
}

table! {
    /// How long to wait for an upstream.
    struct RawTimeouts {
        /// For the connection; 2 seconds if left out.
        connect: Option<Lasting>,
        /// From the request to the first byte of the reply; 60 seconds if left out.
        response: Option<Lasting>,
        /// Between two parts of a body; 60 seconds if left out.
        idle: Option<Lasting>,
    }
    later { "total" }
}

table! {
    /// A service behind Insula.
    struct RawUpstream {
        /// Where it listens: `http://host:port`. Several take turns.
        #[schemars(example = json!(["http://127.0.0.1:7101"]), length(min = 1))]
        targets: Required<At<Vec<At<String>>>>,
        /// The command that starts it, with its arguments: run by `insula up`, never by `insula serve`.
        #[schemars(example = json!(["cargo", "run", "--release", "-p", "scraper-service"]))]
        run: Option<At<Vec<At<String>>>>,
        /// How it is seen whether a target works.
        health: Option<RawHealth>,
        /// How long to wait for it.
        timeouts: Option<RawTimeouts>,
        /// Connections to each target at most; as many as needed if left out.
        max_connections: Option<At<Positive>>,
    }
    later { "balance", "retries", "tls", "circuit", "dir", "env" }
}

table! {
    /// Requests that go to an upstream.
    struct RawRoute {
        /// Method and path: `GET /api/jobs/{id}`, `* /files/{*rest}`. `*` is every method, `{name}` one segment,
        /// `{*name}` at the end all that remains, nothing included.
        #[schemars(example = &"POST /api/jobs", regex(pattern = r"^(\*|[A-Z]+) /"))]
        pattern as "match": Required<At<String>>,
        /// The upstream that answers.
        #[schemars(example = &"scraper")]
        upstream: Required<At<String>>,
        /// The permission a caller needs; left out, every authenticated caller of an organization may.
        #[schemars(example = &"scraping:create")]
        permission: Option<At<String>>,
        /// What a request counts, by meter. Left out, it counts 1 on every meter of requests; `{}` counts nothing.
        #[schemars(example = json!({ "requests": 1 }))]
        meter: Option<Map<Positive>>,
        /// What is cut off the front of the path before it goes to the upstream.
        #[schemars(example = &"/api")]
        strip_prefix: Option<At<String>>,
        /// The largest body of a request; 10MB if left out.
        max_body: Option<Size>,
        /// How long the upstream may take to the first byte of its reply, instead of its own time-out.
        timeout: Option<Lasting>,
    }
    later {
        "api", "hold", "public", "params", "body", "response", "durability", "validate", "transform", "headers",
        "project", "cache", "stock", "feature", "approval",
    }
}
