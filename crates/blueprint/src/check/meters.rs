//! Meters: how events become quantities.

use super::{check_count, check_names, money};
use crate::{
    declared::{RawAggregate, RawBlueprint, RawMeter},
    diagnostics::{Report, quoted, suggest},
    model::{Aggregate, Meter, MeterIndex, REQUEST_EVENT},
    read::{At, Entry},
};
use insula_kernel::Scale;
use std::collections::BTreeSet;

/// The most meters on which one event counts: all that it counts goes into one record of the log.
pub(super) const MOST_AT_ONCE: usize = 16;

/// The most properties by which the usage of one meter can be told apart.
const MOST_GROUPS: usize = 4;

/// What usage can be told apart by without being declared.
const OWN_GROUPS: [&str; 5] = ["project", "key", "user", "operation", "environment"];

/// A declared meter; `None` for one with a mistake, which was reported.
pub(super) type Declared = Option<Meter>;

/// Every meter by its [`MeterIndex`].
pub(super) fn meters(raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<Declared> {
    check_names(&raw.meters, "meter", report);
    let meters: Vec<_> = raw.meters.0.iter().map(|entry| meter(entry, report)).collect();
    // Requests count on the meters that their routes name, which is checked there.
    let events: BTreeSet<&str> = meters.iter().flatten().map(|meter| meter.event.as_str()).collect();
    for event in events.into_iter().filter(|event| *event != REQUEST_EVENT) {
        let of_event = |(meter, _): &(&Declared, _)| meter.as_ref().is_some_and(|meter| meter.event == event);
        let places = meters.iter().zip(&raw.meters.0).filter(of_event).map(|(_, entry)| &entry.name.at);
        check_count(places, MOST_AT_ONCE, &format!("meter of {}", quoted(event)), report);
    }
    meters
}

fn meter(entry: &Entry<RawMeter>, report: &mut Report<'_>) -> Declared {
    let raw = entry.value.as_ref()?;
    let event = raw.event.0.as_ref().map(|event| event.value.0.as_str());
    let of_requests = event == Some(REQUEST_EVENT);
    let aggregate = raw.aggregate.0.as_ref().map(|aggregate| (aggregate, resolve(aggregate.value)));
    if let Some((given, aggregate)) = aggregate {
        if of_requests && aggregate != Aggregate::Count {
            let message = "requests can only be counted".to_owned();
            let help = "use \"count\": what the routes say of each request is summed";
            report.error(&given.at, "blueprint.meter_shape", message, help);
        } else {
            check_of(entry, raw, aggregate, report);
        }
    }
    let scale = scale(raw, aggregate.map(|(_, aggregate)| aggregate), report);
    check_groups(raw, of_requests, report);
    let unit = raw.unit.as_ref().filter(|unit| check_unit(unit, report)).map(|unit| unit.value.clone());
    let cost = money::costs(&raw.cost, report);
    let name = entry.name.value.clone();
    Some(Meter {
        event: event?.to_owned(),
        aggregate: aggregate?.1,
        of: raw.of.as_ref().map(|of| of.value.0.clone()),
        scale: scale?,
        unit: unit.unwrap_or_else(|| if of_requests { REQUEST_EVENT.to_owned() } else { name.clone() }),
        group_by: raw.group_by.iter().map(|group| group.value.0.clone()).collect(),
        cost,
        name,
    })
}

const fn resolve(aggregate: RawAggregate) -> Aggregate {
    match aggregate {
        RawAggregate::Count => Aggregate::Count,
        RawAggregate::Sum => Aggregate::Sum,
        RawAggregate::Max => Aggregate::Max,
        RawAggregate::Unique => Aggregate::Unique,
        RawAggregate::Last => Aggregate::Last,
    }
}

fn check_of(entry: &Entry<RawMeter>, raw: &RawMeter, aggregate: Aggregate, report: &mut Report<'_>) {
    match &raw.of {
        Some(of) if aggregate == Aggregate::Count => {
            let message = "`of` does not belong here: a count looks at no property".to_owned();
            let help = "remove it, or use \"sum\", \"max\", \"unique\" or \"last\"";
            report.error(&of.at, "blueprint.meter_shape", message, help);
        }
        None if aggregate != Aggregate::Count && entry.clean => {
            let message = format!("meter `{}` does not say of what", entry.name.value);
            let help = "add `of = …`, a property of the event's data, or use \"count\"";
            report.error(&entry.name.at, "blueprint.meter_shape", message, help);
        }
        _ => {}
    }
}

fn scale(raw: &RawMeter, aggregate: Option<Aggregate>, report: &mut Report<'_>) -> Option<Scale> {
    let Some(given) = &raw.scale else { return Some(Scale::WHOLE) };
    if let Some(Aggregate::Count | Aggregate::Unique) = aggregate {
        let message = "`scale` does not belong here: what is counted is whole".to_owned();
        let help = "remove it; only \"sum\", \"max\" and \"last\" have decimals";
        report.error(&given.at, "blueprint.meter_shape", message, help);
        return None;
    }
    let scale = u8::try_from(given.value).ok().and_then(Scale::new);
    if scale.is_none() {
        let message = format!("`{}` is not how many decimals can be kept", given.value);
        report.error(&given.at, "blueprint.number_range", message, "use a whole number from 0 to 9");
    }
    scale
}

fn check_unit(unit: &At<String>, report: &mut Report<'_>) -> bool {
    let text = unit.value.as_str();
    let good = (1..=63).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
    if !good {
        let message = format!("{} can't be the name of a unit", quoted(text));
        let help = "use the singular of what is counted, at most 63 bytes, such as \"second\"";
        report.error(&unit.at, "blueprint.invalid_name", message, help);
    }
    good
}

fn check_groups(raw: &RawMeter, of_requests: bool, report: &mut Report<'_>) {
    if let Some(first) = raw.group_by.first().filter(|_| of_requests) {
        let message = "`group_by` does not belong here: requests have no data of their own".to_owned();
        let help = format!("remove it; usage can be told apart by {} all the same", OWN_GROUPS.join(", "));
        report.error(&first.at, "blueprint.meter_shape", message, help);
        return;
    }
    check_count(raw.group_by.iter().map(|group| &group.at), MOST_GROUPS, "property", report);
    let mut seen = BTreeSet::new();
    for group in &raw.group_by {
        let text = group.value.0.to_string();
        if OWN_GROUPS.contains(&text.as_str()) {
            let message = format!("usage can be told apart by `{text}` already, Insula's own");
            let help = "remove it, or give the property another name";
            report.error(&group.at, "blueprint.reserved_name", message, help);
        } else if !seen.insert(text.clone()) {
            let message = format!("{} is listed twice", quoted(&text));
            report.error(&group.at, "blueprint.duplicate", message, "remove one of the two");
        }
    }
}

/// The meter of this name, or a report that there is none.
pub(super) fn meter_index(
    meter: &At<String>,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Option<MeterIndex> {
    let position = raw.meters.names().position(|name| name == meter.value);
    if position.is_none() {
        let message = format!("there is no meter {}", quoted(&meter.value));
        let help = suggest(&meter.value, raw.meters.names(), "meter");
        report.error(&meter.at, "blueprint.unknown_meter", message, help);
    }
    position.map(MeterIndex::at)
}
