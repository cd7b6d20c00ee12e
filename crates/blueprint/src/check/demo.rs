//! The demo: whether what it makes can be made, and what it calls is there.

use super::{MOST, access, check_count, check_names, check_shown};
use crate::{
    compile::Way,
    declared::{RawBlueprint, RawDemo, RawDemoKey, RawEnvironment},
    demo::{Demo, DemoCall, DemoKey, DemoMember, DemoProject},
    diagnostics::{Place, Report, quoted, suggest},
    model::{LimitIndex, Plan, PlanIndex, Role},
    names::Permissions,
    pattern::Pattern,
    read::{At, Item, Map},
    router::{Match, Router},
    values::{Bound, Document},
};

const MOST_CALLS: u64 = 1_000;

/// What the demo is checked against.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) raw: &'a RawBlueprint,
    pub(super) names: &'a Permissions,
    pub(super) roles: &'a [Role],
    pub(super) plans: &'a [Plan],
    pub(super) patterns: &'a [(Pattern, Way)],
}

/// What is to be made.
pub(super) fn demo(known: Known<'_>, report: &mut Report<'_>) -> Demo {
    let Some(raw) = &known.raw.demo else { return Demo::default() };
    let plan = raw.plan.as_ref().and_then(|name| plan(name, known.raw, report));
    check_room(raw, plan, known, report);
    check_names(&raw.projects, "project", report);
    check_names(&raw.members, "member", report);
    check_count(raw.calls.iter().map(|call| &call.at), MOST, "call", report);
    let shown = |name: &Option<At<String>>, otherwise: &str, report: &mut Report<'_>| {
        name.as_ref().map_or_else(|| otherwise.to_owned(), |name| check_shown(name, 100, report))
    };
    let mut demo = Demo { organization: shown(&raw.organization, "Demo", report), plan, ..Demo::default() };
    for (slug, project) in raw.projects.iter() {
        let name = shown(&project.name, &slug.value, report);
        demo.projects.push(DemoProject { slug: slug.value.clone(), name });
    }
    demo.keys = raw.keys.iter().map(|(name, raw_key)| key(name, raw_key, raw, known, report)).collect();
    for (member, raw) in raw.members.iter() {
        let Some(role) = &raw.role.0 else { continue };
        let known = || known.roles.iter().map(|role| role.name.as_str());
        if !known().any(|name| name == role.value) {
            let message = format!("there is no role {}", quoted(&role.value));
            report.error(&role.at, "blueprint.unknown_role", message, suggest(&role.value, known(), "role"));
        }
        let name = shown(&raw.name, &member.value, report);
        demo.members.push(DemoMember { key: member.value.clone(), name, role: role.value.clone() });
    }
    let router = Router::new(known.patterns.iter().map(|(pattern, _)| pattern));
    let all_routes = known.patterns.len() == known.raw.routes.len();
    let mut calls = Calls { raw, router: &router, all_routes, report };
    demo.call =
        raw.call.as_ref().and_then(|call| calls.resolve(call.request.0.as_ref()?, &call.body, &call.key));
    for Item { value: call, .. } in &raw.calls {
        let times = call.times.as_ref().map_or(1, |times| times.value.0);
        if let Some(given) = call.times.as_ref().filter(|_| times > MOST_CALLS) {
            let message = format!("{times} calls are too many for a start");
            calls.report.error(&given.at, "blueprint.number_range", message, "make at most 1000");
        }
        let resolved =
            call.request.0.as_ref().and_then(|request| calls.resolve(request, &call.body, &call.key));
        demo.calls.extend(resolved.zip(u32::try_from(times).ok()));
    }
    demo
}

fn plan(name: &At<String>, raw: &RawBlueprint, report: &mut Report<'_>) -> Option<PlanIndex> {
    let position = raw.plans.names().position(|known| known == name.value);
    if position.is_none() {
        let message = format!("there is no plan {}", quoted(&name.value));
        let help = suggest(&name.value, raw.plans.names(), "plan");
        report.error(&name.at, "blueprint.unknown_plan", message, help);
    }
    if raw.plans.get(&name.value).is_some_and(|plan| plan.self_service == Some(false)) {
        let message = format!("`{}` can't be taken by self-service", name.value);
        report.error(&name.at, "blueprint.default_plan", message, "choose a plan that people can take");
    }
    position.map(PlanIndex::at)
}

fn places<T>(map: &Map<T>) -> Vec<&Place> {
    map.0.iter().map(|entry| &entry.name.at).collect()
}

/// What the plan doesn't allow couldn't be made.
fn check_room(raw: &RawDemo, plan: Option<PlanIndex>, known: Known<'_>, report: &mut Report<'_>) {
    // Plans that have mistakes are left out here, and positions wouldn't be theirs.
    if known.plans.len() != known.raw.plans.0.len() {
        return;
    }
    let of_product = known.raw.product.0.as_ref().and_then(|product| product.value.default_plan.as_ref());
    let default = of_product.and_then(|name| known.plans.iter().find(|plan| plan.name == name.value));
    let default = default.or_else(|| known.plans.first());
    let Some(plan) = plan.and_then(|plan| known.plans.get(plan.get())).or(default) else { return };
    let kinds = [
        ("key", LimitIndex::API_KEYS, 0, places(&raw.keys)),
        ("project", LimitIndex::PROJECTS, 0, places(&raw.projects)),
        // The owner is one too.
        ("member", LimitIndex::MEMBERS, 1, places(&raw.members)),
    ];
    for (what, limit, owner, places) in kinds {
        let Bound::At(bound) = plan.bound(limit) else { continue };
        let room = usize::try_from(bound).unwrap_or(usize::MAX).saturating_sub(owner);
        if let Some(at) = places.get(room) {
            let message = format!("this is one {what} more than plan `{}` allows", plan.name);
            let help = "remove it, or put the demo on a larger plan: `plan = …`";
            report.error(at, "blueprint.demo", message, help);
        }
    }
}

fn key(
    name: &At<String>,
    raw: &RawDemoKey,
    demo: &RawDemo,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> DemoKey {
    if let Some(project) = raw.project.as_ref().filter(|project| !demo.projects.has(&project.value)) {
        let message = format!("the demo has no project {}", quoted(&project.value));
        let help = suggest(&project.value, demo.projects.names(), "project");
        report.error(&project.at, "blueprint.demo", message, help);
    }
    for scope in raw.scopes.iter().flatten().filter(|scope| known.names.expand(&scope.value).is_none()) {
        access::unknown_permission(scope, known.names, known.raw, report);
    }
    let environment = match raw.environment {
        None | Some(RawEnvironment::Development) => "development",
        Some(RawEnvironment::Staging) => "staging",
        Some(RawEnvironment::Production) => "production",
    };
    let scopes = raw.scopes.as_ref();
    DemoKey {
        name: check_shown(name, 100, report),
        project: raw.project.as_ref().map(|project| project.value.clone()),
        environment,
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| scope.value.clone()).collect()),
    }
}

/// Checks calls.
struct Calls<'c, 'r, 't> {
    raw: &'c RawDemo,
    router: &'c Router,
    /// Whether every route could be read; what is called may be one of the others.
    all_routes: bool,
    report: &'r mut Report<'t>,
}

impl Calls<'_, '_, '_> {
    fn resolve(
        &mut self,
        request: &At<String>,
        body: &Option<Document>,
        key: &Option<At<String>>,
    ) -> Option<DemoCall> {
        let keys = &self.raw.keys;
        if let Some(key) = key.as_ref().filter(|key| !keys.has(&key.value)) {
            let message = format!("the demo has no key {}", quoted(&key.value));
            self.report.error(&key.at, "blueprint.demo", message, suggest(&key.value, keys.names(), "key"));
        }
        let plain = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\<>^`{|}#".contains(&byte))
        };
        let Some((method, target)) =
            request.value.split_once(' ').filter(|(_, target)| target.starts_with('/') && plain(target))
        else {
            let message = format!("{} is no request", quoted(&request.value));
            let help = "write a method, one space and a path, such as `POST /jobs`";
            self.report.error(&request.at, "blueprint.demo", message, help);
            return None;
        };
        let path = target.split('?').next().unwrap_or_default();
        if self.all_routes && !matches!(self.router.find(method, path), Ok(Match::Found(_))) {
            let message = format!("no route answers {}", quoted(&request.value));
            let help = "call one of the routes, with values for the segments in braces";
            self.report.error(&request.at, "blueprint.unknown_route", message, help);
            return None;
        }
        Some(DemoCall {
            method: method.to_owned(),
            target: target.to_owned(),
            body: body.as_ref().map(|body| body.0.clone()),
            key: key.as_ref().map(|key| key.value.clone()),
        })
    }
}
