//! Routes to Insula's own operations: whether the operation gets all it needs, and nothing it doesn't know.

use super::routes::Known;
use crate::{
    calls::{Call, CallSegment, Filler},
    declared::RawRoute,
    diagnostics::{Report, quoted, suggest},
    model::Pointer,
    operations::{Operation, Place},
    pattern::{self, Method, Pattern},
    read::{At, Item, Map},
    wire::{Source, place},
};
use std::collections::BTreeSet;

/// The operation of a route, with what it is declared under, and where the route's own path has what.
struct Context<'a> {
    known: Known<'a>,
    id: &'a At<String>,
    operation: &'a Operation,
    /// The route's own segments that have a name, each with its position.
    segments: Vec<(&'a str, usize)>,
}

/// The route as a call of an operation.
pub(super) fn call(
    whole: &Item<RawRoute>,
    id: &At<String>,
    pattern: Option<&Pattern>,
    known: Known<'_>,
    report: &mut Report<'_>,
) -> Option<Call> {
    let route = &whole.value;
    refuse_beside(route, id, report);
    let Some(operation) = known.operations.get(&id.value) else {
        let message = format!("Insula has no operation {}", quoted(&id.value));
        let help = suggest(&id.value, known.operations.names(), "operation");
        report.error(&id.at, "blueprint.unknown_operation", message, help);
        return None;
    };
    let (text, pattern) = (route.pattern.0.as_ref()?, pattern?);
    check_method(text, pattern, id, operation, report);
    let context = Context { known, id, operation, segments: pattern::named(&text.value).collect() };
    let params = params(route.params.as_ref(), &context, report);
    let path = path(route.params.as_ref(), &params, &context, report);
    let body = route.body.as_ref().map(|body| fields_of_body(body, &context, report));
    let response = route.response.as_ref().map(|response| fields_of_reply(response, &context, report));
    let in_path: BTreeSet<&str> = operation.in_path().collect();
    let query: Vec<_> = params.iter().filter(|(name, _)| !in_path.contains(name.as_str())).cloned().collect();
    let fillers = params.iter().map(|(_, filler)| filler);
    let fillers = fillers.chain(body.iter().flatten().map(|(_, filler)| filler));
    let read = fillers.filter_map(|filler| match filler {
        Filler::Query(name) => Some(name.clone()),
        _ => None,
    });
    Some(Call {
        pattern: text.value.clone(),
        operation: id.value.clone(),
        method: operation.method.clone(),
        path,
        taken: read.chain(query.iter().map(|(name, _)| name.clone())).collect(),
        query,
        body,
        response,
    })
}

/// What only an upstream's route can say.
fn refuse_beside(route: &RawRoute, id: &At<String>, report: &mut Report<'_>) {
    const OWN: &str = "remove it: the operation knows itself what its callers need";
    const UNCOUNTED: &str = "remove it: calls of Insula's own operations aren't metered and hold nothing";
    const SERVED: &str = "remove it: Insula answers, not an upstream";
    let of_upstream = route.upstream.as_ref().map(|name| name.0.as_ref().map(|name| &name.at));
    let meters = route.meter.as_ref().map(|meters| meters.0.first().map(|entry| &entry.name.at));
    let hold = route.hold.as_ref().map(|hold| hold.limit.0.as_ref().map(|limit| &limit.at));
    let within = route.within.as_ref().map(|within| within.first().map(|limit| &limit.at));
    let beside = [
        ("upstream", of_upstream, SERVED),
        ("permission", route.permission.as_ref().map(|one| Some(&one.at)), OWN),
        ("feature", route.feature.as_ref().map(|one| Some(&one.at)), OWN),
        ("meter", meters, UNCOUNTED),
        ("hold", hold, UNCOUNTED),
        ("within", within, UNCOUNTED),
        ("durability", route.durability.map(|_| None), UNCOUNTED),
        ("upgrade", route.upgrade.as_ref().map(|one| Some(&one.at)), SERVED),
        ("strip_prefix", route.strip_prefix.as_ref().map(|one| Some(&one.at)), SERVED),
        ("max_body", route.max_body.map(|_| None), SERVED),
        ("timeout", route.timeout.map(|_| None), SERVED),
    ];
    for (key, given, help) in beside {
        if let Some(at) = given {
            let message = format!("`{key}` can't stand beside `api`");
            report.error(at.unwrap_or(&id.at), "blueprint.route_api", message, help);
        }
    }
}

/// What belongs beside `api` alone, on the route of an upstream.
pub(super) fn refuse_without(route: &RawRoute, report: &mut Report<'_>) {
    let beside = [("params", &route.params), ("body", &route.body), ("response", &route.response)];
    for (key, given) in beside {
        if let Some(given) = given {
            let message = format!("`{key}` belongs beside `api`, which this route doesn't have");
            let help = "remove it: an upstream gets requests as they are";
            report.error(&given.at, "blueprint.route_api", message, help);
        }
    }
}

/// A request that its sender may take for harmless must not change anything.
fn check_method(
    text: &At<String>,
    pattern: &Pattern,
    id: &At<String>,
    operation: &Operation,
    report: &mut Report<'_>,
) {
    let given = text.value.split(' ').next().unwrap_or_default();
    let only_reads = matches!(given, "GET" | "HEAD" | "OPTIONS");
    let message = if pattern.method == Method::Any {
        format!("`{}` would answer every method", id.value)
    } else if only_reads && operation.method != "GET" {
        format!("`{}` changes something, which `{given}` must not", id.value)
    } else {
        return;
    };
    let help = format!("name a method, such as `{}`, the operation's own", operation.method);
    report.error(&text.at, "blueprint.route_method", message, help);
}

/// What `params` says, by parameter.
fn params(
    given: Option<&At<Map<At<Source>>>>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(String, Filler)> {
    let mut params = Vec::new();
    let operation = context.operation;
    for entry in given.into_iter().flat_map(|given| &given.value.0) {
        let name = &entry.name;
        let known = || operation.in_path().chain(operation.query.iter().map(String::as_str));
        if !known().any(|known| known == name.value) {
            let message = format!("`{}` has no parameter {}", context.id.value, quoted(&name.value));
            let help = suggest(&name.value, known(), "parameter");
            report.error(&name.at, "blueprint.unknown_param", message, help);
            continue;
        }
        let Some(source) = &entry.value else { continue };
        let is_text = |source: &Source| match source {
            Source::Body(_) => false,
            Source::Constant(json) => !json.is_array() && json.as_str() != Some(""),
            Source::Path(_) | Source::Query(_) | Source::Organization => true,
        };
        if !is_text(&source.value) {
            let message = format!("this can't fill the parameter `{}`", name.value);
            let help = "use `$path.name`, `$query.name`, `$org`, or one text or number";
            report.error(&source.at, "blueprint.pointer", message, help);
            continue;
        }
        params.extend(filler(source, context, report).map(|filler| (name.value.clone(), filler)));
    }
    params
}

/// The operation's path, with what each parameter is filled with.
fn path(
    given: Option<&At<Map<At<Source>>>>,
    params: &[(String, Filler)],
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<CallSegment> {
    let Context { id, operation, .. } = context;
    let said = |name: &str| {
        let given = params.iter().find(|(known, _)| known == name).map(|(_, filler)| filler.clone());
        given
            .or_else(|| context.segment(name).map(Filler::Segment))
            .or_else(|| (name == "org" && operation.is_of_organization()).then_some(Filler::Organization))
    };
    let mut segments = Vec::new();
    for segment in operation.path.split('/').skip(1) {
        let Some(name) = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            segments.push(CallSegment::Literal(segment.to_owned()));
            continue;
        };
        match said(name) {
            Some(filler) => segments.push(CallSegment::Filled(filler)),
            // What is wrong with it was said already, or it is what a misspelt one was meant to be.
            None if given.is_some_and(|given| given.value.has(name) || context.has_unknown(&given.value)) => {
            }
            None => {
                let message = format!("nothing says what `{name}` of `{}` is", id.value);
                let help = format!(
                    "add `params = {{ {name} = \"$path.…\" }}`, or call a segment of the route's path `{{{name}}}`"
                );
                report.error(&id.at, "blueprint.missing_param", message, help);
            }
        }
    }
    segments
}

/// What the operation's body has where.
fn fields_of_body(
    given: &At<Map<At<Source>>>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Pointer, Filler)> {
    let Context { known, id, operation, .. } = context;
    if !operation.takes_body() {
        let message = format!("`{}` takes no body", id.value);
        report.error(&given.at, "blueprint.route_api", message, "remove `body`");
        return Vec::new();
    }
    let fields = fields(&given.value, context, report, |pointer, name, report| {
        if let Place::No(names) = known.operations.in_body(operation, pointer.names()) {
            let message = format!("the body of `{}` has no {}", id.value, quoted(&name.value));
            report.error(&name.at, "blueprint.unknown_field", message, suggest(&name.value, names, "field"));
        }
    });
    for wanted in known.operations.required(operation) {
        if !given.value.names().any(|name| name.split('.').next() == Some(wanted)) {
            let message = format!("the body of `{}` needs `{wanted}`", id.value);
            let help = format!("add `{wanted} = …`, such as `{wanted} = \"$.{wanted}\"`");
            report.error(&given.at, "blueprint.missing_field", message, help);
        }
    }
    fields
}

/// What the reply has where. Only the operation's reply can fill it, or what is always the same.
fn fields_of_reply(
    given: &At<Map<At<Source>>>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Vec<(Pointer, Filler)> {
    let Context { known, id, operation, .. } = context;
    if !operation.replies() {
        let message = format!("`{}` answers no JSON", id.value);
        report.error(&given.at, "blueprint.route_api", message, "remove `response`");
        return Vec::new();
    }
    for (_, source) in given.value.iter() {
        match &source.value {
            Source::Constant(_) => {}
            Source::Body(pointer) => {
                if let Place::No(names) = known.operations.in_reply(operation, pointer.names()) {
                    let message = format!("the reply of `{}` has no `{pointer}`", id.value);
                    let help = suggest(&pointer.to_string(), names, "field");
                    report.error(&source.at, "blueprint.unknown_field", message, help);
                }
            }
            Source::Path(_) | Source::Query(_) | Source::Organization => {
                let message = "this is of the request, not of the operation's reply".to_owned();
                let help = "use a place of the reply, such as \"$.id\", or a text or number";
                report.error(&source.at, "blueprint.pointer", message, help);
            }
        }
    }
    fields(&given.value, context, report, |_, _, _| {})
}

/// The places that are filled, none of them within another, with what fills them.
fn fields(
    given: &Map<At<Source>>,
    context: &Context<'_>,
    report: &mut Report<'_>,
    check: impl Fn(&Pointer, &At<String>, &mut Report<'_>),
) -> Vec<(Pointer, Filler)> {
    let mut fields: Vec<(Pointer, Filler)> = Vec::new();
    for entry in &given.0 {
        let name = &entry.name;
        let Some(pointer) = place(&name.value, &name.at, report) else { continue };
        check(&pointer, name, report);
        let within = |other: &Pointer| pointer.names().zip(other.names()).all(|(one, two)| one == two);
        if let Some((other, _)) = fields.iter().find(|(other, _)| within(other)) {
            let message = format!("`{pointer}` and `{other}` can't both be filled: one is within the other");
            report.error(&name.at, "blueprint.duplicate", message, "remove one of the two");
            continue;
        }
        let filler = entry.value.as_ref().and_then(|source| filler(source, context, report));
        fields.extend(filler.map(|filler| (pointer, filler)));
    }
    fields
}

/// What a source means on this route.
fn filler(source: &At<Source>, context: &Context<'_>, report: &mut Report<'_>) -> Option<Filler> {
    Some(match &source.value {
        Source::Constant(json) => Filler::Constant(json.clone()),
        Source::Query(name) => Filler::Query(name.clone()),
        Source::Organization => Filler::Organization,
        Source::Body(pointer) => Filler::Body(pointer.clone()),
        Source::Path(name) => {
            let segment = context.segment(name);
            if segment.is_none() {
                let message = format!("the path of this route has no segment `{{{name}}}`");
                let known = context.segments.iter().map(|(name, _)| *name);
                report.error(
                    &source.at,
                    "blueprint.unknown_segment",
                    message,
                    suggest(name, known, "segment"),
                );
            }
            Filler::Segment(segment?)
        }
    })
}

impl Context<'_> {
    /// Whether there is a parameter that the operation doesn't have.
    fn has_unknown(&self, params: &Map<At<Source>>) -> bool {
        let knows = |name: &str| self.operation.in_path().any(|known| known == name);
        params.names().any(|name| !knows(name) && !self.operation.query.contains(name))
    }

    /// Where the route's path has the segment of this name.
    fn segment(&self, name: &str) -> Option<usize> {
        self.segments.iter().find(|(known, _)| *known == name).map(|(_, position)| *position)
    }
}
