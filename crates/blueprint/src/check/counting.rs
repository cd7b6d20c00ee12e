//! What a request counts, what it holds, and what must not be used up for it.

use super::{
    check_count,
    limits::{is_built_in, limit_index},
    meters::{MOST_AT_ONCE, meter_index},
    routes::Known,
};
use crate::{
    declared::{RawBodySide, RawCost, RawMeasured, RawRoute, RawRouteHold},
    diagnostics::{Place, Report, quoted},
    model::{
        BodySide, Cost, LastingHold, Limit, LimitIndex, LimitKind, Meter, MeterIndex, REQUEST_EVENT,
        RouteHold,
    },
    read::{At, Item, Map, Required},
};

/// What a request of a route counts, by meter: as it says, or one on every meter of requests.
pub(super) fn counted(
    route: &Item<RawRoute>,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Vec<(MeterIndex, Cost)> {
    let Some(meters) = &route.value.meter else {
        let of_requests = |meter: &Option<Meter>| meter.as_ref().is_some_and(Meter::is_of_requests);
        let positions = known.meters.iter().enumerate().filter(|(_, meter)| of_requests(meter));
        let counted: Vec<_> =
            positions.map(|(position, _)| (MeterIndex::at(position), Cost::Fixed(1))).collect();
        let place = route.value.pattern.0.as_ref().map_or(&route.at, |pattern| &pattern.at);
        if counted.len() > MOST_AT_ONCE {
            let message = format!("the route counts on each of {} meters", counted.len());
            let help = format!("add `meter = {{ … }}` with at most {MOST_AT_ONCE} of them");
            report.error(place, "blueprint.too_many", message, help);
        }
        return counted;
    };
    named(meters, known, report)
}

fn named(meters: &Map<RawCost>, known: Known<'_>, report: &mut Report<'_>) -> Vec<(MeterIndex, Cost)> {
    check_count(meters.0.iter().map(|entry| &entry.name.at), MOST_AT_ONCE, "meter", report);
    let mut counted = Vec::new();
    for entry in &meters.0 {
        let index = meter_index(&entry.name, known.raw, report);
        let meter = index.and_then(|index| known.meters.get(index.get())?.as_ref());
        if let Some(meter) = meter.filter(|meter| !meter.is_of_requests()) {
            let message = format!("`{}` counts {} events, not requests", meter.name, quoted(&meter.event));
            let help = format!(
                "name a meter of `{REQUEST_EVENT}`; for a quota of this one that must not be used up, there is `within`"
            );
            report.error(&entry.name.at, "blueprint.route_meter", message, help);
        }
        let cost = match &entry.value {
            Some(RawCost::Fixed(count)) => Some(Cost::Fixed(count.0)),
            Some(RawCost::Measured(measured)) => measured_cost(measured, report),
            None => None,
        };
        counted.extend(index.zip(cost));
    }
    counted
}

fn measured_cost(measured: &At<RawMeasured>, report: &mut Report<'_>) -> Option<Cost> {
    let At { value: raw, at } = measured;
    let said = [raw.reply_json.is_some(), raw.reply_header.is_some(), raw.bytes.is_some()];
    if said.iter().filter(|said| **said).count() != 1 {
        let message = "this must say where the quantity is, in exactly one way".to_owned();
        let help = "use one of `reply_json = \"$.usage.total\"`, `reply_header = \"X-Units\"` and `bytes = \"reply\"`";
        report.error(at, "blueprint.cost_shape", message, help);
        return None;
    }
    let zero_piece = raw.per.as_ref().filter(|per| per.value.0 == 0);
    if let Some(per) = raw.per.as_ref().filter(|_| raw.bytes.is_none()) {
        let message = "`per` does not belong here: only bytes are counted in pieces".to_owned();
        report.error(&per.at, "blueprint.cost_shape", message, "remove it");
    } else if let Some(per) = zero_piece {
        let message = "a piece has at least one byte".to_owned();
        report.error(&per.at, "blueprint.not_positive", message, "use a size such as \"1KB\"");
    }
    let reserve = raw.reserve.map_or(0, |reserve| reserve.0);
    if let Some(json) = &raw.reply_json {
        return Some(Cost::ReplyJson { at: json.0.as_ref()?.value.0.clone(), reserve });
    }
    if let Some(header) = &raw.reply_header {
        return Some(Cost::ReplyHeader { name: header.0.as_ref()?.value.0.clone(), reserve });
    }
    let of = match raw.bytes.as_ref()?.0.as_ref()?.value {
        RawBodySide::Request => BodySide::Request,
        RawBodySide::Reply => BodySide::Reply,
        RawBodySide::Both => BodySide::Both,
    };
    Some(Cost::Bytes { of, per: raw.per.as_ref().map_or(1, |per| per.value.0), reserve })
}

/// What a request of a route holds.
pub(super) fn hold(raw: &RawRouteHold, known: Known<'_>, report: &mut Report<'_>) -> Option<RouteHold> {
    let name = raw.limit.0.as_ref();
    let index = name.and_then(|name| limit_index(name, known.limits, report));
    let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
    if let Some((name, limit)) = name.zip(limit) {
        check_held(name, limit, raw, report);
    }
    let Some(key) = &raw.key else {
        // What is kept of a stock lacks its key, which is reported; the rest may well belong to it.
        if !limit.is_some_and(|limit| limit.kind == LimitKind::Stock) {
            let why = "what has no `key` is held as long as its request";
            misplaced("until", raw.until.as_ref().map(|until| &until.at), why, report);
            misplaced("ttl", place(raw.ttl.as_ref()), why, report);
        }
        return Some(RouteHold { limit: index?, lasting: None });
    };
    if let Some(until) = raw.until.as_ref().filter(|until| until.value.0 == REQUEST_EVENT) {
        let message = format!("`{REQUEST_EVENT}` is the gateway's own event, which ends nothing");
        let help = "name the type of an event that the upstream reports, such as \"job.finished\"";
        report.error(&until.at, "blueprint.event_type", message, help);
    }
    let lasting = LastingHold {
        key: key.0.as_ref()?.value.0.clone(),
        until: raw.until.as_ref().map(|until| until.value.0.clone()),
        ttl: raw.ttl.as_ref().and_then(|ttl| ttl.0.as_ref()).map(|ttl| ttl.value.0),
    };
    Some(RouteHold { limit: index?, lasting: Some(lasting) })
}

/// Checks that the limit can be held, and that what is held ends.
fn check_held(name: &At<String>, limit: &Limit, raw: &RawRouteHold, report: &mut Report<'_>) {
    let (message, help) = match limit.kind {
        LimitKind::Stock if is_built_in(&limit.name) => (
            format!("Insula itself counts what there is of `{}`", name.value),
            "name a hold, or a stock of the product's own",
        ),
        LimitKind::Hold { .. } if raw.key.is_some() && raw.ttl.is_none() => (
            format!("nothing says when `{}` is free again if its end is never reported", name.value),
            "add `ttl = \"15m\"`, after which it ends unless it is renewed",
        ),
        LimitKind::Stock if raw.key.is_none() => (
            format!("nothing says what is kept of `{}` after the request", name.value),
            "add `key = \"$.id\"`, where the reply names it",
        ),
        LimitKind::Stock if raw.ttl.is_some() => {
            let why = "what exists of a stock does so until it is ended";
            return misplaced("ttl", place(raw.ttl.as_ref()), why, report);
        }
        LimitKind::Hold { .. } | LimitKind::Stock => return,
        LimitKind::Quota { .. } | LimitKind::Rate { .. } => (
            format!("`{}` is neither a hold nor a stock, so nothing of it can be held", name.value),
            "name a limit with `kind = \"hold\"` or `kind = \"stock\"`",
        ),
    };
    report.error(&name.at, "blueprint.hold_shape", message, help);
}

fn place<T>(value: Option<&Required<At<T>>>) -> Option<&Place> {
    value.and_then(|value| value.0.as_ref()).map(|value| &value.at)
}

fn misplaced(key: &str, at: Option<&Place>, why: &str, report: &mut Report<'_>) {
    if let Some(at) = at {
        let message = format!("`{key}` does not belong here: {why}");
        report.error(at, "blueprint.hold_shape", message, "remove it");
    }
}

/// The quotas that must not be used up for a request.
pub(super) fn within(route: &RawRoute, known: Known<'_>, report: &mut Report<'_>) -> Vec<LimitIndex> {
    let mut within = Vec::new();
    for name in route.within.iter().flatten() {
        let Some(index) = limit_index(name, known.limits, report) else { continue };
        let limit = known.limits.get(index.get()).and_then(|(_, limit)| limit.as_ref());
        if limit.is_some_and(|limit| !matches!(limit.kind, LimitKind::Quota { .. })) {
            let message = format!("`{}` is no quota, so it can't be used up", name.value);
            report.error(&name.at, "blueprint.within", message, "name a quota, or remove it");
        } else if within.contains(&index) {
            let message = format!("{} is listed twice", quoted(&name.value));
            report.error(&name.at, "blueprint.duplicate", message, "remove one of the two");
        } else {
            within.push(index);
        }
    }
    within
}
