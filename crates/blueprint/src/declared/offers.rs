//! Meters, limits and plans as they are written.

use crate::{
    diagnostics::{Place, Report},
    read::{At, Map, Read, Required, choice, table, wrong_type},
    values::{Amount, Bound, Feature, Positive},
    wire::{EventType, Property},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;
use std::borrow::Cow;
use toml::de::DeValue;

choice! {
    /// How events become a quantity.
    enum RawAggregate {
        /// How many there are; a request counts what its route says.
        Count = "count",
        /// The sum of a property.
        Sum = "sum",
        /// The greatest value of a property.
        Max = "max",
        /// How many different values a property has.
        Unique = "unique",
        /// The latest value of a property.
        Last = "last",
    }
    later { "average" }
}

table! {
    /// How usage becomes a quantity.
    struct RawMeter {
        /// The type of the events that are counted: `request`, which the gateway alone writes, or any other, which
        /// upstreams report.
        event: Required<At<EventType>>,
        /// How they become a quantity; `count` for requests.
        aggregate: Required<At<RawAggregate>>,
        /// The property of the event's data that is aggregated, with dots to go deeper: for everything but `count`.
        #[schemars(example = &"usage.total")]
        of: Option<At<Property>>,
        /// How many decimals are kept, 0 to 9: for `sum`, `max` and `last`. Whole numbers if left out.
        #[schemars(range(min = 0, max = 9))]
        scale: Option<At<i64>>,
        /// What one of it is called. If left out, `request` for requests, else as the meter.
        #[schemars(example = &"second")]
        unit: Option<At<String>>,
        /// Properties of the event's data by which usage can be told apart, at most 4, besides project, key, user,
        /// operation and environment. Not for requests.
        #[schemars(default, example = json!(["site"]))]
        group_by: Vec<At<Property>>,
        /// What one unit costs in usage reports, by currency: up to 12 decimals, as text.
        #[schemars(default, example = json!({ "USD": "0.00002" }))]
        cost: Map<At<Amount>>,
    }
    later { "filter", "title" }
}

choice! {
    /// What a limit bounds, if not the quantity of a meter.
    enum RawKind {
        /// Requests in a second or minute, smoothed (GCRA).
        Rate = "rate",
        /// How many of something are held at once.
        Hold = "hold",
        /// How many of something exist.
        Stock = "stock",
    }
    later {}
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
        /// A month of the subscription's billing, from one monthly anniversary to the next.
        Month = "month",
    }
    later {}
}

choice! {
    /// Whom a limit counts for: each has all of it.
    enum RawPer {
        /// Each network address, before anyone is authenticated; for rates.
        Address = "address",
        /// Each credential: an API key, or a member of an organization.
        Key = "key",
        /// Each project.
        Project = "project",
        /// Each team.
        Team = "team",
        /// The organization as a whole.
        Organization = "organization",
    }
    later { "user" }
}

choice! {
    /// What happens to what would go beyond a limit.
    enum RawOnExceed {
        /// It is refused.
        Reject = "reject",
        /// It is let through, and said; for quotas.
        Warn = "warn",
        /// It is let through, and costs what the plan says under `overage`; for quotas.
        Bill = "bill",
    }
    later {}
}

table! {
    /// Something that is bounded: the quantity of a meter (`meter` and `window`), a rate (`kind = "rate"` and `window`),
    /// how much is held at once (`kind = "hold"`), or how much exists (`kind = "stock"`). Each plan says how far it goes.
    struct RawLimit {
        /// What the limit bounds; left out, it is the quantity of a meter per hour, day or month.
        kind: Option<At<RawKind>>,
        /// The meter whose quantity is bounded: one that counts or sums.
        #[schemars(example = &"requests")]
        meter: Option<At<String>>,
        /// The time over which it counts: hour, day or month with a meter, second or minute for a rate.
        window: Option<At<RawWindow>>,
        /// Whom it counts for. If left out, each key for a rate, else the organization.
        per: Option<At<RawPer>>,
        /// How many requests a rate lets through at once; as many as the plan allows per window if left out.
        burst: Option<At<Positive>>,
        /// The routes whose requests a rate counts, each as under `match`; all of them if left out.
        #[schemars(example = json!(["POST /api/jobs"]))]
        routes: Option<At<Vec<At<String>>>>,
        /// What happens to what would go beyond a quota; it is refused if left out.
        on_exceed: Option<At<RawOnExceed>>,
        /// At which percentages of a quota or a stock to warn; 80, 90 and 100 if left out.
        #[schemars(example = json!([80, 90, 100]))]
        warn_at: Option<At<Vec<At<i64>>>>,
        /// How far it goes on plans that don't name it, and for an address: a whole number or "unlimited".
        default: Option<At<Bound>>,
    }
    later { "title", "unit", "overage" }
}

/// What it costs to go beyond a quota: prices by currency, and `per` beside them.
#[derive(Clone, Debug)]
pub(crate) struct RawOverage {
    pub(crate) at: Place,
    pub(crate) prices: Map<At<Amount>>,
    pub(crate) per: Option<At<Positive>>,
}

impl Read for RawOverage {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.as_table() else {
            return wrong_type("a table such as `{ USD = \"0.01\" }`", value, at, report);
        };
        let prices = Map::of(table.iter().filter(|(key, _)| key.get_ref() != "per"), report);
        let per = table.get("per").and_then(|per| At::read(per.get_ref(), &per.span(), report));
        Some(Self { at: at.clone(), prices, per })
    }
}

impl JsonSchema for RawOverage {
    fn schema_name() -> Cow<'static, str> {
        "RawOverage".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What it costs to go beyond a quota: the price of each started lot, by currency (ISO 4217).",
            "type": "object",
            "properties": {
                "per": {
                    "description": "How many units of the meter a lot has; 1 if left out.",
                    "allOf": [generator.subschema_for::<Positive>()],
                },
            },
            "additionalProperties": generator.subschema_for::<Amount>(),
        })
    }
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
        /// How far each limit goes: a whole number or "unlimited". Every limit must be named that has no default.
        #[schemars(default, example = json!({ "requests_per_day": 100, "members": 5 }))]
        limits: Map<At<Bound>>,
        /// What it costs to go beyond a quota: the price of each started lot by currency, and how many units a lot has
        /// (`per`, 1 if left out). For quotas that are billed, and those that organizations may let go on.
        #[schemars(default, example = json!({ "requests_per_day": { "USD": "0.50", "per": 1000 } }))]
        overage: Map<RawOverage>,
        /// What the plan offers besides, for the console, for routes that need a feature, and for upstreams.
        #[schemars(default, example = json!({ "support": "community" }))]
        features: Map<Feature>,
        /// The rank among plans, 0 to 1000; upstreams are told. 1 if left out.
        priority: Option<At<i64>>,
        /// Whether organizations can choose the plan themselves; true if left out.
        self_service: Option<bool>,
    }
    later {
        "trial_days", "after_trial", "grace_days", "addons", "seats", "tiers", "usage", "public", "isolation",
        "title", "description", "minimum",
    }
}
