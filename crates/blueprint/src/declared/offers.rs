//! Plans, add-ons and billing as they are written.

use super::prices::{RawOverage, RawPrice, RawSeats, RawUsagePrice};
use crate::{
    read::{At, Map, Required, choice, table},
    values::{Amount, Bound, Feature, Percent, Positive, Term},
};
use serde_json::json;

table! {
    /// What an organization can be on.
    struct RawPlan {
        /// What people see instead of the plan's name, 1 to 100 characters.
        #[schemars(example = &"Pro")]
        title: Option<At<String>>,
        /// For whom the plan is, in up to 500 characters.
        #[schemars(example = &"For teams")]
        description: Option<At<String>>,
        /// The price by currency (ISO 4217) and interval. May be left out if the plan can't be taken by self-service.
        #[schemars(default, example = json!({ "USD": { "month": "29.00" } }))]
        price: Map<At<RawPrice>>,
        /// The price of each seat beyond those included, where the plan is billed by the head.
        #[schemars(example = json!({ "included": 1, "limit": "members", "USD": { "month": "5" } }))]
        seats: Option<At<RawSeats>>,
        /// The least that a billing period comes to, recurring charges and usage together, by currency.
        #[schemars(example = json!({ "USD": "100" }))]
        minimum: Option<At<Map<At<Amount>>>>,
        /// How far each limit goes: a whole number or "unlimited". Every limit must be named that has no default.
        #[schemars(default, example = json!({ "requests_per_day": 100, "members": 5 }))]
        limits: Map<At<Bound>>,
        /// What usage costs from the first unit on, by meter.
        #[schemars(default, example = json!({ "tokens": { "USD": "0.00002" } }))]
        usage: Map<At<RawUsagePrice>>,
        /// What it costs to go beyond a quota: the price of each started lot by currency, and how many units a lot has
        /// (`per`, 1 if left out). For quotas that are billed, and those that organizations may let go on.
        #[schemars(default, example = json!({ "requests_per_day": { "USD": "0.50", "per": 1000 } }))]
        overage: Map<At<RawOverage>>,
        /// What the plan offers besides, for the console, for routes that need a feature, and for upstreams.
        #[schemars(default, example = json!({ "support": "community" }))]
        features: Map<At<Feature>>,
        /// For how many days a subscription costs nothing at first, 1 to 365; no trial if left out.
        #[schemars(range(min = 1, max = 365))]
        trial_days: Option<At<i64>>,
        /// What comes after the trial where no payment method is known: "past_due", or a plan to go on with.
        /// "past_due" if left out.
        #[schemars(example = &"past_due")]
        after_trial: Option<At<String>>,
        /// For how many days an organization is past due before it is suspended, 0 to 90; 7 if left out.
        #[schemars(range(min = 0, max = 90))]
        grace_days: Option<At<i64>>,
        /// The rank among plans, 0 to 1000; upstreams are told. 1 if left out.
        priority: Option<At<i64>>,
        /// Whether organizations can choose the plan themselves; true if left out.
        self_service: Option<bool>,
    }
    later { "addons", "tiers", "public", "isolation" }
}

table! {
    /// What organizations can take besides their plan.
    struct RawAddOn {
        /// What people see instead of the add-on's name, 1 to 100 characters.
        #[schemars(example = &"Advanced analytics")]
        title: Option<At<String>>,
        /// The price of each one taken, by currency (ISO 4217) and interval.
        #[schemars(default, example = json!({ "USD": { "month": "99" } }))]
        price: Map<At<RawPrice>>,
        /// The plans it can be had on; all of them if left out.
        #[schemars(example = json!(["pro"]))]
        plans: Option<At<Vec<At<String>>>>,
        /// What each one taken adds to how far the plan's limits go.
        #[schemars(default, example = json!({ "requests_per_day": 500 }))]
        limits: Map<At<Positive>>,
        /// What is offered as long as it is taken, whatever the plan says.
        #[schemars(default, example = json!({ "advanced_analytics": true }))]
        features: Map<At<Feature>>,
        /// How many can be taken, up to 1000; 1 if left out.
        #[schemars(range(max = 1000))]
        most: Option<At<Positive>>,
    }
    later { "description", "self_service", "usage" }
}

choice! {
    /// How time is counted in a share of a period.
    enum RawProration {
        /// By the second.
        Second = "second",
        /// By the day of the organization's calendar.
        Day = "day",
    }
    later {}
}

choice! {
    /// What a change of plan does with the anchor of billing.
    enum RawAnchor {
        /// Periods go on as they were.
        Keep = "keep",
        /// A new period begins with the change.
        Reset = "reset",
    }
    later {}
}

table! {
    /// A tax on what is billed.
    struct RawTax {
        /// What it is called on invoices.
        #[schemars(example = &"Consumption tax")]
        name: Required<At<String>>,
        /// How much it is: 0 to 100 percent, up to 4 decimals, as text.
        percent: Required<At<Percent>>,
        /// Whether prices contain it already; false if left out.
        inclusive: Option<bool>,
        /// The countries of customers who pay it (ISO 3166-1 alpha-2); every customer if left out.
        #[schemars(example = json!(["JP"]))]
        countries: Option<At<Vec<At<String>>>>,
    }
    later { "reverse_charge" }
}

table! {
    /// How invoices are made.
    struct RawBilling {
        /// Who issues invoices; the product's name if left out.
        #[schemars(example = &"Scraper Inc.")]
        seller: Option<At<String>>,
        /// What the numbers of invoices begin with, 1 to 12 of `A`–`Z`, `0`–`9` and `-`; `INV` if left out.
        #[schemars(example = &"INV", regex(pattern = "^[A-Z0-9-]{1,12}$"))]
        invoice_prefix: Option<At<String>>,
        /// The time zone (IANA) on whose calendar organizations are billed that don't say theirs; `UTC` if left out.
        #[schemars(example = &"Asia/Tokyo")]
        time_zone: Option<At<String>>,
        /// How time is counted in a share of a period; by the second if left out.
        proration: Option<RawProration>,
        /// What a change of plan does with the anchor of billing; it is kept if left out.
        anchor: Option<RawAnchor>,
        /// How long a period that ended waits for late events before its invoice is final: 1h to 30d, 1h if left out.
        #[schemars(example = &"1h")]
        grace: Option<At<Term>>,
        /// How long after that the invoice is due: up to 90d, 30d if left out.
        #[schemars(example = &"14d")]
        payment_terms: Option<At<Term>>,
        /// Taxes; the first that fits the customer applies.
        #[schemars(default, example = json!({ "consumption": { "name": "Consumption tax", "percent": "10", "countries": ["JP"] } }))]
        taxes: Map<RawTax>,
    }
    later {}
}
