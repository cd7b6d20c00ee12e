//! `insula blueprint plan`: what another blueprint would change, as people read it.

use crate::output::{items, money, text};
use serde_json::Value as Json;

/// The whole of it.
pub(crate) fn shown(effects: &Json) -> String {
    if effects["changed"] == false {
        return "Nothing would change.".to_owned();
    }
    let mut shown = String::new();
    for (list, noun) in [("plans", "plan"), ("add_ons", "add-on")] {
        for one in items(&effects[list]).filter(|one| one["change"] != "unchanged") {
            shown.push_str(&offered(one, noun));
        }
    }
    shown.push_str(&everyone(&effects["everyone"]));
    for one in items(&effects["organizations"]) {
        shown.push_str(&organization(one));
    }
    let count = |name: &str| text(&effects["counts"][name]);
    let named = items(&effects["organizations"]).count();
    shown.push_str(&format!(
        "\n{} organizations are touched: {} keep a version that is offered no more, {} would pay more and {} less if \
         they were moved, {} can't be moved; at once, {} get less and {} more.",
        count("touched"),
        count("grandfathered"),
        count("would_pay_more"),
        count("would_pay_less"),
        count("immovable"),
        count("lose_at_once"),
        count("gain_at_once"),
    ));
    if effects["counts"]["touched"].as_u64().is_some_and(|all| all > named as u64) {
        shown.push_str(&format!(" The first {named} are shown."));
    }
    shown
}

fn sign(change: &Json) -> &'static str {
    match change.as_str() {
        Some("new") => "+",
        Some("gone") => "-",
        _ => "~",
    }
}

fn arrow(change: &Json) -> String {
    format!("{}: {} → {}", text(&change["field"]), text(&change["before"]), text(&change["after"]))
}

fn offered(one: &Json, noun: &str) -> String {
    let versions = match (one["version"].as_u64(), one["next_version"].as_u64()) {
        (Some(version), Some(next)) => format!(", version {version} → {next}"),
        _ => String::new(),
    };
    let (key, subscribers) = (text(&one["key"]), text(&one["subscribers"]));
    let change = &one["change"];
    let mut shown =
        format!("{} {noun} {key} {}{versions}, {subscribers} subscribers\n", sign(change), text(change));
    for field in items(&one["fields"]) {
        shown.push_str(&format!("    {}\n", arrow(field)));
    }
    shown
}

fn everyone(everyone: &Json) -> String {
    let mut shown = String::new();
    for (list, noun) in [("limits", "limit"), ("meters", "meter"), ("routes", "route")] {
        let changes = &everyone[list];
        for (kind, sign) in [("new", "+"), ("gone", "-")] {
            for name in items(&changes[kind]) {
                shown.push_str(&format!("{sign} {noun} {}, for everyone at once\n", text(name)));
            }
        }
        for change in items(&changes["changed"]) {
            shown.push_str(&format!("~ {noun} {}\n", arrow(change)));
        }
    }
    shown
}

fn organization(one: &Json) -> String {
    let name = one["slug"].as_str().map_or_else(|| text(&one["org"]), str::to_owned);
    let mut shown = format!("\n{name} on {} version {}\n", text(&one["plan"]), text(&one["version"]));
    if one["plan_gone"] == true {
        shown.push_str("    stays on it, though the plan is gone\n");
    }
    let moved = &one["if_moved"];
    if !moved.is_null() {
        shown.push_str(&format!(
            "    stays on it until it is moved to version {}, with the period that ends {}; then:\n",
            text(&moved["version"]),
            text(&one["period_end"]),
        ));
        let price = match moved["difference"]["amount"].as_str() {
            Some(difference) => {
                let more = if difference.starts_with('-') { "" } else { "+" };
                format!("{} → {} ({more}{difference})", money(&moved["before"]), money(&moved["after"]))
            }
            None => format!("{} → no such price: it can't be moved", money(&moved["before"])),
        };
        shown.push_str(&format!("      per {}: {price}\n", text(&moved["interval"])));
        for list in ["limits_up", "limits_down", "terms"] {
            for change in items(&moved[list]) {
                shown.push_str(&format!("      {}\n", arrow(change)));
            }
        }
        for (list, verb) in [("features_gained", "gains"), ("features_lost", "loses")] {
            for feature in items(&moved[list]) {
                shown.push_str(&format!("      {verb} {}\n", text(feature)));
            }
        }
    }
    let at_once = &one["at_once"];
    for list in ["limits_up", "limits_down"] {
        for change in items(&at_once[list]) {
            shown.push_str(&format!("    at once: {}\n", arrow(change)));
        }
    }
    for (list, verb) in [("routes_gained", "can use"), ("routes_lost", "can't use")] {
        for route in items(&at_once[list]) {
            shown.push_str(&format!("    at once: {verb} {}\n", text(route)));
        }
    }
    shown
}
