//! Routes that requests can't reach, because something else answers them all.

use crate::{
    diagnostics::{Report, quoted},
    pattern::{Method, Pattern, Segment},
    read::At,
};
use std::collections::{BTreeMap, BTreeSet};

/// First segments below which Insula answers everything where a host serves both it and the routes.
const OWN_SEGMENTS: &[&str] = &["v1", "console", ".well-known"];
/// Paths that it answers there; the first is its front page.
const OWN_PATHS: &[&[&str]] = &[&[], &["healthz"], &["readyz"]];

/// Warns of a route that Insula stands before on a bare address.
pub(super) fn warn_of_insula(text: &At<String>, pattern: &Pattern, report: &mut Report<'_>) {
    let literal: Vec<&str> = pattern.literal_start().collect();
    let is_fixed = literal.len() == pattern.segments.len();
    let own =
        literal.first().filter(|first| OWN_SEGMENTS.contains(first)).map(|first| format!("below `/{first}`"));
    let own = own.or_else(|| {
        (is_fixed && OWN_PATHS.contains(&literal.as_slice())).then(|| format!("`/{}`", literal.join("/")))
    });
    if let Some(own) = own {
        let message = format!("Insula itself answers {own} where one host serves both");
        let help =
            "the route works on tenants' hosts; choose another path if it must work on a bare address too";
        report.warning(&text.at, "blueprint.route_shadowed", message, help);
    }
}

/// Refuses a route whose every request others answer.
///
/// That can only be one that ends with `{*rest}`: what is more exact than any other pattern is only ever a part of it,
/// and no number of literals makes up a `{segment}`. But `/a` and `/a/{x}/{*rest}` together are all of `/a/{*rest}`.
pub(super) fn refuse_unreachable(routes: &BTreeMap<Pattern, &At<String>>, report: &mut Report<'_>) {
    for (pattern, text) in routes {
        let Some((Segment::Rest, before)) = pattern.segments.split_last() else { continue };
        let mut by = BTreeSet::new();
        if is_covered(before, pattern, routes, &mut by) {
            let others: Vec<String> = by.iter().map(|other| quoted(other)).collect();
            let message = format!(
                "no request reaches {}: {} answer them all",
                quoted(&text.value),
                others.join(" and ")
            );
            let help = "remove it, or one of those that stand before it";
            report.error(&text.at, "blueprint.route_unreachable", message, help);
        }
    }
}

/// Whether others answer all requests of the pattern's method at `before` and below it, before the pattern would. Those
/// that do are added to `by`.
fn is_covered<'r>(
    before: &[Segment],
    pattern: &Pattern,
    routes: &BTreeMap<Pattern, &'r At<String>>,
    by: &mut BTreeSet<&'r str>,
) -> bool {
    let method = pattern.method;
    let answering = |segments: Vec<Segment>| {
        let of_get = (method == Method::HEAD).then_some(Method::GET);
        let methods = [Some(method), of_get, Some(Method::Any)].into_iter().flatten();
        let patterns = methods.map(|method| Pattern { method, segments: segments.clone() });
        let mut others = patterns.filter(|other| other != pattern).filter_map(|other| routes.get(&other));
        others.next().map(|text| text.value.as_str())
    };
    let with = |last: Segment| before.iter().cloned().chain([last]).collect::<Vec<_>>();
    if before.len() >= pattern.segments.len()
        && let Some(all) = answering(with(Segment::Rest))
    {
        by.insert(all);
        return true;
    }
    let Some(here) = answering(before.to_vec()) else { return false };
    by.insert(here);
    // Patterns are bounded in length, and each step needs one that is longer.
    is_covered(&with(Segment::One), pattern, routes, by)
}
