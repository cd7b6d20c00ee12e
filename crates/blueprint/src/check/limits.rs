//! Limits: what is bounded, for whom, and what happens beyond.

use super::{
    check_names,
    meters::{self, meter_index},
};
use crate::{
    declared::{RawBlueprint, RawKind, RawLimit, RawOnExceed, RawPer, RawWindow},
    diagnostics::{Place, Report, quoted, suggest},
    model::{
        Aggregate, Limit, LimitIndex, LimitKind, Meter, MeterIndex, OnExceed, Per, QuotaWindow, RateWindow,
        RouteIndex,
    },
    read::{At, Entry, Item},
    values::Bound,
};

/// Limits that exist in every blueprint, by their [`LimitIndex`], with how far they go where nothing says so.
const BUILT_IN: [(&str, Bound); 4] = [
    ("members", Bound::At(5)),
    ("api_keys", Bound::Unlimited),
    ("projects", Bound::Unlimited),
    ("teams", Bound::Unlimited),
];

/// The percentages at which to warn where a limit doesn't say.
const USUAL_WARNINGS: [u8; 3] = [80, 90, 100];

/// A declared limit: its name and, unless a mistake was reported, the limit.
pub(super) type Declared = (String, Option<Limit>);

/// What the limits of a blueprint are checked against.
#[derive(Clone, Copy)]
struct Known<'a> {
    raw: &'a RawBlueprint,
    meters: &'a [meters::Declared],
}

/// Every limit by its [`LimitIndex`]: the built-in ones, then the others as they are declared.
pub(super) fn limits(
    raw: &RawBlueprint,
    meters: &[meters::Declared],
    report: &mut Report<'_>,
) -> Vec<Declared> {
    check_names(&raw.limits, "limit", report);
    let known = Known { raw, meters };
    let built_in = BUILT_IN.iter().map(|(name, usual)| built_in(name, *usual, raw, report));
    let mut limits: Vec<Declared> = built_in.collect();
    for entry in raw.limits.0.iter().filter(|entry| !is_built_in(&entry.name.value)) {
        let limit = entry.value.as_ref().and_then(|limit| declared(entry, limit, known, report));
        limits.push((entry.name.value.clone(), limit));
    }
    limits
}

/// Whether Insula itself counts what is under this limit.
pub(super) fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// The limit of this name, or a report that there is none.
pub(super) fn limit_index(
    name: &At<String>,
    limits: &[Declared],
    report: &mut Report<'_>,
) -> Option<LimitIndex> {
    let position = limits.iter().position(|(known, _)| *known == name.value);
    if position.is_none() {
        let message = format!("there is no limit {}", quoted(&name.value));
        let help = suggest(&name.value, limits.iter().map(|(known, _)| known.as_str()), "limit");
        report.error(&name.at, "blueprint.unknown_limit", message, help);
    }
    position.map(LimitIndex::at)
}

fn built_in(name: &str, usual: Bound, raw: &RawBlueprint, report: &mut Report<'_>) -> Declared {
    let entry = raw.limits.0.iter().find(|entry| entry.name.value == name);
    let declared = entry.and_then(|entry| Some((entry, entry.value.as_ref()?)));
    if let Some((entry, limit)) = declared {
        match limit.kind.as_ref().map(|kind| kind.value) {
            Some(RawKind::Stock) => check_stock(limit, report),
            // The kind may be among what couldn't be read.
            None if !entry.clean => {}
            _ => {
                let message = format!("`{name}` is a limit of Insula's own, a stock");
                let help =
                    "declare it with `kind = \"stock\"`, or not at all: plans can name it all the same";
                report.error(&entry.name.at, "blueprint.reserved_name", message, help);
            }
        }
    }
    let limit = declared.map(|(_, limit)| limit);
    let bound = limit.and_then(|limit| limit.default.as_ref()).map_or(usual, |bound| bound.value);
    let limit = Limit {
        name: name.to_owned(),
        kind: LimitKind::Stock,
        on_exceed: OnExceed::Reject,
        warn_at: limit.map_or_else(|| USUAL_WARNINGS.to_vec(), |limit| warn_at(limit, report)),
        default: Some(bound),
    };
    (name.to_owned(), Some(limit))
}

fn declared(
    entry: &Entry<RawLimit>,
    limit: &RawLimit,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<Limit> {
    let kind = match limit.kind.as_ref().map(|kind| kind.value) {
        None if !entry.clean => {
            // The kind may be among what is wrong, so nothing can be said of the shape.
            limit.meter.as_ref().and_then(|meter| meter_index(meter, known.raw, report));
            None
        }
        None => quota(entry, limit, known, report),
        Some(RawKind::Rate) => rate(entry, limit, known.raw, report),
        Some(RawKind::Hold) => hold(limit, report),
        Some(RawKind::Stock) => {
            check_stock(limit, report);
            Some(LimitKind::Stock)
        }
    }?;
    let on_exceed = match limit.on_exceed.as_ref().map(|on_exceed| on_exceed.value) {
        Some(RawOnExceed::Warn) if matches!(kind, LimitKind::Quota { .. }) => OnExceed::Warn,
        Some(RawOnExceed::Bill) if matches!(kind, LimitKind::Quota { .. }) => OnExceed::Bill,
        _ => OnExceed::Reject,
    };
    let warns = matches!(kind, LimitKind::Quota { .. } | LimitKind::Stock);
    let warn_at = if warns { warn_at(limit, report) } else { Vec::new() };
    if let Some(bound) = &limit.default {
        check_bound(bound, &kind, known.meters, report);
    }
    Some(Limit {
        name: entry.name.value.clone(),
        kind,
        on_exceed,
        warn_at,
        default: limit.default.as_ref().map(|bound| bound.value),
    })
}

fn quota(
    entry: &Entry<RawLimit>,
    limit: &RawLimit,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<LimitKind> {
    misplaced("burst", limit.burst.as_ref(), "only a rate has a burst", report);
    misplaced("routes", limit.routes.as_ref(), "what a route counts is said under `meter` there", report);
    let per = per(limit, Per::Organization, report);
    let window = match limit.window.as_ref().map(|window| (window.value, window)) {
        Some((RawWindow::Hour, _)) => Some(QuotaWindow::Hour),
        Some((RawWindow::Day, _)) => Some(QuotaWindow::Day),
        Some((RawWindow::Month, _)) => Some(QuotaWindow::Month),
        Some((RawWindow::Second | RawWindow::Minute, window)) => {
            let message = "this window is too short for a quota".to_owned();
            let help =
                "use \"hour\", \"day\" or \"month\", or make it a rate: `kind = \"rate\"` and no meter";
            report.error(&window.at, "blueprint.limit_shape", message, help);
            None
        }
        None => {
            missing(entry, "window", "`window = \"day\"`", report);
            None
        }
    };
    let Some(meter) = &limit.meter else {
        missing(entry, "meter", "`meter = …`, or `kind = …`", report);
        return None;
    };
    let meter = countable(meter, known, report);
    Some(LimitKind::Quota { meter: meter?, window: window?, per: per? })
}

/// The meter of a quota: one whose quantity only grows within a window.
fn countable(meter: &At<String>, known: Known<'_>, report: &mut Report<'_>) -> Option<MeterIndex> {
    let index = meter_index(meter, known.raw, report)?;
    // A meter with a mistake is reported there.
    let aggregate = known.meters.get(index.get())?.as_ref()?.aggregate;
    if !matches!(aggregate, Aggregate::Count | Aggregate::Sum) {
        let message = format!("meter `{}` neither counts nor sums, so no quota can bound it", meter.value);
        let help = "name a meter whose aggregate is \"count\" or \"sum\"";
        report.error(&meter.at, "blueprint.limit_shape", message, help);
        return None;
    }
    Some(index)
}

fn rate(
    entry: &Entry<RawLimit>,
    limit: &RawLimit,
    raw: &RawBlueprint,
    report: &mut Report<'_>,
) -> Option<LimitKind> {
    misplaced("meter", limit.meter.as_ref(), "a rate counts requests", report);
    misplaced("warn_at", limit.warn_at.as_ref(), "a rate recovers by itself", report);
    check_rejects(limit, "a rate", report);
    let burst = limit.burst.as_ref().map(|burst| burst.value.0);
    let per = limit.per.as_ref().map_or(Per::Key, |per| whom(per.value));
    if let Some(given) = limit.per.as_ref().filter(|_| per == Per::Address) {
        check_address(entry, limit, &given.at, report);
    }
    let routes = routes(limit, raw, report);
    let Some(window) = &limit.window else {
        missing(entry, "window", "`window = \"second\"` or \"minute\"", report);
        return None;
    };
    let window = match window.value {
        RawWindow::Second => RateWindow::Second,
        RawWindow::Minute => RateWindow::Minute,
        RawWindow::Hour | RawWindow::Day | RawWindow::Month => {
            let message = "this window is too long for a rate".to_owned();
            let help = "use \"second\" or \"minute\", or make it a quota: a meter and no kind";
            report.error(&window.at, "blueprint.limit_shape", message, help);
            return None;
        }
    };
    Some(LimitKind::Rate { window, burst, per, routes })
}

/// A rate of addresses holds before anyone is known: no plan says how far it goes, and no route is chosen yet.
fn check_address(entry: &Entry<RawLimit>, limit: &RawLimit, at: &Place, report: &mut Report<'_>) {
    let why = "addresses are checked before the route is known";
    misplaced("routes", limit.routes.as_ref(), why, report);
    if limit.default.is_none() && entry.clean {
        let message = format!("rate `{}` does not say how far it goes for an address", entry.name.value);
        let help = "add `default = …`: whose plan it is isn't known yet, so no plan can say it";
        report.error(at, "blueprint.limit_shape", message, help);
    }
}

fn routes(limit: &RawLimit, raw: &RawBlueprint, report: &mut Report<'_>) -> Vec<RouteIndex> {
    let Some(listed) = &limit.routes else { return Vec::new() };
    if listed.value.is_empty() {
        let message = "no route is listed, so the rate would count nothing".to_owned();
        let help = "list some, each as under `match`, or leave `routes` out to count all";
        report.error(&listed.at, "blueprint.limit_shape", message, help);
    }
    let known = || raw.routes.iter().filter_map(|route| route.value.pattern.0.as_ref());
    let mut routes = Vec::new();
    for given in &listed.value {
        let is_given = |route: &Item<crate::declared::RawRoute>| {
            route.value.pattern.0.as_ref().is_some_and(|pattern| pattern.value == given.value)
        };
        let Some(route) = raw.routes.iter().find(|route| is_given(route)) else {
            let message = format!("there is no route {}", quoted(&given.value));
            let help = suggest(&given.value, known().map(|pattern| pattern.value.as_str()), "route");
            report.error(&given.at, "blueprint.unknown_route", message, help);
            continue;
        };
        if route.value.api.is_some() {
            let message = format!("{} is a route to one of Insula's own operations", quoted(&given.value));
            let help = "list routes to upstreams; a rate without `routes` counts calls of operations too";
            report.error(&given.at, "blueprint.limit_shape", message, help);
            continue;
        }
        let of_upstreams = raw.routes.iter().filter(|route| route.value.api.is_none());
        let index = RouteIndex::at(of_upstreams.take_while(|route| !is_given(route)).count());
        if routes.contains(&index) {
            let message = format!("{} is listed twice", quoted(&given.value));
            report.error(&given.at, "blueprint.duplicate", message, "remove one of the two");
        } else {
            routes.push(index);
        }
    }
    routes
}

fn hold(limit: &RawLimit, report: &mut Report<'_>) -> Option<LimitKind> {
    const WHY: &str = "a hold counts what goes on at once";
    misplaced("meter", limit.meter.as_ref(), WHY, report);
    misplaced("window", limit.window.as_ref(), WHY, report);
    misplaced("burst", limit.burst.as_ref(), WHY, report);
    misplaced("routes", limit.routes.as_ref(), "what a route holds is said under `hold` there", report);
    misplaced("warn_at", limit.warn_at.as_ref(), "a hold is free again as soon as something ends", report);
    check_rejects(limit, "a hold", report);
    per(limit, Per::Organization, report).map(|per| LimitKind::Hold { per })
}

fn check_stock(limit: &RawLimit, report: &mut Report<'_>) {
    const WHY: &str = "a stock counts what exists";
    misplaced("meter", limit.meter.as_ref(), WHY, report);
    misplaced("window", limit.window.as_ref(), WHY, report);
    misplaced("per", limit.per.as_ref(), "a stock counts what the organization has", report);
    misplaced("burst", limit.burst.as_ref(), WHY, report);
    misplaced("routes", limit.routes.as_ref(), WHY, report);
    check_rejects(limit, "a stock", report);
}

const fn whom(per: RawPer) -> Per {
    match per {
        RawPer::Address => Per::Address,
        RawPer::Key => Per::Key,
        RawPer::Project => Per::Project,
        RawPer::Team => Per::Team,
        RawPer::Organization => Per::Organization,
    }
}

/// Whom a quota or a hold counts for.
fn per(limit: &RawLimit, usual: Per, report: &mut Report<'_>) -> Option<Per> {
    let Some(given) = &limit.per else { return Some(usual) };
    if given.value == RawPer::Address {
        let message = "only a rate can count for each address".to_owned();
        let help = "use \"organization\", \"team\", \"project\" or \"key\"";
        report.error(&given.at, "blueprint.limit_shape", message, help);
        return None;
    }
    Some(whom(given.value))
}

fn misplaced<T>(key: &str, value: Option<&At<T>>, why: &str, report: &mut Report<'_>) {
    if let Some(value) = value {
        let message = format!("`{key}` does not belong here: {why}");
        report.error(&value.at, "blueprint.limit_shape", message, "remove it");
    }
}

/// Only quotas can be gone beyond.
fn check_rejects(limit: &RawLimit, what: &str, report: &mut Report<'_>) {
    if let Some(given) = limit.on_exceed.as_ref().filter(|given| given.value != RawOnExceed::Reject) {
        let message = format!("nothing can go beyond {what}: only quotas warn or bill instead of refusing");
        report.error(&given.at, "blueprint.limit_shape", message, "use \"reject\", or leave it out");
    }
}

fn missing(entry: &Entry<RawLimit>, key: &str, help: &str, report: &mut Report<'_>) {
    if entry.clean {
        let message = format!("limit `{}` has no `{key}`", entry.name.value);
        report.error(&entry.name.at, "blueprint.limit_shape", message, format!("add {help}"));
    }
}

fn warn_at(limit: &RawLimit, report: &mut Report<'_>) -> Vec<u8> {
    let Some(list) = &limit.warn_at else {
        return USUAL_WARNINGS.to_vec();
    };
    let mut percentages = Vec::new();
    for item in &list.value {
        let percentage = u8::try_from(item.value).ok().filter(|percentage| (1..=100).contains(percentage));
        if let Some(percentage) = percentage.filter(|percentage| percentages.last() < Some(percentage)) {
            percentages.push(percentage);
        } else {
            let message = format!("`{}` can't stand here", item.value);
            let help = "list percentages from 1 to 100, each above the last";
            report.error(&item.at, "blueprint.warn_at", message, help);
        }
    }
    percentages
}

/// Bounds are in units of the meter; what they are in its smallest units must be countable.
pub(super) fn check_bound(
    bound: &At<Bound>,
    kind: &LimitKind,
    meters: &[meters::Declared],
    report: &mut Report<'_>,
) {
    let LimitKind::Quota { meter, .. } = kind else { return };
    let (Bound::At(units), Some(Some(meter))) = (bound.value, meters.get(meter.get())) else { return };
    check_units((units, &bound.at), Some(meter), report);
}

/// So many units of a meter must be countable in its smallest ones.
pub(super) fn check_units((units, at): (u64, &Place), meter: Option<&Meter>, report: &mut Report<'_>) {
    let Some(meter) = meter else { return };
    let most = i64::MAX / meter.scale.factor();
    if i64::try_from(units).is_ok_and(|units| units > most) {
        let places = meter.scale.places();
        let message = format!("`{units}` can't be counted with {places} decimals");
        report.error(at, "blueprint.number_range", message, format!("use at most {most}"));
    }
}
