//! What changes for every organization at once: limits, meters and routes stand in no version of a plan.

use super::fields::{FieldChange, Fields, between, bound};
use crate::definition::{Definition, Terms};
use insula_blueprint::{Call, Compiled, Limit, LimitKind, Meter, Route};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What changes for every organization at once, whatever its plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Everyone {
    /// What bounds.
    pub limits: Changes,
    /// What is counted.
    pub meters: Changes,
    /// What can be called.
    pub routes: Changes,
}

/// What is new, gone, or means something else.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Changes {
    /// Names that weren't there.
    pub new: Vec<String>,
    /// Names that aren't there any more.
    pub gone: Vec<String>,
    /// What means something else now.
    pub changed: Vec<FieldChange>,
}

impl Everyone {
    pub(super) fn of(before: &Compiled, after: &Compiled) -> Self {
        Self {
            limits: Changes::between(&limits(before), &limits(after)),
            meters: Changes::between(&meters(before), &meters(after)),
            routes: Changes::between(&routes(before), &routes(after)),
        }
    }
}

impl Changes {
    fn between(before: &Fields, after: &Fields) -> Self {
        let only = |some: &Fields, others: &Fields| -> Vec<String> {
            some.keys().filter(|name| !others.contains_key(*name)).cloned().collect()
        };
        let mut changed = between(before, after);
        changed.retain(|change| !change.before.is_null() && !change.after.is_null());
        Self { new: only(after, before), gone: only(before, after), changed }
    }
}

fn limits(blueprint: &Compiled) -> Fields {
    blueprint.limits().iter().map(|limit| (limit.name.clone(), json!(described(limit, blueprint)))).collect()
}

/// What a limit bounds, in a line.
fn described(limit: &Limit, blueprint: &Compiled) -> String {
    let beyond = json!(limit.on_exceed).as_str().unwrap_or_default().to_owned();
    match &limit.kind {
        LimitKind::Quota { meter, window, per } => {
            let meter = blueprint.meter(*meter).map_or("", |meter| &meter.name);
            format!("{meter} per {} and {}; beyond: {beyond}", window.name(), per.name())
        }
        LimitKind::Rate { window, burst, per, routes } => {
            let burst = burst.map_or_else(String::new, |burst| format!(", {burst} at once"));
            let of = |index: &insula_blueprint::RouteIndex| blueprint.routes().get(index.get());
            let routes: Vec<&str> =
                routes.iter().filter_map(of).map(|route| route.pattern.as_str()).collect();
            let on = if routes.is_empty() { String::new() } else { format!(", on {}", routes.join(", ")) };
            format!("requests per {} and {}{burst}{on}", window.name(), per.name())
        }
        LimitKind::Hold { per } => format!("held at once per {}", per.name()),
        LimitKind::Stock => "how many exist".to_owned(),
    }
}

fn meters(blueprint: &Compiled) -> Fields {
    let line = |meter: &Meter| -> Json {
        let of = meter.of.as_ref().map(|of| of.names().collect::<Vec<_>>().join("."));
        let groups = meter.group_by.iter().map(|group| group.names().collect::<Vec<_>>().join("."));
        json!({
            "event": meter.event, "aggregate": meter.aggregate, "of": of, "scale": meter.scale.places(),
            "group_by": groups.collect::<Vec<_>>(),
        })
    };
    blueprint.meters().iter().map(|meter| (meter.name.clone(), line(meter))).collect()
}

fn routes(blueprint: &Compiled) -> Fields {
    let line = |route: &Route| -> Json {
        let permission = route.permission.map(|permission| blueprint.permissions().name(permission));
        let counts: BTreeMap<&str, String> = route
            .meters
            .iter()
            .filter_map(|(index, cost)| Some((&*blueprint.meter(*index)?.name, format!("{cost:?}"))))
            .collect();
        let limit =
            |index: insula_blueprint::LimitIndex| blueprint.limit(index).map(|limit| limit.name.clone());
        let within: Vec<_> = route.within.iter().filter_map(|index| limit(*index)).collect();
        json!({
            "upstream": blueprint.upstream(route.upstream).map(|upstream| &upstream.name),
            "permission": permission, "feature": route.feature, "meter": counts, "within": within,
            "hold": route.hold.as_ref().and_then(|hold| limit(hold.limit)),
        })
    };
    let call = |call: &Call| -> Json {
        let params = (!call.query.is_empty()).then(|| format!("{:?}", call.query));
        let fields = |fields: &Option<Vec<_>>| fields.as_ref().map(|fields| format!("{fields:?}"));
        json!({
            "api": call.operation, "path": format!("{:?}", call.path), "query": params,
            "body": fields(&call.body), "response": fields(&call.response),
        })
    };
    let calls = blueprint.calls().iter().map(|one| (one.pattern.clone(), call(one)));
    blueprint.routes().iter().map(|route| (route.pattern.clone(), line(route))).chain(calls).collect()
}

/// The routes whose feature is there, or that need none.
pub(super) fn usable(blueprint: &Compiled, features: &BTreeMap<Box<str>, bool>) -> BTreeSet<String> {
    let can = |route: &&Route| {
        let needed = route.feature.as_deref();
        needed.is_none_or(|feature| features.get(feature).copied().unwrap_or(false))
    };
    blueprint.routes().iter().filter(can).map(|route| route.pattern.clone()).collect()
}

/// How far each limit goes for an organization under a blueprint.
pub(super) struct Bounds(BTreeMap<String, Option<u64>>);

impl Bounds {
    pub(super) fn of(definition: &Definition, plan: &str, blueprint: &Compiled, terms: &Terms) -> Self {
        Self(definition.bounds(plan, blueprint, terms))
    }

    /// Limits that go further under the other, and those that go less far. A limit that isn't there bounds nothing.
    pub(super) fn against(&self, other: &Self) -> (Vec<FieldChange>, Vec<FieldChange>) {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for name in names {
            let (before, after) = (self.0.get(name), other.0.get(name));
            let shown = |most: Option<&Option<u64>>| most.map_or(Json::Null, |most| bound(*most));
            let change = FieldChange { field: name.clone(), before: shown(before), after: shown(after) };
            let most = |bound: Option<&Option<u64>>| bound.copied().flatten().unwrap_or(u64::MAX);
            match most(before).cmp(&most(after)) {
                std::cmp::Ordering::Less => up.push(change),
                std::cmp::Ordering::Greater => down.push(change),
                std::cmp::Ordering::Equal => {}
            }
        }
        (up, down)
    }
}
