//! How invoices are made, and taxes.

use super::{check_names, check_shown};
use crate::{
    declared::{RawAnchor, RawBilling, RawBlueprint, RawProration, RawTax},
    diagnostics::{Report, quoted},
    model::{Billing, Tax},
    read::{At, Entry},
    values::Term,
};
use insula_kernel::{Instant, Span, is_country};
use insula_rating::{Anchor, Proration, TaxRate};
use std::collections::BTreeSet;

/// The longest name of who issues invoices, and of a tax, in characters.
const LONGEST_NAME: usize = 100;

/// The longest beginning of an invoice's number.
const LONGEST_PREFIX: usize = 12;

const DAY: i64 = 24;

/// A term that can be declared: where, the usual one, the shortest and the longest.
struct Terms {
    usual: Span,
    least: Span,
    most: Span,
    words: &'static str,
}

const GRACE: Terms = Terms {
    usual: Span::from_hours(1),
    least: Span::from_hours(1),
    most: Span::from_hours(30 * DAY),
    words: "use \"1h\" to \"30d\"",
};

const PAYMENT: Terms = Terms {
    usual: Span::from_hours(30 * DAY),
    least: Span::from_hours(0),
    most: Span::from_hours(90 * DAY),
    words: "use \"0d\", which is at once, to \"90d\"",
};

/// How invoices are made; the product's name is who issues them where nothing says otherwise.
pub(super) fn billing(raw: &RawBlueprint, report: &mut Report<'_>) -> Billing {
    let declared = raw.billing.as_ref();
    let seller = declared.and_then(|billing| billing.seller.as_ref());
    let product = raw.product.0.as_ref().and_then(|product| product.value.name.0.as_ref());
    let seller = seller.map(|seller| check_shown(seller, LONGEST_NAME, report));
    let seller = seller.or_else(|| product.map(|name| name.value.clone()));
    let of = |terms: &Terms, term: fn(&RawBilling) -> &Option<At<Term>>, report: &mut Report<'_>| {
        declared
            .and_then(|billing| term(billing).as_ref())
            .map_or(terms.usual, |term| within(term, terms, report))
    };
    Billing {
        seller: seller.unwrap_or_default(),
        invoice_prefix: invoice_prefix(declared, report),
        time_zone: time_zone(declared, report),
        proration: match declared.and_then(|billing| billing.proration) {
            None | Some(RawProration::Second) => Proration::Second,
            Some(RawProration::Day) => Proration::Day,
        },
        resets_anchor: declared.and_then(|billing| billing.anchor) == Some(RawAnchor::Reset),
        grace: of(&GRACE, |billing| &billing.grace, report),
        payment_terms: of(&PAYMENT, |billing| &billing.payment_terms, report),
        taxes: declared.map_or_else(Vec::new, |billing| taxes(billing, report)),
    }
}

fn within(term: &At<Term>, terms: &Terms, report: &mut Report<'_>) -> Span {
    let span = term.value.0;
    if !(terms.least..=terms.most).contains(&span) {
        let message = "this length of time can't stand here".to_owned();
        report.error(&term.at, "blueprint.duration", message, terms.words);
    }
    span
}

fn invoice_prefix(declared: Option<&RawBilling>, report: &mut Report<'_>) -> String {
    let Some(prefix) = declared.and_then(|billing| billing.invoice_prefix.as_ref()) else {
        return "INV".to_owned();
    };
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=LONGEST_PREFIX).contains(&prefix.value.len()) || !prefix.value.bytes().all(plain) {
        let message = format!("{} can't begin the number of an invoice", quoted(&prefix.value));
        let help = format!("use 1 to {LONGEST_PREFIX} of `A` to `Z`, `0` to `9` and `-`, such as \"INV\"");
        report.error(&prefix.at, "blueprint.invoice_prefix", message, help);
    }
    prefix.value.clone()
}

fn time_zone(declared: Option<&RawBilling>, report: &mut Report<'_>) -> String {
    let anchor = Anchor::utc(Instant::from_secs(0));
    let Some(zone) = declared.and_then(|billing| billing.time_zone.as_ref()) else {
        return anchor.zone().to_owned();
    };
    match Anchor::new(anchor.at(), &zone.value) {
        Ok(anchor) => anchor.zone().to_owned(),
        Err(_) => {
            let message = format!("{} is no time zone", quoted(&zone.value));
            let help = "use a name of the IANA database, such as \"Asia/Tokyo\" or \"UTC\"";
            report.error(&zone.at, "blueprint.time_zone", message, help);
            zone.value.clone()
        }
    }
}

/// The taxes, as they are declared.
fn taxes(billing: &RawBilling, report: &mut Report<'_>) -> Vec<Tax> {
    check_names(&billing.taxes, "tax", report);
    let mut taxed = Taxed::default();
    billing.taxes.0.iter().filter_map(|entry| tax(entry, &mut taxed, report)).collect()
}

/// Whom the taxes before one are for.
#[derive(Default)]
struct Taxed {
    everyone: bool,
    countries: BTreeSet<String>,
}

fn tax(entry: &Entry<RawTax>, taxed: &mut Taxed, report: &mut Report<'_>) -> Option<Tax> {
    let raw = entry.value.as_ref()?;
    let name = raw.name.0.as_ref().map(|name| check_shown(name, LONGEST_NAME, report));
    let countries = countries(raw, report);
    // A list that couldn't be read or has nothing in it must not become a tax for everyone.
    let everyone = raw.countries.is_none() && entry.clean;
    let is_reached =
        everyone || countries.is_empty() || countries.iter().any(|one| !taxed.countries.contains(one));
    if taxed.everyone || !is_reached {
        let message =
            format!("tax `{}` never applies: those before it fit whoever it fits", entry.name.value);
        let help = "put it before them; the first tax that fits a customer applies";
        report.warning(&entry.name.at, "blueprint.tax_unreachable", message, help);
    }
    taxed.everyone |= everyone;
    taxed.countries.extend(countries.iter().cloned());
    let percent = raw.percent.0.as_ref()?.value.0;
    let rate = TaxRate { name: name?, percent, inclusive: raw.inclusive.unwrap_or(false) };
    Some(Tax { key: entry.name.value.clone(), rate, countries })
}

fn countries(raw: &RawTax, report: &mut Report<'_>) -> Vec<String> {
    let Some(listed) = &raw.countries else { return Vec::new() };
    if listed.value.is_empty() {
        let message = "no country is listed, so nobody would pay the tax".to_owned();
        let help = "list some, or leave `countries` out, and every customer pays it";
        report.error(&listed.at, "blueprint.empty_list", message, help);
    }
    let mut countries: Vec<String> = Vec::new();
    for given in &listed.value {
        if !is_country(&given.value) {
            let message = format!("{} is no country", quoted(&given.value));
            let upper = given.value.to_ascii_uppercase();
            let help = if is_country(&upper) {
                format!("did you mean `{upper}`?")
            } else {
                "use a code of ISO 3166-1 in two capitals, such as JP, US or DE".to_owned()
            };
            report.error(&given.at, "blueprint.unknown_country", message, help);
        } else if countries.contains(&given.value) {
            let message = format!("{} is listed twice", quoted(&given.value));
            report.error(&given.at, "blueprint.duplicate", message, "remove one of the two");
        } else {
            countries.push(given.value.clone());
        }
    }
    countries
}
