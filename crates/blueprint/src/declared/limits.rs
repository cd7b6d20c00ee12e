//! Meters and limits as they are written.

use crate::{
    read::{At, Map, Required, choice, table},
    values::{Amount, Bound, Positive},
    wire::{EventType, Property},
};
use serde_json::json;

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
