//! The lines of invoices: what recurs, what is given back, what was used. Pure: what it needs was read before.

use crate::{
    account::{Config, Taken},
    definition::{AddOnDefinition, Definition, price_in},
};
use insula_kernel::{Currency, Decimal, Error, ErrorKind, Instant, Money, Period, Result};
use insula_rating::{Anchor, Proration, RatingError, Share, TooLarge, credit};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, sync::Arc};

/// What a line is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A plan, its seats or an add-on, for a period to come.
    Charge,
    /// The part of a charge that isn't used.
    Credit,
    /// What was used.
    Usage,
    /// What was used beyond a limit.
    Overage,
    /// What is missing to the plan's minimum.
    Minimum,
    /// What came too late for the invoice of its period.
    Adjustment,
    /// What the operator added.
    OneOff,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Credit => "credit",
            Self::Usage => "usage",
            Self::Overage => "overage",
            Self::Minimum => "minimum",
            Self::Adjustment => "adjustment",
            Self::OneOff => "one_off",
        }
    }
}

/// The events behind a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Behind {
    pub(crate) meter: String,
    /// In the meter's smallest units.
    pub(crate) units: i64,
    pub(crate) events: i64,
    pub(crate) digest: i64,
    /// Their numbers lie above this one…
    pub(crate) settled_from: i64,
    /// …and go up to this one.
    pub(crate) settled_to: i64,
}

/// A line of an invoice. Amounts are in minor units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// Names what is charged: no two lines of an organization have the same.
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) item: String,
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) cycle_start: Instant,
    pub(crate) period: Period,
    pub(crate) quantity: String,
    pub(crate) amount: i64,
    /// What the whole cycle costs.
    pub(crate) whole: i64,
    pub(crate) adjusts: Option<String>,
    pub(crate) behind: Option<Behind>,
    /// How the amount came about.
    pub(crate) work: Json,
}

/// What a subscription is charged again and again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Recurs {
    pub(crate) item: String,
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) quantity: u64,
    pub(crate) unit: Money,
    pub(crate) whole: Money,
}

/// What a configuration refers to.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) plan: Arc<Definition>,
    pub(crate) add_ons: BTreeMap<String, (Taken, Arc<AddOnDefinition>)>,
}

/// How time is shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar<'a> {
    pub(crate) anchor: &'a Anchor,
    pub(crate) proration: Proration,
}

impl Calendar<'_> {
    fn share(&self, part: Period, whole: Period) -> Share {
        Share::of(part, whole, self.proration, self.anchor)
    }
}

/// An amount that can't be: the answer to it.
pub(crate) fn too_large(_: TooLarge) -> Error {
    let detail = "The amount is larger than an invoice can hold.";
    Error::new(ErrorKind::Invalid, "billing.amount_too_large", detail)
}

pub(crate) fn unratable(why: RatingError) -> Error {
    match why {
        RatingError::TooLarge => too_large(TooLarge),
        RatingError::Negative => Error::new(
            ErrorKind::Invalid,
            "billing.negative_quantity",
            "A quantity below zero can't be rated.",
        ),
    }
}

impl Offer {
    /// What recurs under a configuration, each with what a whole cycle costs; what costs nothing is left out.
    pub(crate) fn recurs(&self, config: &Config) -> Result<Vec<Recurs>> {
        let Config { plan, version, currency, interval, .. } = config;
        let title = self.plan.title.clone().unwrap_or_else(|| titled(plan));
        let per = interval.name();
        let price = self.plan.price(*currency, *interval);
        let mut all =
            vec![Recurs::new(format!("plan:{plan}"), *version, format!("{title}, per {per}"), 1, price)?];
        if let Some(seats) = &self.plan.seats {
            let further = config.seats.saturating_sub(seats.included);
            let price = price_in(&seats.prices, *currency, *interval);
            let description = format!("{title}: further seats, per {per}");
            all.push(Recurs::new(format!("seats:{plan}"), *version, description, further, price)?);
        }
        for (name, (taken, definition)) in &self.add_ons {
            let price = price_in(&definition.prices, *currency, *interval);
            let title = definition.title.clone().unwrap_or_else(|| titled(name));
            let (item, description) = (format!("addon:{name}"), format!("{title}, per {per}"));
            all.push(Recurs::new(item, taken.version, description, u64::from(taken.quantity), price)?);
        }
        let all = all.into_iter().flatten().collect();
        Ok(all)
    }
}

impl Recurs {
    /// So many of something; nothing if there are none, or if it costs nothing.
    fn new(
        item: String,
        version: i64,
        description: String,
        quantity: u64,
        unit: Option<Money>,
    ) -> Result<Option<Self>> {
        let Some(unit) = unit.filter(|unit| unit.minor != 0 && quantity > 0) else { return Ok(None) };
        let whole = i64::try_from(quantity).ok().and_then(|count| unit.minor.checked_mul(count));
        let whole = Money { minor: whole.ok_or_else(|| too_large(TooLarge))?, ..unit };
        Ok(Some(Self { item, version, description, quantity, unit, whole }))
    }

    /// The charge from an instant to the end of a cycle.
    pub(crate) fn charge(&self, from: Instant, cycle: Period, calendar: Calendar<'_>) -> Result<Line> {
        let period = Period { start: from, end: cycle.end };
        let share = calendar.share(period, cycle);
        let amount = share.of_amount(self.whole).map_err(too_large)?;
        let Self { item, version, quantity, .. } = self;
        Ok(Line {
            key: format!("{item}@{version}x{quantity}/{}/{}", cycle.start.as_micros(), from.as_micros()),
            kind: Kind::Charge,
            item: item.clone(),
            version: *version,
            description: self.description.clone(),
            cycle_start: cycle.start,
            period,
            quantity: quantity.to_string(),
            amount: amount.minor,
            whole: self.whole.minor,
            adjusts: None,
            behind: None,
            work: json!({
                "unit": self.unit, "quantity": quantity.to_string(), "whole": self.whole,
                "share": share.exact(), "counted": [share.part, share.whole],
            }),
        })
    }
}

/// A charge that was debited and not given back yet.
#[derive(Clone, Debug)]
pub(crate) struct Debited {
    pub(crate) key: String,
    pub(crate) item: String,
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) cycle_start: Instant,
    pub(crate) period: Period,
    pub(crate) quantity: String,
    pub(crate) amount: i64,
    pub(crate) whole: i64,
    /// What of its invoice was given back by credit notes.
    pub(crate) credited: i64,
}

impl Debited {
    /// Whether it is for the same as what would be charged.
    pub(crate) fn is_for(&self, recurs: &Recurs) -> bool {
        self.item == recurs.item
            && self.version == recurs.version
            && self.quantity == recurs.quantity.to_string()
            && self.whole == recurs.whole.minor
    }

    /// What is given back for the rest of its period from an instant on; nothing if that rounds to nothing.
    pub(crate) fn credit(
        &self,
        from: Instant,
        currency: Currency,
        calendar: Calendar<'_>,
    ) -> Result<Option<Line>> {
        let cycle = Period { start: self.cycle_start, end: self.period.end };
        let rest = Period { start: from, end: self.period.end };
        let share = calendar.share(rest, cycle);
        let money = |minor| Money { minor, currency };
        let back =
            credit(money(self.whole), share, money(self.amount), money(self.credited)).map_err(too_large)?;
        Ok((back.minor != 0).then(|| Line {
            key: format!("credit:{}", self.key),
            kind: Kind::Credit,
            item: self.item.clone(),
            version: self.version,
            description: format!("{}: not used", self.description),
            cycle_start: self.cycle_start,
            period: rest,
            quantity: self.quantity.clone(),
            amount: -back.minor,
            whole: self.whole,
            adjusts: Some(self.key.clone()),
            behind: None,
            work: json!({
                "whole": money(self.whole), "share": share.exact(), "counted": [share.part, share.whole],
                "debited": money(self.amount), "credited_before": money(self.credited),
            }),
        }))
    }
}

/// A quantity in units of its meter.
pub(crate) fn units(smallest: i64, scale: insula_kernel::Scale) -> Decimal {
    Decimal::from_scaled(smallest, u32::from(scale.places()))
}

/// A name as a title.
pub(crate) fn titled(name: &str) -> String {
    let mut letters = name.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    first + &letters.as_str().replace('_', " ")
}
