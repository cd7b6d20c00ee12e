//! Finds the route of a request.
//!
//! A tree of segments. A literal goes before `{one}`, and that before `{*rest}`, segment by segment; within one path
//! the named method goes before `*`. Of all that match, the first in this order that has the method answers. A slash
//! at the end of a path makes no difference, since many upstreams treat it so, and a route's permission must hold
//! for both forms. Each node is visited at most once, so the work is bounded by the blueprint, not by the request.

use crate::{
    path::{self, PathError},
    pattern::{Method, MethodSet, Pattern, Segment},
};

/// The number of a route that is never given: no blueprint has as many.
const NONE: u16 = u16::MAX;

/// Routes by method.
#[derive(Clone, Copy, Debug)]
struct Methods([u16; Method::SLOTS]);

impl Methods {
    const EMPTY: Self = Self([NONE; Method::SLOTS]);

    fn get(&self, method: Method) -> Option<u16> {
        let exact = self.0[method.slot()];
        let of_get = if method == Method::HEAD { self.0[Method::GET.slot()] } else { NONE };
        [exact, of_get, self.0[Method::Any.slot()]].into_iter().find(|&route| route != NONE)
    }

    /// The route for the method, or else a note of the methods there are.
    fn take(&self, method: Option<Method>, allowed: &mut MethodSet) -> Option<u16> {
        let found = method.and_then(|method| self.get(method));
        if found.is_none() {
            let slots = (0..Method::Any.slot()).map(Method::Known).chain([Method::Any]);
            slots.filter(|method| self.0[method.slot()] != NONE).for_each(|method| allowed.add(method));
        }
        found
    }
}

#[derive(Clone, Debug)]
struct Node {
    /// By text, sorted.
    literals: Vec<(Box<str>, usize)>,
    one: Option<usize>,
    /// Routes that end here.
    here: Methods,
    /// Routes that take all that remains.
    rest: Methods,
}

impl Node {
    const EMPTY: Self = Self { literals: Vec::new(), one: None, here: Methods::EMPTY, rest: Methods::EMPTY };
}

/// The tree of all routes.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    nodes: Vec<Node>,
}

/// What the router says about a request.
pub(crate) enum Match {
    Found(u16),
    MethodNotAllowed(MethodSet),
    NotFound,
}

impl Router {
    /// A router of these patterns, numbered in their order. Of equal patterns the first counts.
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> Self {
        let mut router = Self { nodes: vec![Node::EMPTY] };
        for (pattern, route) in patterns.into_iter().zip(0u16..NONE) {
            router.insert(pattern, route);
        }
        router
    }

    fn insert(&mut self, pattern: &Pattern, route: u16) {
        let mut at = 0;
        let mut takes_rest = false;
        for segment in &pattern.segments {
            match segment {
                Segment::Literal(text) => at = self.literal_child(at, text),
                Segment::One => at = self.one_child(at),
                Segment::Rest => takes_rest = true,
            }
        }
        let node = &mut self.nodes[at];
        let methods = if takes_rest { &mut node.rest } else { &mut node.here };
        let slot = &mut methods.0[pattern.method.slot()];
        if *slot == NONE {
            *slot = route;
        }
    }

    fn literal_child(&mut self, at: usize, text: &str) -> usize {
        match self.nodes[at].literals.binary_search_by(|(known, _)| (**known).cmp(text)) {
            Ok(found) => self.nodes[at].literals[found].1,
            Err(place) => {
                let child = self.nodes.len();
                self.nodes.push(Node::EMPTY);
                self.nodes[at].literals.insert(place, (text.into(), child));
                child
            }
        }
    }

    fn one_child(&mut self, at: usize) -> usize {
        let child = self.nodes[at].one.unwrap_or(self.nodes.len());
        if child == self.nodes.len() {
            self.nodes.push(Node::EMPTY);
            self.nodes[at].one = Some(child);
        }
        child
    }

    /// The route of a request; the path is without its query.
    pub(crate) fn find(&self, method: &str, path: &str) -> Result<Match, PathError> {
        path::check(path)?;
        let inner = path.strip_prefix('/').unwrap_or(path);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut allowed = MethodSet::default();
        let method = Method::of_request(method);
        Ok(match self.descend(0, inner, method, &mut allowed) {
            Some(route) => Match::Found(route),
            None if allowed.is_empty() => Match::NotFound,
            None => Match::MethodNotAllowed(allowed),
        })
    }

    fn descend(&self, at: usize, rest: &str, method: Option<Method>, allowed: &mut MethodSet) -> Option<u16> {
        let node = &self.nodes[at];
        if rest.is_empty() {
            return node.here.take(method, allowed).or_else(|| node.rest.take(method, allowed));
        }
        let (segment, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let literal = node.literals.binary_search_by(|(known, _)| (**known).cmp(segment)).ok();
        literal
            .and_then(|found| self.descend(node.literals[found].1, rest, method, allowed))
            .or_else(|| node.one.and_then(|child| self.descend(child, rest, method, allowed)))
            .or_else(|| node.rest.take(method, allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_kernel::{Rng as _, SeededRng};

    fn found(patterns: &[&str], method: &str, path: &str) -> String {
        let parsed: Vec<_> = patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        match Router::new(&parsed).find(method, path) {
            Ok(Match::Found(route)) => patterns[usize::from(route)].to_owned(),
            Ok(Match::MethodNotAllowed(allowed)) => format!("405 {allowed}"),
            Ok(Match::NotFound) => "404".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_more_exact_route_answers() {
        let routes = ["GET /a/b", "GET /a/{x}", "GET /a/{*x}", "* /{*x}", "GET /a/{x}/c"];
        assert_eq!(found(&routes, "GET", "/a/b"), "GET /a/b");
        assert_eq!(found(&routes, "GET", "/a/z"), "GET /a/{x}");
        assert_eq!(found(&routes, "GET", "/a/b/c"), "GET /a/{x}/c");
        assert_eq!(found(&routes, "GET", "/a/b/d"), "GET /a/{*x}");
        assert_eq!(found(&routes, "GET", "/a"), "GET /a/{*x}");
        assert_eq!(found(&routes, "POST", "/a/b"), "* /{*x}");
        assert_eq!(found(&routes, "PROPFIND", "/"), "* /{*x}");
    }

    #[test]
    fn head_is_answered_by_get_and_tunnels_by_nothing() {
        assert_eq!(found(&["GET /a"], "HEAD", "/a"), "GET /a");
        assert_eq!(found(&["GET /a", "HEAD /a"], "HEAD", "/a"), "HEAD /a");
        assert_eq!(found(&["* /a", "GET /a"], "HEAD", "/a"), "GET /a");
        assert_eq!(found(&["* /a"], "CONNECT", "/a"), "405 GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }

    #[test]
    fn a_path_without_the_method_names_those_it_has() {
        let routes = ["GET /a/b", "POST /a/{x}", "DELETE /a/{*x}"];
        assert_eq!(found(&routes, "PUT", "/a/b"), "405 GET, HEAD, POST, DELETE");
        assert_eq!(found(&routes, "PUT", "/b"), "404");
    }

    #[test]
    fn no_spelling_of_a_path_escapes_its_route() {
        let routes = ["* /admin/{*x}", "* /{*x}"];
        for spelling in ["/admin", "/admin/", "/admin/x", "/admin/x/"] {
            assert_eq!(found(&routes, "GET", spelling), "* /admin/{*x}", "{spelling}");
        }
        for spelling in [
            "//admin",
            "/./admin",
            "/x/../admin",
            "/%61dmin",
            "/x%2f..%2fadmin",
            "/admin;y",
            "/x/..;/admin",
            "/\\admin",
        ] {
            assert!(!found(&routes, "GET", spelling).contains('/'), "{spelling}");
        }
    }

    /// The rules stated anew, without a tree: the best of all patterns that match.
    fn by_definition(patterns: &[Pattern], method: &str, path: &str) -> Option<usize> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let rank = |segment: Option<&Segment>| match segment {
            None => 0,
            Some(Segment::Literal(_)) => 1,
            Some(Segment::One) => 2,
            Some(Segment::Rest) => 3,
        };
        let matching = patterns.iter().enumerate().filter(|(_, pattern)| {
            let takes_rest = pattern.segments.last() == Some(&Segment::Rest);
            let fixed = pattern.segments.len() - usize::from(takes_rest);
            (segments.len() == fixed || takes_rest && segments.len() > fixed)
                && pattern.segments.iter().zip(&segments).all(|(segment, text)| match segment {
                    Segment::Literal(literal) => literal == text,
                    Segment::One | Segment::Rest => true,
                })
                && (pattern.method == Method::Any || Some(pattern.method) == Method::of_request(method))
        });
        let order = |pattern: &Pattern| {
            let ranks: Vec<_> = (0..=segments.len()).map(|at| rank(pattern.segments.get(at))).collect();
            (ranks, pattern.method == Method::Any)
        };
        matching.min_by_key(|(_, pattern)| order(pattern)).map(|(index, _)| index)
    }

    #[test]
    fn the_tree_finds_what_the_rules_say() {
        let rng = SeededRng::new(5);
        let pick = |from: &[&'static str]| {
            let mut byte = [0u8];
            rng.fill(&mut byte);
            from[usize::from(byte[0]) % from.len()]
        };
        for _ in 0..300 {
            let texts = (0..8).map(|_| {
                let tail = pick(&["", "/a", "/{z}", "/{*z}"]);
                format!(
                    "{} {}{}{tail}",
                    pick(&["GET", "POST", "*"]),
                    pick(&["/a", "/b", "/{x}"]),
                    pick(&["", "/a", "/{y}"])
                )
            });
            let mut patterns: Vec<Pattern> = Vec::new();
            for pattern in texts.map(|text| Pattern::parse(&text).unwrap()) {
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                }
            }
            let router = Router::new(&patterns);
            for _ in 0..30 {
                let path = format!(
                    "{}{}{}",
                    pick(&["/a", "/b", "/c"]),
                    pick(&["", "/a", "/c"]),
                    pick(&["", "/a", "/b/c"])
                );
                let method = pick(&["GET", "POST", "DELETE"]);
                let expected = by_definition(&patterns, method, &path);
                let found = match router.find(method, &path).unwrap() {
                    Match::Found(route) => Some(usize::from(route)),
                    Match::MethodNotAllowed(_) | Match::NotFound => None,
                };
                assert_eq!(found, expected, "{method} {path} of {patterns:?}");
            }
        }
    }
}
