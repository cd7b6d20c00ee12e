//! Names that blueprints share with what upstreams send: types of events, places in JSON, fields of headers.

use crate::{
    diagnostics::{Place, Report, quoted},
    model::Pointer,
    read::{Read, wrong_type},
    values::schemas,
};
use serde_json::Value as Json;
use toml::de::DeValue;

/// The type of an event.
#[derive(Clone, Debug)]
pub(crate) struct EventType(pub(crate) String);

/// A property of an event's data: names with dots between them.
#[derive(Clone, Debug)]
pub(crate) struct Property(pub(crate) Pointer);

/// A place in the JSON of a reply: `$` and the names on the way to it, each after a dot.
#[derive(Clone, Debug)]
pub(crate) struct JsonPath(pub(crate) Pointer);

/// The name of a field of a reply's header, in lower case.
#[derive(Clone, Debug)]
pub(crate) struct FieldName(pub(crate) String);

/// What a parameter or a place is filled with: something of the request, or always the same.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// `$path.name`: a segment of the path.
    Path(String),
    /// `$query.name`: a parameter of the query.
    Query(String),
    /// `$org`: the caller's own organization.
    Organization,
    /// `$.name`: a place in a JSON body.
    Body(Pointer),
    /// Anything else.
    Constant(Json),
}

/// The longest type of an event, name of a property on a way, and name of a field, in bytes.
const LONGEST: usize = 64;

/// The most names on the way to a place.
const DEEPEST: usize = 8;

fn is_event_type(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
    text.len() <= LONGEST && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(plain)
}

impl Read for EventType {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let text = String::read(value, at, report)?;
        if !is_event_type(&text) {
            let message = format!("{} can't be the type of an event", quoted(&text));
            let help = "use at most 64 lower-case letters, digits, `.`, `_` and `-`, a letter first, such as \"job.finished\"";
            report.error(at, "blueprint.event_type", message, help);
            return None;
        }
        Some(Self(text))
    }
}

/// Reads names with dots between them.
fn names(text: &str) -> Option<Pointer> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let is_name = |name: &&str| (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain);
    let names: Vec<&str> = text.split('.').take(DEEPEST + 1).collect();
    (names.len() <= DEEPEST && names.iter().all(is_name)).then(|| Pointer::new(names))
}

impl Read for Property {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type("a property such as \"usage.total\"", value, at, report);
        };
        let found = names(text);
        if found.is_none() {
            let message = format!("{} is no property of an event's data", quoted(text));
            let help = "use names of letters, digits, `_` and `-` with dots between them, such as \"usage.total\"; no `$`, at most 8";
            report.error(at, "blueprint.pointer", message, help);
        }
        found.map(Self)
    }
}

impl Read for JsonPath {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            return wrong_type("a place such as \"$.usage.total\"", value, at, report);
        };
        let found = text.strip_prefix("$.").and_then(names);
        if found.is_none() {
            let message = format!("{} is no place in a reply's JSON", quoted(text));
            let help = "use `$` and names of letters, digits, `_` and `-`, each after a dot, such as \"$.usage.total\"; at most 8";
            report.error(at, "blueprint.pointer", message, help);
        }
        found.map(Self)
    }
}

impl Source {
    fn of_text(text: &str) -> Option<Self> {
        let name = |name: &str| is_field_name(name).then(|| name.to_owned());
        match text.strip_prefix('$') {
            None => Some(Self::Constant(text.into())),
            Some("org") => Some(Self::Organization),
            Some(rest) => match rest.split_once('.')? {
                ("", way) => names(way).map(Self::Body),
                ("path", rest) => name(rest).map(Self::Path),
                ("query", rest) => name(rest).map(Self::Query),
                _ => None,
            },
        }
    }
}

impl Read for Source {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        match value {
            DeValue::Boolean(flag) => Some(Self::Constant((*flag).into())),
            DeValue::Integer(_) => i64::read(value, at, report).map(|number| Self::Constant(number.into())),
            DeValue::Array(_) => {
                let texts = Vec::<String>::read(value, at, report)?;
                Some(Self::Constant(texts.into()))
            }
            DeValue::String(text) => {
                let found = Self::of_text(text);
                if found.is_none() {
                    let message = format!("{} is nothing of a request", quoted(text));
                    let help = "use `$path.name`, `$query.name`, `$org` or a place such as `$.company.name`; a text without `$` stands for itself";
                    report.error(at, "blueprint.pointer", message, help);
                }
                found
            }
            _ => wrong_type(
                "a place such as \"$.name\", a text, a whole number, true, false or a list of texts",
                value,
                at,
                report,
            ),
        }
    }
}

/// The names of a place that is a key: as a property, names with dots between them.
pub(crate) fn place(key: &str, at: &Place, report: &mut Report<'_>) -> Option<Pointer> {
    let found = names(key);
    if found.is_none() {
        let message = format!("{} is no place in a JSON document", quoted(key));
        let help = "use names of letters, digits, `_` and `-` with dots between them, such as \"owner.email\"; at most 8";
        report.error(at, "blueprint.pointer", message, help);
    }
    found
}

/// A token, by RFC 9110, section 5.6.2.
fn is_field_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)
}

impl Read for FieldName {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let text = String::read(value, at, report)?;
        if !is_field_name(&text) {
            let message = format!("{} can't be a field of a header", quoted(&text));
            let help = "use a name of letters, digits and `-`, such as \"X-Units\", at most 64";
            report.error(at, "blueprint.header", message, help);
            return None;
        }
        Some(Self(text.to_ascii_lowercase()))
    }
}

schemas! {
    EventType: "EventType" = { "type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,63}$", "examples": ["request", "job.finished"] };
    Property: "Property" = { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}(\\.[A-Za-z0-9_-]{1,64}){0,7}$", "examples": ["usage.total"] };
    JsonPath: "JsonPath" = { "type": "string", "pattern": "^\\$(\\.[A-Za-z0-9_-]{1,64}){1,8}$", "examples": ["$.usage.total"] };
    Source: "Source" = {
        "anyOf": [
            { "type": ["string", "integer", "boolean"] },
            { "type": "array", "items": { "type": "string" } },
        ],
        "examples": ["$path.id", "$query.tenant", "$org", "$.company.name", "active"],
    };
    FieldName: "FieldName" = { "type": "string", "maxLength": 64, "examples": ["X-Units"] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_events_are_dotted_lower_case() {
        let longest = "a".repeat(64);
        for good in ["a", "job.finished", "com.example.job-2.has_finished", &longest] {
            assert!(is_event_type(good), "{good}");
        }
        for bad in ["", "Job", "1a", ".a", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(!is_event_type(bad), "{bad}");
        }
    }

    #[test]
    fn places_are_names_with_dots_between_them() {
        let data = serde_json::json!({ "usage": { "total-2": 7 }, "list": [1] });
        let at = |text: &str| names(text).and_then(|place| place.find(&data).cloned());
        assert_eq!(at("usage.total-2"), Some(7.into()));
        assert_eq!((at("usage.other"), at("list.0")), (None, None));
        assert_eq!(names("a.B_1").map(|place| place.to_string()).as_deref(), Some("a.B_1"));
        let deep = |names: usize| vec!["a"; names].join(".");
        assert!(names(&deep(8)).is_some());
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a[0]", "$.a", "ä", &"a".repeat(65), &deep(9)] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    #[test]
    fn fields_of_headers_are_tokens() {
        assert!(is_field_name("X-Units") && is_field_name("x_units"));
        for bad in ["", "X Units", "X-Units:", "Größe", "a\r\nb", &"a".repeat(65)] {
            assert!(!is_field_name(bad), "{bad}");
        }
    }
}
