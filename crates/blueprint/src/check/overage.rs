//! What it costs to go beyond quotas.

use super::{
    limits::{check_bound, limit_index},
    money::{self, Beside},
    plans::Known,
};
use crate::{
    declared::{RawOverage, RawPlan},
    diagnostics::Report,
    model::{Limit, LimitIndex, LimitKind, OnExceed, Overage},
    read::{At, Entry},
    values::Bound,
};

/// What it costs to go beyond limits, in their order.
pub(super) fn overage(
    plan: &RawPlan,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Vec<(LimitIndex, Overage)> {
    let mut all = Vec::new();
    for entry in &plan.overage.0 {
        let index = limit_index(&entry.name, known.limits, report);
        let limit = index.and_then(|index| known.limits.get(index.get())?.1.as_ref());
        if let Some(limit) = limit {
            check_overage(entry, limit, plan, report);
        }
        let Some(At { value: raw, at }) = &entry.value else { continue };
        let prices = money::costs(&raw.prices, report);
        if entry.clean && raw.prices.0.is_empty() {
            let message = "the overage has no price".to_owned();
            report.error(at, "blueprint.price_missing", message, "add one, such as `USD = \"0.01\"`");
        }
        let beside = Beside {
            at: &entry.name.at,
            codes: raw.prices.0.iter().map(|price| &price.name).collect(),
            code: "blueprint.overage_currency",
            lacking: "going beyond costs nothing",
        };
        money::warn_about_currencies(&beside, &plan.price, report);
        if let (Some(per), Some(limit)) = (&raw.per, limit) {
            let units = At { value: Bound::At(per.value.0), at: per.at.clone() };
            check_bound(&units, &limit.kind, known.meters, report);
        }
        let per = raw.per.as_ref().map_or(1, |per| per.value.0);
        all.extend(index.map(|index| (index, Overage { prices, per })));
    }
    all.sort_by_key(|(index, _)| *index);
    all
}

fn check_overage(entry: &Entry<At<RawOverage>>, limit: &Limit, plan: &RawPlan, report: &mut Report<'_>) {
    let name = &limit.name;
    let bound = plan.limits.get(name).map(|bound| bound.value).or(limit.default);
    let wrong = if !matches!(limit.kind, LimitKind::Quota { .. }) {
        Some((
            format!("`{name}` is no quota, so nothing goes beyond it"),
            "only quotas have overage; remove it",
        ))
    } else if limit.on_exceed == OnExceed::Warn {
        let help = "let its `on_exceed` be \"bill\", or \"reject\" if organizations may let it go on; or remove this";
        Some((format!("what goes beyond `{name}` is only warned of"), help))
    } else if bound == Some(Bound::Unlimited) {
        let help = "remove it, or say under `limits` from where on it costs more";
        Some((format!("`{name}` is unlimited on this plan, so nothing goes beyond it"), help))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        report.error(&entry.name.at, "blueprint.overage", message, help);
    }
}

/// What is billed beyond its bound needs a price.
pub(super) fn check_billed(known: Known<'_>, report: &mut Report<'_>) {
    let raw = known.raw;
    // Where plans are missing or have mistakes, that is what must be mended first.
    if raw.plans.0.is_empty() || raw.plans.0.iter().any(|plan| !plan.clean) {
        return;
    }
    let limits = known.limits.iter().filter_map(|(_, limit)| limit.as_ref());
    for limit in limits.filter(|limit| limit.on_exceed == OnExceed::Bill) {
        let place = raw.limits.get(&limit.name).and_then(|limit| limit.on_exceed.as_ref());
        let Some(place) = place else { continue };
        if !raw.plans.iter().any(|(_, plan)| plan.overage.has(&limit.name)) {
            let message = format!("no plan says what it costs to go beyond `{}`", limit.name);
            let help = format!("add `overage = {{ {} = {{ USD = \"…\" }} }}` to a plan", limit.name);
            report.error(&place.at, "blueprint.overage_missing", message, help);
            continue;
        }
        for (name, plan) in raw.plans.iter().filter(|(_, plan)| !plan.overage.has(&limit.name)) {
            let bound = plan.limits.get(&limit.name).map(|bound| bound.value).or(limit.default);
            if matches!(bound, Some(Bound::At(_))) {
                let message =
                    format!("on plan `{}`, going beyond `{}` costs nothing", name.value, limit.name);
                let help =
                    "give it a price under the plan's `overage`, or let the limit be \"unlimited\" there";
                report.warning(&name.at, "blueprint.overage_free", message, help);
            }
        }
    }
}
