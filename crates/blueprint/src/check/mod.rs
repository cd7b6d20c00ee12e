//! Checks what a blueprint says, and resolves its names.
//!
//! Nothing stops at the first mistake: each part is checked as far as it can be, against the names of all others,
//! also of those that are wrong themselves.

mod access;
mod addons;
mod billing;
mod calls;
mod counting;
mod demo;
mod limits;
mod meters;
mod money;
mod overage;
mod plans;
mod price;
mod routes;
mod shadows;
mod terms;
mod upstreams;

use crate::{
    Blueprint, MAX_BYTES,
    declared::{RawBlueprint, RawProduct, RawUsagePrice},
    diagnostics::{Diagnostics, Place, Report, quoted, suggest},
    model::{Digest, Limit, LimitIndex, LimitKind, PlanIndex, Product},
    operations::Operations,
    read::{At, Map, Read as _},
    values::is_name,
};
use insula_kernel::Currency;
use toml::de::{DeTable, DeValue};

/// Prefixes of keys that would look like other ids of Insula's.
const RESERVED_PREFIXES: &[&str] = &[
    "org", "usr", "ses", "key", "req", "adm", "sub", "aud", "msg", "due", "bpv", "sig", "inv", "chg", "prj",
    "team", "hold", "svc", "evt", "ivt", "si", "cn", "bal", "ii", "off", "insula",
];

/// The most of anything that a blueprint can declare of one sort.
const MOST: usize = 1_000;

/// Reads and checks the text of a blueprint.
pub(crate) fn check(file: &str, text: &str, operations: &Operations) -> Result<Blueprint, Diagnostics> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes", text.len());
        return Err(Diagnostics::whole_file(file, "blueprint.too_large", message, "use at most 1 MiB"));
    }
    let mut report = Report::new(file, text);
    if let Some(at) = text.find('\0') {
        let message = "the file has a NUL character, so it is no text".to_owned();
        report.error(&(at..at + 1), "blueprint.encoding", message, "save the file as UTF-8");
        return Err(report.finish());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().unwrap_or(0..0);
        let help = "the file must be TOML, see https://toml.io";
        report.error(&at, "blueprint.syntax", error.message().to_owned(), help);
    }
    if report.has_errors() {
        // What stands after a broken place was guessed; mistakes found in it would be too.
        return Err(report.finish());
    }
    let raw = RawBlueprint::read(&DeValue::Table(document.into_inner()), &(0..0), &mut report);
    let checked = raw.and_then(|raw| resolve(&raw, text, operations, &mut report));
    let failed = report.has_errors();
    let diagnostics = report.finish();
    match checked {
        Some(blueprint) if !failed => Ok(Blueprint { warnings: diagnostics, ..blueprint }),
        _ => Err(diagnostics),
    }
}

/// Checks a price that stands alone, of a currency that a share means if it names none.
pub(crate) fn price(
    raw: &At<RawUsagePrice>,
    currency: Currency,
    clean: bool,
    report: &mut Report<'_>,
) -> Vec<(Currency, insula_rating::Price)> {
    price::resolve(raw, &price::Context { meter: None, sold: &[currency], clean }, report)
}

fn resolve(
    raw: &RawBlueprint,
    text: &str,
    operations: &Operations,
    report: &mut Report<'_>,
) -> Option<Blueprint> {
    let names = access::permissions(raw, report);
    let roles = access::roles(raw, &names, report);
    let meters = meters::meters(raw, report);
    let limits = limits::limits(raw, &meters, report);
    let offers = plans::Known { raw, meters: &meters, limits: &limits };
    let plans = plans::plans(offers, report);
    let add_ons = addons::add_ons(offers, &plans, report);
    let billing = billing::billing(raw, report);
    let upstreams = upstreams::upstreams(raw, report);
    let known = routes::Known {
        raw,
        names: &names,
        meters: &meters,
        limits: &limits,
        upstreams: &upstreams,
        operations,
    };
    let routes::Routes { routes, calls, patterns } = routes::routes(known, report);
    let known = demo::Known { raw, names: &names, roles: &roles, plans: &plans, patterns: &patterns };
    let demo = demo::demo(known, report);
    let product =
        raw.product.0.as_ref().and_then(|product| resolve_product(product, raw, &limits, report))?;
    Some(Blueprint {
        product,
        permissions: names,
        roles,
        meters: meters.into_iter().flatten().collect(),
        limits: limits.into_iter().filter_map(|(_, limit)| limit).collect(),
        plans,
        add_ons,
        billing,
        upstreams: upstreams.into_iter().flatten().collect(),
        routes,
        calls,
        patterns,
        demo,
        warnings: Diagnostics::default(),
        digest: Digest::of(text.as_bytes()),
    })
}

fn resolve_product(
    raw: &At<RawProduct>,
    whole: &RawBlueprint,
    limits: &[limits::Declared],
    report: &mut Report<'_>,
) -> Option<Product> {
    let name = raw.value.name.0.as_ref();
    let name = name.map(|name| check_shown(name, 100, report));
    if let Some(domain) = raw.value.base_domain.as_ref().filter(|domain| !is_domain(&domain.value)) {
        let message = format!("{} is no domain", quoted(&domain.value));
        let help = "lower-case labels of letters, digits and `-`, such as \"scraper.localhost\"";
        report.error(&domain.at, "blueprint.base_domain", message, help);
    }
    if let Some(prefix) = &raw.value.key_prefix {
        check_key_prefix(prefix, report);
    }
    Some(Product {
        name: name?,
        base_domain: raw.value.base_domain.as_ref().map(|domain| domain.value.clone()),
        key_prefix: raw
            .value
            .key_prefix
            .as_ref()
            .map_or_else(|| "ak".to_owned(), |prefix| prefix.value.clone()),
        default_plan: default_plan(raw, whole, report)?,
        headline_limit: headline_limit(raw, limits, report),
    })
}

fn check_key_prefix(prefix: &At<String>, report: &mut Report<'_>) {
    let text = prefix.value.as_str();
    let plain = (2..=8).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !plain {
        let message = format!("{} can't begin a key", quoted(text));
        let help = "use 2 to 8 lower-case letters and digits, a letter first, such as \"ak\"";
        report.error(&prefix.at, "blueprint.key_prefix", message, help);
    } else if RESERVED_PREFIXES.contains(&text) {
        let message = format!("`{text}` is what other ids of Insula begin with");
        report.error(&prefix.at, "blueprint.reserved_name", message, "choose another, such as \"ak\"");
    }
}

fn default_plan(raw: &At<RawProduct>, whole: &RawBlueprint, report: &mut Report<'_>) -> Option<PlanIndex> {
    let plans = &whole.plans;
    if plans.0.is_empty() {
        let help = "add one, such as `[plans.free]` with `price = { USD = { month = \"0\" } }`";
        report.error(&raw.at, "blueprint.no_plan", "no plan is declared".to_owned(), help);
        return None;
    }
    let Some(wanted) = &raw.value.default_plan else {
        return Some(PlanIndex::at(0));
    };
    let position = plans.names().position(|name| name == wanted.value);
    if position.is_none() {
        let message = format!("there is no plan {}", quoted(&wanted.value));
        report.error(
            &wanted.at,
            "blueprint.unknown_plan",
            message,
            suggest(&wanted.value, plans.names(), "plan"),
        );
    }
    if plans.get(&wanted.value).is_some_and(|plan| plan.self_service == Some(false)) {
        let message = format!("`{}` can't be taken by self-service", wanted.value);
        let help = "new organizations need a plan they can take; choose one that is for self-service";
        report.error(&wanted.at, "blueprint.default_plan", message, help);
    }
    position.map(PlanIndex::at)
}

fn headline_limit(
    raw: &At<RawProduct>,
    limits: &[limits::Declared],
    report: &mut Report<'_>,
) -> Option<LimitIndex> {
    let Some(wanted) = &raw.value.headline_limit else {
        let is_quota =
            |limit: &Option<Limit>| matches!(limit, Some(Limit { kind: LimitKind::Quota { .. }, .. }));
        let mut quotas = limits.iter().enumerate().filter(|(_, (_, limit))| is_quota(limit));
        let (only, _) = quotas.next()?;
        return quotas.next().is_none().then(|| LimitIndex::at(only));
    };
    let found = limits::limit_index(wanted, limits, report);
    let limit = found.and_then(|index| limits.get(index.get())?.1.as_ref());
    if limit.is_some_and(|limit| matches!(limit.kind, LimitKind::Rate { .. })) {
        let message = format!("`{}` is a rate, of which nothing remains to be shown", wanted.value);
        let help = "choose a quota, a hold or a stock";
        report.error(&wanted.at, "blueprint.headline_limit", message, help);
    }
    found
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 200 && text.split('.').all(label) && !text.ends_with(|c: char| c.is_ascii_digit())
}

/// Checks the names of one sort of thing, and how many there are.
fn check_names<T>(map: &Map<T>, what: &str, report: &mut Report<'_>) {
    for entry in &map.0 {
        check_name(&entry.name.value, &entry.name.at, what, report);
    }
    check_count(map.0.iter().map(|entry| &entry.name.at), MOST, what, report);
}

/// Reports the first that is one too many.
fn check_count<'p>(
    mut places: impl Iterator<Item = &'p Place>,
    most: usize,
    what: &str,
    report: &mut Report<'_>,
) {
    if let Some(at) = places.nth(most) {
        let message = format!("this is one {what} too many");
        report.error(at, "blueprint.too_many", message, format!("declare at most {most}"));
    }
}

/// The text, which people are shown as it is.
fn check_shown(text: &At<String>, most: usize, report: &mut Report<'_>) -> String {
    let value = &text.value;
    let fits = !value.trim().is_empty() && value.chars().count() <= most;
    if !fits || value.chars().any(char::is_control) {
        let message = "this can't be shown".to_owned();
        let help = format!("use 1 to {most} characters on one line");
        report.error(&text.at, "blueprint.invalid_name", message, help);
    }
    value.clone()
}

fn check_name(name: &str, at: &Place, what: &str, report: &mut Report<'_>) {
    if !is_name(name) {
        let message = format!("{} can't name a {what}", quoted(name));
        let help = "use at most 63 lower-case letters, digits, `_` and `-`, a letter first";
        report.error(at, "blueprint.invalid_name", message, help);
    }
}

/// The mistake of a file that is not UTF-8 from the given byte on.
pub(crate) fn not_utf8(file: &str, bytes: &[u8], valid: usize) -> Diagnostics {
    let text = String::from_utf8_lossy(&bytes[..valid]);
    let mut report = Report::new(file, &text);
    let message = "from here on the file is not UTF-8".to_owned();
    report.error(&(valid..valid), "blueprint.encoding", message, "save the file as UTF-8");
    report.finish()
}
