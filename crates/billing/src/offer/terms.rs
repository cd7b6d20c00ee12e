//! What is quoted, and what a plan becomes by it.

use crate::{
    charges::titled,
    definition::{
        Definition, OverageTerms, Recurring, SeatTerms, TrialTerms, UsageTerms, overage_terms, price_in,
    },
};
use insula_blueprint::{Compiled, LimitKind, Per, RETENTION, retention};
use insula_kernel::{Currency, Decimal, Error, FieldError, Instant, Money, Result};
use insula_rating::{Interval, Price};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The longest text of a title or a feature.
const LONGEST: usize = 200;
/// The longest trial.
const MOST_DAYS: u32 = 365;

/// What the operator offers. What isn't said is as the plan it starts from has it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferQuote {
    /// What it is called on invoices; as the plan is if not said.
    pub title: Option<String>,
    /// The currency it is billed in.
    pub currency: Currency,
    /// How often it is paid.
    pub interval: Interval,
    /// What each period costs.
    pub price: Money,
    /// How far limits go; null is unlimited.
    #[serde(default)]
    pub limits: BTreeMap<String, Option<u64>>,
    /// What it offers besides: flags, whole numbers or words.
    #[serde(default)]
    pub features: BTreeMap<String, Json>,
    /// What is billed by the head.
    pub seats: Option<QuotedSeats>,
    /// What usage costs by meter, as under `usage` in a blueprint; null costs nothing.
    #[serde(default)]
    pub usage: BTreeMap<String, Option<Json>>,
    /// What it costs to go beyond quotas, priced like usage; null has no price.
    #[serde(default)]
    pub overage: BTreeMap<String, Option<Json>>,
    /// The least that a period comes to, recurring charges and usage together.
    pub minimum: Option<Money>,
    /// With how many days of trial it begins; with none if not said.
    pub trial_days: Option<u32>,
    /// Until when it can be accepted, in the organization's own time.
    pub expires_at: Instant,
}

/// What is billed by the head.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotedSeats {
    /// How many the price covers.
    pub included: u64,
    /// What each further one costs.
    pub price: Money,
}

/// What is offered.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OfferTerms {
    /// What the plan will be called in the subscription.
    pub plan: String,
    /// What it is called on invoices.
    pub title: Option<String>,
    /// How often it is paid.
    pub interval: Interval,
    /// What each period costs.
    pub price: Money,
    /// What is billed by the head.
    pub seats: Option<QuotedSeats>,
    /// How far limits go; null is unlimited.
    pub limits: BTreeMap<String, Option<u64>>,
    /// What it offers besides.
    pub features: Json,
    /// What usage costs, by meter.
    pub usage: BTreeMap<String, Price>,
    /// What it costs to go beyond quotas, by limit.
    pub overage: BTreeMap<String, Price>,
    /// The least that a period comes to.
    pub minimum: Option<Money>,
    /// With how many days of trial it begins.
    pub trial_days: Option<u32>,
}

impl OfferTerms {
    pub(super) fn of(plan: String, of: &Definition, currency: Currency, interval: Interval) -> Self {
        let zero = Money { minor: 0, currency };
        let minimum = of.minimum.iter().find(|(known, _)| *known == currency);
        let seats = |seats: &SeatTerms| QuotedSeats {
            included: seats.included,
            price: price_in(&seats.prices, currency, interval).unwrap_or(zero),
        };
        let priced = |name: &String, prices: &BTreeMap<String, Price>| {
            Some((name.clone(), prices.get(currency.code())?.clone()))
        };
        Self {
            plan,
            title: of.title.clone(),
            interval,
            price: of.price(currency, interval).unwrap_or(zero),
            seats: of.seats.as_ref().map(seats),
            limits: of.limits.clone(),
            features: of.features.clone(),
            usage: of.usage.iter().filter_map(|terms| priced(&terms.meter, &terms.prices)).collect(),
            overage: of.overage.iter().filter_map(|terms| priced(&terms.limit, &terms.prices)).collect(),
            minimum: minimum.and_then(|(_, least)| Money::rounded(*least, currency).ok()),
            trial_days: of.trial.as_ref().map(|trial| trial.days),
        }
    }
}

/// All that is wrong with a quote.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn add(&mut self, pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.into(), code, detail: detail.into() });
    }
}

impl OfferQuote {
    /// The plan it starts from, on these terms. `now` is the organization's own time.
    ///
    /// # Errors
    /// Every mistake of it, each with its place.
    pub(super) fn definition(&self, base: &str, blueprint: &Compiled, now: Instant) -> Result<Definition> {
        let plan = blueprint.plan_index(base).and_then(|index| blueprint.plan(index)).ok_or_else(|| {
            Error::new(
                insula_kernel::ErrorKind::Conflict,
                "offer.plan_gone",
                "The plan that the offer starts from is gone; withdraw it and start from another.",
            )
        })?;
        let mut definition = Definition::of(plan, blueprint);
        let mut wrong = Wrong::default();
        self.check_amounts(now, &mut wrong);
        let title = self.title.clone().or_else(|| definition.title.clone());
        definition.title = Some(title.unwrap_or_else(|| titled(base)));
        definition.base = Some(base.to_owned());
        definition.prices = vec![Recurring { interval: self.interval, price: self.price }];
        self.put_seats(&mut definition, &mut wrong);
        self.put_limits(&mut definition, blueprint, &mut wrong);
        self.put_features(&mut definition, &mut wrong);
        self.put_usage(&mut definition, blueprint, &mut wrong);
        self.put_overage(&mut definition, blueprint, &mut wrong);
        self.refuse_priced_twice(&definition, &mut wrong);
        definition.minimum.retain(|(currency, _)| *currency == self.currency);
        if let Some(minimum) = self.minimum {
            let least = Decimal::from_scaled(minimum.minor, u32::from(minimum.currency.decimals()));
            definition.minimum = vec![(minimum.currency, least)];
        }
        definition.trial = self.trial_days.map(|days| TrialTerms { days, then: None });
        if wrong.0.is_empty() { Ok(definition) } else { Err(Error::invalid(wrong.0)) }
    }

    fn check_amounts(&self, now: Instant, wrong: &mut Wrong) {
        let amounts = [
            ("/price", Some(self.price)),
            ("/seats/price", self.seats.as_ref().map(|seats| seats.price)),
            ("/minimum", self.minimum),
        ];
        for (pointer, amount) in amounts.into_iter().filter_map(|(at, amount)| Some((at, amount?))) {
            if amount.currency != self.currency {
                let detail = format!("The offer is in {}.", self.currency.code());
                wrong.add(format!("{pointer}/currency"), "mismatch", detail);
            }
            if amount.minor < 0 {
                wrong.add(format!("{pointer}/amount"), "negative", "A price can't be below zero.");
            }
        }
        if self.expires_at <= now {
            wrong.add("/expires_at", "past", format!("It is {now}; an offer must last until later."));
        }
        if self.trial_days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            wrong.add("/trial_days", "out_of_range", format!("A trial has 1 to {MOST_DAYS} days."));
        }
        let title = self.title.as_deref().map(|title| title.trim().chars().count());
        if title.is_some_and(|length| !(1..=LONGEST).contains(&length)) {
            wrong.add("/title", "length", format!("Say it in 1 to {LONGEST} characters."));
        }
    }

    fn put_seats(&self, definition: &mut Definition, wrong: &mut Wrong) {
        let limit = definition.seats.as_ref().and_then(|seats| seats.limit.clone());
        if let Some(QuotedSeats { included, price }) = self.seats {
            let prices = vec![Recurring { interval: self.interval, price }];
            definition.seats = Some(SeatTerms { included, limit, prices });
            return;
        }
        let Some(seats) = &mut definition.seats else { return };
        match price_in(&seats.prices, self.currency, self.interval) {
            Some(price) => seats.prices = vec![Recurring { interval: self.interval, price }],
            None => {
                let detail = "The plan is billed by the seat, but not in this currency and interval; say what \
                              one costs.";
                wrong.add("/seats", "required", detail);
            }
        }
    }

    fn put_limits(&self, definition: &mut Definition, blueprint: &Compiled, wrong: &mut Wrong) {
        let by_seat = definition.seats.as_ref().and_then(|seats| seats.limit.clone());
        for (name, bound) in &self.limits {
            let pointer = format!("/limits/{name}");
            let limit = blueprint.limit_index(name).and_then(|index| blueprint.limit(index));
            match limit.map(|limit| &limit.kind) {
                None => wrong.add(pointer, "unknown", format!("There is no limit `{name}`.")),
                Some(LimitKind::Rate { per: Per::Address, .. }) => {
                    wrong.add(pointer, "not_by_plan", format!("`{name}` is the same for all plans."));
                }
                Some(_) if by_seat.as_ref() == Some(name) => {
                    wrong.add(pointer, "by_seat", format!("`{name}` is the number of seats."));
                }
                Some(_) => {
                    definition.limits.insert(name.clone(), *bound);
                }
            }
        }
    }

    fn put_features(&self, definition: &mut Definition, wrong: &mut Wrong) {
        for (name, value) in &self.features {
            let fits = match value {
                Json::Bool(_) => true,
                Json::Number(number) => number.is_i64(),
                Json::String(text) => text.chars().count() <= LONGEST,
                _ => false,
            };
            let is_retention = |value: &Json| value.as_str().and_then(retention).is_some();
            if name == RETENTION && !is_retention(value) {
                let detail = "Say for how many days usage is shown, such as `30d`.";
                wrong.add(format!("/features/{name}"), "malformed", detail);
            } else if !fits {
                let detail = "A feature is a flag, a whole number, or a word or two.";
                wrong.add(format!("/features/{name}"), "wrong_type", detail);
            } else if let Some(features) = definition.features.as_object_mut() {
                features.insert(name.clone(), value.clone());
            }
        }
    }

    fn put_usage(&self, definition: &mut Definition, blueprint: &Compiled, wrong: &mut Wrong) {
        for (name, price) in &self.usage {
            let pointer = format!("/usage/{name}");
            let meter = blueprint.meter_index(name).and_then(|index| blueprint.meter(index));
            let Some(meter) = meter else {
                wrong.add(pointer, "unknown", format!("There is no meter `{name}`."));
                continue;
            };
            definition.usage.retain(|terms| terms.meter != *name);
            if let Some(price) = price.as_ref().and_then(|price| self.price_of(price, &pointer, wrong)) {
                let prices = BTreeMap::from([(self.currency.code().to_owned(), price)]);
                definition.usage.push(UsageTerms { meter: name.clone(), scale: meter.scale, prices });
            }
        }
        definition.usage.sort_by(|one, other| one.meter.cmp(&other.meter));
        for UsageTerms { meter, prices, .. } in &mut definition.usage {
            self.keep_currency(prices, format!("/usage/{meter}"), wrong);
        }
    }

    fn put_overage(&self, definition: &mut Definition, blueprint: &Compiled, wrong: &mut Wrong) {
        for (name, price) in &self.overage {
            let pointer = format!("/overage/{name}");
            definition.overage.retain(|terms| terms.limit != *name);
            let Some(price) = price else { continue };
            let Some(price) = self.price_of(price, &pointer, wrong) else { continue };
            let prices = BTreeMap::from([(self.currency.code().to_owned(), price)]);
            match blueprint.limit_index(name).and_then(|index| overage_terms(index, prices, blueprint)) {
                Some(terms) => definition.overage.push(terms),
                None => wrong.add(pointer, "unknown", format!("There is no quota `{name}`.")),
            }
        }
        definition.overage.sort_by(|one, other| one.limit.cmp(&other.limit));
        for OverageTerms { limit, prices, .. } in &mut definition.overage {
            self.keep_currency(prices, format!("/overage/{limit}"), wrong);
        }
    }

    /// What the plan charges in other currencies must not come to nothing in this one unsaid.
    fn keep_currency(&self, prices: &mut BTreeMap<String, Price>, pointer: String, wrong: &mut Wrong) {
        prices.retain(|code, _| code == self.currency.code());
        if prices.is_empty() {
            let detail = "The plan has no such price in this currency; say what it is, or null for none.";
            wrong.add(pointer, "required", detail);
        }
    }

    /// A meter is priced from its first unit or beyond a quota, never both.
    fn refuse_priced_twice(&self, definition: &Definition, wrong: &mut Wrong) {
        for overage in &definition.overage {
            if definition.usage.iter().any(|usage| usage.meter == overage.meter) {
                let detail = format!(
                    "`{}` is priced from the first unit and beyond `{}`; set one of them to null.",
                    overage.meter, overage.limit
                );
                wrong.add(format!("/usage/{}", overage.meter), "priced_twice", detail);
            }
        }
    }

    fn price_of(&self, written: &Json, pointer: &str, wrong: &mut Wrong) -> Option<Price> {
        match insula_blueprint::parse_price(written, self.currency.code()) {
            Ok(price) => Some(price),
            Err(mistakes) => {
                for (at, message, help) in mistakes {
                    wrong.add(format!("{pointer}{at}"), "malformed", format!("{message}: {help}"));
                }
                None
            }
        }
    }
}
