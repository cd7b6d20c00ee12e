//! What was used and what it cost, as a report shows it.

use super::{Asked, Stretch};
use crate::cost::{Cost, Price, sum};
use insula_blueprint::{Aggregate, Compiled, Meter};
use insula_kernel::{Currency, Decimal, KeyId, Quantity, Result};
use insula_metering::usage::{self, Share, Windows};
use insula_storage::TenantTx;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of those that usage is told apart by are named; what is left goes together.
const NAMED: usize = 20;
/// The decimals of the cost of one event.
const FINEST: u32 = 12;

/// What was used of a meter.
#[derive(Serialize, JsonSchema)]
pub(super) struct MeterReport {
    pub(super) meter: String,
    /// What one of it is called.
    unit: String,
    /// How its events become one quantity.
    #[schemars(with = "String", extend("enum" = ["count", "sum", "max", "unique", "last"]))]
    aggregate: Aggregate,
    /// How much was used, in the meter's unit: a decimal, as all quantities here.
    quantity: String,
    /// How much was used in the time before.
    previous: String,
    /// By how much that changed, in percent with one decimal; null where nothing was used before, or not all of it is
    /// shown.
    trend: Option<String>,
    /// What one unit costs; null where that isn't said in this currency.
    unit_cost: Option<String>,
    /// What it cost: the quantity times the cost of one.
    cost: Option<Cost>,
    /// Day by day, in UTC; the first and the last are cut off where the period begins and ends.
    days: Vec<DayOfMeter>,
    /// By what it was told apart; null for meters whose quantities don't add up.
    breakdown: Option<Breakdown>,
}

/// What was used of a meter on a day.
#[derive(Serialize, JsonSchema)]
struct DayOfMeter {
    #[serde(flatten)]
    stretch: Stretch,
    value: String,
}

/// Who and what used a meter.
#[derive(Serialize, JsonSchema)]
pub(super) struct Breakdown {
    operation: Shares,
    project: Shares,
    key: Shares,
}

/// The largest shares first.
#[derive(Serialize, JsonSchema)]
struct Shares {
    /// At most 20.
    items: Vec<ShareOfMeter>,
    /// What all others have together; null where there are none.
    other: Option<ShareOfMeter>,
}

/// What one of them used.
#[derive(Serialize, JsonSchema)]
struct ShareOfMeter {
    /// Which; null for usage that has none, and for all others together.
    value: Option<String>,
    quantity: String,
    /// In how many events.
    events: i64,
    /// Its share in the quantity, and so in the cost, in percent with one decimal.
    share: String,
    cost: Option<Cost>,
}

/// What an operation cost.
#[derive(Serialize, JsonSchema)]
pub(super) struct OperationCost {
    /// A route, or the type of a reported event.
    pub(super) operation: String,
    /// How many events it had: on the meter that counts most of them.
    pub(super) events: i64,
    /// What they cost; null where no meter that counts them has a cost.
    pub(super) cost: Option<Cost>,
    /// What one of them cost, in major units with up to 12 decimals.
    cost_per_event: Option<String>,
    /// Its share in what all operations cost, in percent with one decimal.
    pub(super) share: Option<String>,
    #[serde(skip)]
    pub(super) exact: Decimal,
}

/// What was used and what it cost.
pub(super) struct Figures {
    pub(super) meters: Vec<MeterReport>,
    pub(super) operations: Vec<OperationCost>,
    pub(super) cost: Option<Cost>,
}

/// A part of a whole in percent, with one decimal.
fn percent(part: Decimal, whole: Decimal) -> Option<String> {
    let hundredfold = part.checked_mul(Decimal::from_scaled(100, 0))?;
    hundredfold.quotient(whole, 1).map(|percent| percent.to_string())
}

/// What events of an operation come to, over all meters.
#[derive(Default)]
struct Operation {
    events: i64,
    exact: Decimal,
    priced: bool,
}

pub(super) async fn collect(
    tx: &mut TenantTx,
    blueprint: &Compiled,
    asked: &Asked,
    currency: Option<Currency>,
) -> Result<Figures> {
    let mut total: Option<Decimal> = None;
    let mut meters = Vec::new();
    let mut operations: BTreeMap<String, Operation> = BTreeMap::new();
    for meter in blueprint.meters() {
        let price = Price::of(meter, currency);
        let quantity = usage::total(tx, &meter.name, asked.period).await?;
        if let Some(price) = price {
            total = Some(sum(total.unwrap_or_default(), price.exact(quantity)?)?);
        }
        let mut breakdown = None;
        if matches!(meter.aggregate, Aggregate::Count | Aggregate::Sum) {
            let by = ["operation", "project", "key"];
            let [operation, project, mut key] = usage::shares(tx, &meter.name, asked.period, by).await?;
            add_operations(&mut operations, &operation, price)?;
            show_keys(&mut key, &blueprint.product().key_prefix);
            breakdown = Some(Breakdown {
                operation: Shares::new(operation, quantity, meter, price)?,
                project: Shares::new(project, quantity, meter, price)?,
                key: Shares::new(key, quantity, meter, price)?,
            });
        }
        meters.push(meter_report(tx, meter, asked, (quantity, price), breakdown).await?);
    }
    let cost = total.zip(currency).map(|(exact, currency)| Cost::new(exact, currency)).transpose()?;
    Ok(Figures { meters, operations: operation_costs(operations, currency)?, cost })
}

async fn meter_report(
    tx: &mut TenantTx,
    meter: &Meter,
    asked: &Asked,
    (quantity, price): (Quantity, Option<Price>),
    breakdown: Option<Breakdown>,
) -> Result<MeterReport> {
    let shown = |quantity: Quantity| quantity.display(meter.scale).to_string();
    let previous = usage::total(tx, &meter.name, asked.previous).await?;
    let days = usage::buckets(tx, &meter.name, &Windows::days_of(asked.period)).await?;
    let day = |usage::Bucket { start, end, quantity }| DayOfMeter {
        stretch: Stretch { start, end },
        value: shown(quantity),
    };
    let (now, before) = (quantity.decimal(meter.scale), previous.decimal(meter.scale));
    let negative = before.checked_mul(Decimal::from_scaled(-1, 0));
    let change = negative.and_then(|before| now.checked_add(before));
    Ok(MeterReport {
        meter: meter.name.clone(),
        unit: meter.unit.clone(),
        aggregate: meter.aggregate,
        quantity: shown(quantity),
        previous: shown(previous),
        trend: change.filter(|_| asked.is_comparable).and_then(|change| percent(change, before)),
        unit_cost: price.map(|price| price.unit.to_string()),
        cost: price.map(|price| price.cost(quantity)).transpose()?,
        days: days.into_iter().map(day).collect(),
        breakdown,
    })
}

/// Shows keys as people know them.
fn show_keys(shares: &mut [Share], prefix: &str) {
    for share in shares {
        if let Some(Ok(key)) = share.value.as_ref().map(|key| key.parse::<KeyId>()) {
            share.value = Some(format!("{prefix}_{}", key.digits()));
        }
    }
}

impl Shares {
    fn new(mut all: Vec<Share>, whole: Quantity, meter: &Meter, price: Option<Price>) -> Result<Self> {
        let rest = all.split_off(all.len().min(NAMED));
        let other = rest.into_iter().reduce(|one, two| Share {
            value: None,
            quantity: Quantity::from_units(one.quantity.units().saturating_add(two.quantity.units())),
            events: one.events.saturating_add(two.events),
        });
        let of = |share: Share| {
            let part = percent(share.quantity.decimal(meter.scale), whole.decimal(meter.scale));
            Ok(ShareOfMeter {
                value: share.value,
                quantity: share.quantity.display(meter.scale).to_string(),
                events: share.events,
                share: part.unwrap_or_else(|| "0".to_owned()),
                cost: price.map(|price| price.cost(share.quantity)).transpose()?,
            })
        };
        let other = other.map(|share| of(Share { value: None, ..share })).transpose()?;
        Ok(Self { items: all.into_iter().map(of).collect::<Result<_>>()?, other })
    }
}

fn add_operations(
    operations: &mut BTreeMap<String, Operation>,
    shares: &[Share],
    price: Option<Price>,
) -> Result<()> {
    for share in shares {
        let Some(name) = &share.value else { continue };
        let operation = operations.entry(name.clone()).or_default();
        operation.events = operation.events.max(share.events);
        if let Some(price) = price {
            operation.exact = sum(operation.exact, price.exact(share.quantity)?)?;
            operation.priced = true;
        }
    }
    Ok(())
}

fn operation_costs(
    operations: BTreeMap<String, Operation>,
    currency: Option<Currency>,
) -> Result<Vec<OperationCost>> {
    let all = operations.values().try_fold(Decimal::ZERO, |all, one| sum(all, one.exact))?;
    let of = |(operation, Operation { events, exact, priced }): (String, Operation)| {
        let currency = currency.filter(|_| priced);
        let each = exact.quotient(Decimal::from_scaled(events, 0), FINEST);
        Ok(OperationCost {
            operation,
            events,
            cost: currency.map(|currency| Cost::new(exact, currency)).transpose()?,
            cost_per_event: each.filter(|_| priced).map(|each| each.to_string()),
            share: percent(exact, all).filter(|_| priced),
            exact,
        })
    };
    let mut costs = operations.into_iter().map(of).collect::<Result<Vec<_>>>()?;
    costs.sort_by(|a, b| {
        (b.exact, b.events).cmp(&(a.exact, a.events)).then_with(|| a.operation.cmp(&b.operation))
    });
    Ok(costs)
}
