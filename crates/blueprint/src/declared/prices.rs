//! Prices as they are written.

use crate::{
    read::{At, Map, choice, priced, table},
    values::{Amount, Natural, Percent, Positive},
};
use serde_json::json;

table! {
    /// What an organization pays in one currency, by interval.
    struct RawPrice {
        /// Per month, in major units as text.
        month: Option<At<Amount>>,
        /// Per quarter of a year, in major units as text.
        quarter: Option<At<Amount>>,
        /// Per year, in major units as text.
        year: Option<At<Amount>>,
    }
    later { "week", "day", "once" }
}

priced! {
    /// What it costs to go beyond a quota: the price of each started lot, by currency (ISO 4217).
    struct RawOverage {
        by_currency prices: At<Amount>,
        /// How many units of the meter a lot has; 1 if left out.
        per: Option<At<Positive>>,
    }
}

priced! {
    /// What each seat beyond those included costs, by currency (ISO 4217) and interval.
    struct RawSeats {
        by_currency prices: At<RawPrice>,
        /// How many seats the plan's own price covers; none if left out.
        included: Option<Natural>,
        /// The stock whose bound is the number of seats.
        #[schemars(example = &"members")]
        limit: Option<At<String>>,
    }
}

choice! {
    /// How a quantity becomes an amount, if not each unit costs the same.
    enum RawModel {
        /// Each tier's units cost what the tier says.
        Graduated = "graduated",
        /// All units cost what the tier says in which the last of them lies.
        Volume = "volume",
        /// The quantity is an amount itself, of which a share is due.
        Percentage = "percentage",
    }
    later {}
}

table! {
    /// A tier: from the end of the one before it to its own.
    struct RawTier {
        /// The last unit of the tier; the last tier has none.
        up_to: Option<At<Positive>>,
        /// What a unit costs, by currency.
        #[schemars(example = json!({ "USD": "7" }))]
        unit: Option<At<Map<At<Amount>>>>,
        /// What is due once the tier is entered, by currency. The first tier's is due for nothing too.
        #[schemars(example = json!({ "USD": "2" }))]
        flat: Option<At<Map<At<Amount>>>>,
    }
    later {}
}

priced! {
    /// What usage costs: the price of each unit by currency (ISO 4217), of each started lot with `per`, or with a
    /// `model` something else.
    struct RawUsagePrice {
        by_currency prices: At<Amount>,
        /// How a quantity becomes an amount; left out, each unit costs the same.
        model: Option<At<RawModel>>,
        /// How many units a lot has, which costs its price once it is started; each unit costs its own if left out.
        per: Option<At<Positive>>,
        /// The tiers, for `graduated` and `volume`.
        tiers: Option<At<Vec<At<RawTier>>>>,
        /// The share, for `percentage`: 0 to 100, up to 4 decimals, as text.
        percent: Option<At<Percent>>,
        /// What is due besides the share if there is any quantity, by currency.
        #[schemars(example = json!({ "USD": "0.30" }))]
        flat: Option<At<Map<At<Amount>>>>,
        /// How many units cost nothing.
        included: Option<At<Natural>>,
        /// The least it comes to, by currency.
        #[schemars(example = json!({ "USD": "10" }))]
        minimum: Option<At<Map<At<Amount>>>>,
    }
}
