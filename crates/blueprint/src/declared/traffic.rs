//! Upstreams and routes as they are written.

use crate::{
    diagnostics::{Place, Report},
    read::{At, Map, Read, Required, choice, table, wrong_type},
    values::{Lasting, Natural, Positive, Size, Ttl},
    wire::{EventType, FieldName, JsonPath, Source},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;
use toml::de::DeValue;

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

choice! {
    /// Whose body's bytes count.
    enum RawBodySide {
        /// The request's.
        Request = "request",
        /// The reply's.
        Reply = "reply",
        /// Both.
        Both = "both",
    }
    later {}
}

table! {
    /// A quantity that only the request and its reply tell: exactly one of `reply_json`, `reply_header` and `bytes`.
    struct RawMeasured {
        /// Where the reply's JSON has it: `$.usage.total_tokens`.
        reply_json: Option<Required<At<JsonPath>>>,
        /// The field of the reply's header that has it.
        reply_header: Option<Required<At<FieldName>>>,
        /// Whose body's bytes are counted, in started pieces of `per`.
        bytes: Option<Required<At<RawBodySide>>>,
        /// The size of a piece, with `bytes`; a byte if left out.
        #[schemars(example = &"1KB")]
        per: Option<At<Size>>,
        /// What is taken out of quotas before the request goes on, and charged where the reply doesn't say; 0 if left
        /// out.
        reserve: Option<Natural>,
    }
    later {}
}

/// What a request counts on a meter.
#[derive(Clone, Debug)]
pub(crate) enum RawCost {
    /// Always the same.
    Fixed(Positive),
    /// What the bodies or the reply tell.
    Measured(At<RawMeasured>),
}

impl Read for RawCost {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        match value {
            DeValue::Integer(_) => Positive::read(value, at, report).map(Self::Fixed),
            DeValue::Table(_) => At::read(value, at, report).map(Self::Measured),
            _ => wrong_type(
                "a whole number, or a table such as `{ reply_json = \"$.usage\", reserve = 1 }`,",
                value,
                at,
                report,
            ),
        }
    }
}

impl JsonSchema for RawCost {
    fn schema_name() -> Cow<'static, str> {
        "RawCost".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a request counts on a meter.",
            "anyOf": [generator.subschema_for::<Positive>(), generator.subschema_for::<RawMeasured>()],
        })
    }
}

table! {
    /// What a request holds.
    struct RawRouteHold {
        /// The limit: a hold, or a stock of the product's own.
        #[schemars(example = &"concurrent_jobs")]
        limit: Required<At<String>>,
        /// Where the reply's JSON names what is held. Left out, it is held as long as the request goes on.
        #[schemars(example = &"$.job_id")]
        key: Option<Required<At<JsonPath>>>,
        /// The type of the event that ends it, which names it at the place of `key` in its data, or as its subject.
        #[schemars(example = &"job.finished")]
        until: Option<At<EventType>>,
        /// For how long it is held unless it is renewed, 1 second to 30 days: needed with `key`, but for a stock, which
        /// is held until it is ended.
        #[schemars(example = &"15m")]
        ttl: Option<Required<At<Ttl>>>,
    }
    later {}
}

choice! {
    /// What must be on the disk before a request is forwarded.
    enum RawDurability {
        /// The intent to serve it.
        Sync = "sync",
    }
    later {}
}

choice! {
    /// What a connection goes on as, once the upstream has agreed.
    enum RawUpgrade {
        /// A WebSocket, by RFC 6455.
        WebSocket = "websocket",
    }
    later {}
}

table! {
    /// Requests that go to an upstream, or to an operation of Insula's own.
    struct RawRoute {
        /// Method and path: `GET /api/jobs/{id}`, `* /files/{*rest}`. `*` is every method, `{name}` one segment,
        /// `{*name}` at the end all that remains, nothing included.
        #[schemars(example = &"POST /api/jobs", regex(pattern = r"^(\*|[A-Z]+) /"))]
        pattern as "match": Required<At<String>>,
        /// The upstream that answers: needed where `api` isn't there.
        #[schemars(example = &"scraper")]
        upstream: Option<Required<At<String>>>,
        /// The operation of Insula's own API that answers instead of an upstream, by its id.
        #[schemars(example = &"listOrganizations")]
        api: Option<Required<At<String>>>,
        /// What the parameters of the operation's path and query are, beside `api`. Left out, a parameter of the path is
        /// the segment of the same name, `org` of an organization's operation the caller's own; the query goes as it is.
        #[schemars(example = json!({ "org": "$path.id" }))]
        params: Option<At<Map<At<Source>>>>,
        /// What the operation's body has where, beside `api`; left out, the body goes as it is.
        #[schemars(example = json!({ "name": "$.company" }))]
        body: Option<At<Map<At<Source>>>>,
        /// What the reply has where, beside `api`; left out, the operation's reply goes as it is.
        #[schemars(example = json!({ "tenant_id": "$.id" }))]
        response: Option<At<Map<At<Source>>>>,
        /// The permission a caller needs; left out, every authenticated caller of an organization may.
        #[schemars(example = &"scraping:create")]
        permission: Option<At<String>>,
        /// The feature that the organization's plan must offer: refused with 402 unless it is true there, or a text
        /// other than "none".
        #[schemars(example = &"api_access")]
        feature: Option<At<String>>,
        /// What a request counts, by meter of requests: a whole number, or what the reply says. Left out, it counts 1 on
        /// every meter of requests; `{}` counts nothing.
        #[schemars(example = json!({ "requests": 1 }))]
        meter: Option<Map<RawCost>>,
        /// What a request holds, as long as it goes on or, with a `key`, longer.
        #[schemars(example = json!({ "limit": "concurrent_jobs", "key": "$.job_id", "until": "job.finished", "ttl": "15m" }))]
        hold: Option<RawRouteHold>,
        /// Quotas that must not be used up, though the request itself counts nothing on them.
        #[schemars(example = json!(["compute_per_month"]))]
        within: Option<Vec<At<String>>>,
        /// What must be on the disk before the request is forwarded; if left out, it is there soon after.
        durability: Option<RawDurability>,
        /// `"websocket"`: the route is a WebSocket. Its method is `GET`.
        upgrade: Option<At<RawUpgrade>>,
        /// What is cut off the front of the path before it goes to the upstream.
        #[schemars(example = &"/api")]
        strip_prefix: Option<At<String>>,
        /// The largest body of a request; 10MB if left out.
        max_body: Option<Size>,
        /// How long the upstream may take to the first byte of its reply, instead of its own time-out.
        timeout: Option<Lasting>,
    }
    later {
        "public", "validate", "transform", "headers", "project", "cache",
        "approval",
    }
}
