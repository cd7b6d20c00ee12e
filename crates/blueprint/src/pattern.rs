//! The `match` of a route: a method and a pattern of segments.

use crate::path::is_unreserved;
use std::{collections::BTreeSet, fmt};

/// The methods a pattern can name, each with its slot in the router.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The method of a request, or of a route.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Method {
    /// One of [`METHODS`].
    Known(usize),
    /// Any; of a request: one that no route can name, which only `*` matches.
    Any,
}

impl Method {
    /// Slots that a table by method needs.
    pub(crate) const SLOTS: usize = METHODS.len() + 1;
    pub(crate) const GET: Self = Self::Known(0);
    pub(crate) const HEAD: Self = Self::Known(1);

    /// The method of a request; `None` for those that are never forwarded (`CONNECT` opens tunnels, `TRACE` echoes
    /// credentials).
    pub(crate) fn of_request(name: &str) -> Option<Self> {
        if name == "CONNECT" || name == "TRACE" {
            return None;
        }
        Some(METHODS.iter().position(|known| *known == name).map_or(Self::Any, Self::Known))
    }

    pub(crate) const fn slot(self) -> usize {
        match self {
            Self::Known(slot) => slot,
            Self::Any => METHODS.len(),
        }
    }

    fn of_pattern(name: &str) -> Option<Self> {
        match name {
            "*" => Some(Self::Any),
            name => METHODS.iter().position(|known| *known == name).map(Self::Known),
        }
    }
}

/// The methods that routes allow on a path.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct MethodSet(u8);

impl MethodSet {
    pub(crate) fn add(&mut self, method: Method) {
        self.0 |= match method {
            Method::Any => (1 << METHODS.len()) - 1,
            Method::GET => 0b11,
            Method::Known(slot) => 1 << slot,
        };
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the methods.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        METHODS.iter().enumerate().filter(move |(slot, _)| self.0 >> slot & 1 == 1).map(|(_, name)| *name)
    }
}

/// As the `Allow` header lists them.
impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One segment of a pattern. Names of parameters don't matter for matching.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Segment {
    Literal(String),
    /// `{name}`: exactly one segment.
    One,
    /// `{*name}`: all that remains, nothing included; only at the end.
    Rest,
}

/// What a route matches. Two that are equal match the same requests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Pattern {
    pub(crate) method: Method,
    pub(crate) segments: Vec<Segment>,
}

/// The most segments of a pattern.
const MOST_SEGMENTS: usize = 32;

impl Pattern {
    /// Reads `METHOD /path`, or says what is wrong and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, String)> {
        let example = || "write a method or `*`, one space and a path, such as `GET /jobs/{id}`".to_owned();
        let (method, path) =
            text.split_once(' ').ok_or_else(|| ("the pattern has no method".to_owned(), example()))?;
        let method = Method::of_pattern(method).ok_or_else(|| {
            let shown = crate::diagnostics::quoted(method);
            // `CONNECT` opens tunnels, `TRACE` echoes credentials.
            let is_never_served = method == "CONNECT" || method == "TRACE";
            let why = if is_never_served { "is never forwarded" } else { "is no method" };
            (format!("{shown} {why}"), format!("one of {}, or `*` for all", METHODS.join(", ")))
        })?;
        let inner = path
            .strip_prefix('/')
            .ok_or_else(|| ("the path does not begin with `/`".to_owned(), example()))?;
        // A slash at the end makes no difference, see the router.
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut names = BTreeSet::new();
        let texts: Vec<&str> = if inner.is_empty() { Vec::new() } else { inner.split('/').collect() };
        if texts.len() > MOST_SEGMENTS {
            return Err((
                "the path has too many segments".to_owned(),
                format!("use at most {MOST_SEGMENTS}"),
            ));
        }
        let last = texts.len().saturating_sub(1);
        let segments = texts.iter().enumerate().map(|(index, text)| segment(text, index == last, &mut names));
        Ok(Self { method, segments: segments.collect::<Result<_, _>>()? })
    }

    /// The literal segments before the first parameter.
    pub(crate) fn literal_start(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map_while(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::One | Segment::Rest => None,
        })
    }
}

/// The parameters `{name}` of a pattern that was parsed, each with the position of its segment.
pub(crate) fn named(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let path = text.split_once(" /").map_or("", |(_, path)| path);
    path.split('/').enumerate().filter_map(|(position, segment)| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        (!name.starts_with('*')).then_some((name, position))
    })
}

fn segment<'t>(
    text: &'t str,
    last: bool,
    names: &mut BTreeSet<&'t str>,
) -> Result<Segment, (String, String)> {
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return literal(text);
    };
    let (name, parsed) = match inner.strip_prefix('*') {
        Some(name) if last => (name, Segment::Rest),
        Some(_) => {
            let help = "put `{*…}` at the end, or use `{…}` for one segment";
            return Err((format!("`{text}` stands before the end of the path"), help.to_owned()));
        }
        None => (inner, Segment::One),
    };
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain {
        let shown = crate::diagnostics::quoted(text);
        let help = "name parameters with lower-case letters, digits and `_`, such as `{job_id}`";
        return Err((format!("{shown} is no parameter"), help.to_owned()));
    }
    if !names.insert(name) {
        return Err((format!("two parameters are named `{name}`"), "give each a name of its own".to_owned()));
    }
    Ok(parsed)
}

fn literal(text: &str) -> Result<Segment, (String, String)> {
    let shown = crate::diagnostics::quoted(text);
    if text.is_empty() {
        return Err(("the path has an empty segment".to_owned(), "remove the doubled slash".to_owned()));
    }
    if text == "." || text == ".." {
        return Err((
            format!("{shown} can't be a segment"),
            "write the path without `.` and `..`".to_owned(),
        ));
    }
    if text.contains(['{', '}', '*']) {
        let help = "a parameter is a whole segment: `/files/{name}`, not `/files/{name}.json`";
        return Err((format!("{shown} mixes text and parameter"), help.to_owned()));
    }
    // Only such characters: requests that encode one of them are refused, so a literal has one form alone.
    if !text.bytes().all(is_unreserved) {
        let help = "use letters, digits, `-`, `.`, `_` and `~`; everything else through a parameter";
        return Err((
            format!("{shown} has characters that a segment of a route can't have"),
            help.to_owned(),
        ));
    }
    Ok(Segment::Literal(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_match_the_same_are_equal() {
        let same = |a: &str, b: &str| Pattern::parse(a).unwrap() == Pattern::parse(b).unwrap();
        assert!(same("GET /a/{x}", "GET /a/{y}"));
        assert!(same("* /a/{*x}", "* /a/{*rest}"));
        assert!(same("GET /a", "GET /a/"));
        assert!(!same("GET /a/{x}", "GET /a/{*x}"));
        assert!(!same("GET /a", "* /a"));
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        for bad in [
            "",
            "GET",
            "/a",
            "get /a",
            "FETCH /a",
            "GET a",
            "GET  /a",
            "GET //a",
            "GET /a//b",
            "GET /a/../b",
            "GET /{a}/{a}",
            "GET /{*a}/b",
            "GET /{}",
            "GET /{*}",
            "GET /{A}",
            "GET /a{b}",
            "GET /a*",
            "GET /a%20b",
            "GET /ä",
            "GET /a;b",
            "GET /a?b",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(Pattern::parse(&format!("GET {}", "/a".repeat(MOST_SEGMENTS + 1))).is_err());
    }

    #[test]
    fn get_allows_head_and_any_allows_all() {
        let mut set = MethodSet::default();
        set.add(Method::GET);
        set.add(Method::of_pattern("POST").unwrap());
        assert_eq!(set.to_string(), "GET, HEAD, POST");
        set.add(Method::Any);
        assert_eq!(set.iter().count(), METHODS.len());
    }
}
