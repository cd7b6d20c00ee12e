//! What a version of a plan or an add-on says, field by field, so that two of them can be compared.

use crate::definition::{AddOnDefinition, Definition, Recurring};
use insula_kernel::Decimal;
use insula_rating::Price;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A field that differs.
#[derive(Clone, PartialEq, Debug, Serialize, JsonSchema)]
pub struct FieldChange {
    /// Which, such as `prices.USD.month` or `limits.members`.
    pub field: String,
    /// What it says now; null if nothing.
    pub before: Json,
    /// What it would say; null if nothing.
    pub after: Json,
}

pub(super) type Fields = BTreeMap<String, Json>;

/// What stands for a limit that goes on without end.
pub(super) fn bound(bound: Option<u64>) -> Json {
    bound.map_or_else(|| json!("unlimited"), |bound| json!(bound))
}

/// What differs.
pub(super) fn between(before: &Fields, after: &Fields) -> Vec<FieldChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |fields: &Fields, name: &String| fields.get(name).cloned().unwrap_or(Json::Null);
    let change =
        |name: &String| FieldChange { field: name.clone(), before: of(before, name), after: of(after, name) };
    names.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

pub(super) fn of_plan(plan: &Definition) -> Fields {
    let mut fields = Fields::new();
    put_prices(&mut fields, "prices", &plan.prices);
    for (name, most) in &plan.limits {
        fields.insert(format!("limits.{name}"), bound(*most));
    }
    put_features(&mut fields, &plan.features);
    if let Some(seats) = &plan.seats {
        fields.insert("seats.included".to_owned(), json!(seats.included));
        fields.insert("seats.limit".to_owned(), json!(seats.limit));
        put_prices(&mut fields, "seats.prices", &seats.prices);
    }
    for terms in &plan.usage {
        put_rates(&mut fields, &format!("usage.{}", terms.meter), &terms.prices);
    }
    for terms in &plan.overage {
        put_rates(&mut fields, &format!("overage.{}", terms.limit), &terms.prices);
    }
    for (currency, least) in &plan.minimum {
        fields.insert(format!("minimum.{}", currency.code()), json!(Decimal::to_string(least)));
    }
    if let Some(trial) = &plan.trial {
        fields.insert("trial.days".to_owned(), json!(trial.days));
        fields.insert("trial.then".to_owned(), json!(trial.then.as_deref().unwrap_or("past_due")));
    }
    fields.insert("grace_days".to_owned(), json!(plan.grace_days));
    fields.insert("priority".to_owned(), json!(plan.priority));
    fields
}

pub(super) fn of_add_on(add_on: &AddOnDefinition) -> Fields {
    let mut fields = Fields::new();
    put_prices(&mut fields, "prices", &add_on.prices);
    for (name, more) in &add_on.limits {
        fields.insert(format!("limits.{name}"), json!(more));
    }
    put_features(&mut fields, &add_on.features);
    fields.insert("plans".to_owned(), json!(add_on.plans));
    fields.insert("most".to_owned(), json!(add_on.most));
    fields
}

fn put_prices(fields: &mut Fields, under: &str, prices: &[Recurring]) {
    for Recurring { interval, price } in prices {
        let name = format!("{under}.{}.{}", price.currency.code(), interval.name());
        fields.insert(name, json!(price.amount()));
    }
}

fn put_features(fields: &mut Fields, features: &Json) {
    for (name, value) in features.as_object().into_iter().flatten() {
        fields.insert(format!("features.{name}"), value.clone());
    }
}

fn put_rates(fields: &mut Fields, under: &str, prices: &BTreeMap<String, Price>) {
    for (currency, price) in prices {
        fields.insert(format!("{under}.{currency}"), json!(price));
    }
}
