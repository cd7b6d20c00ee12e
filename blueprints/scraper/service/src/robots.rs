//! The rules of a site's robots.txt (RFC 9309, Robots Exclusion Protocol).

use std::time::Duration;

/// How much of it is read (RFC 9309, section 2.5: at least 500 KiB).
pub(crate) const MAX_BYTES: usize = 500 << 10;
/// How many rules are kept.
const RULES_MAX: usize = 5_000;

/// What a site allows us.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Robots {
    rules: Vec<Rule>,
    /// How long it wants us to wait between two requests; not in the RFC, but widely asked for.
    pub(crate) delay: Option<Duration>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    is_allowed: bool,
    pattern: String,
}

/// The rules for one or more crawlers.
#[derive(Default)]
struct Group {
    agents: Vec<String>,
    robots: Robots,
}

impl Robots {
    /// Reads what concerns the crawler with this product token.
    pub(crate) fn read(text: &str, agent: &str) -> Self {
        let groups = groups(text);
        let names_us = |group: &&Group| group.agents.iter().any(|name| name.eq_ignore_ascii_case(agent));
        let for_all = |group: &&Group| group.agents.iter().any(|name| name == "*");
        let ours: Vec<&Group> = groups.iter().filter(names_us).collect();
        // Groups for the same crawler are one; those for all count only where none is for it (section 2.2.1).
        let ours = if ours.is_empty() { groups.iter().filter(for_all).collect() } else { ours };
        let mut robots = Self::default();
        for group in ours {
            robots.rules.extend(group.robots.rules.iter().cloned());
            robots.delay = robots.delay.max(group.robots.delay);
        }
        robots
    }

    /// Whether a path, with its query, may be fetched: the longest rule that matches decides, and allows where two are
    /// equally long (section 2.2.2).
    pub(crate) fn allows(&self, path: &str) -> bool {
        if path == "/robots.txt" {
            return true;
        }
        let path = normal(path);
        let matching = self.rules.iter().filter(|rule| matches(rule.pattern.as_bytes(), path.as_bytes()));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.is_allowed)).is_none_or(|rule| rule.is_allowed)
    }
}

fn groups(text: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut is_naming = false;
    let mut count = 0;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        if key == "user-agent" {
            if !is_naming {
                groups.push(Group::default());
            }
            is_naming = true;
            if let Some(group) = groups.last_mut() {
                // A product token, without the version that some write behind it.
                let token = value.split(['/', ' ']).next().unwrap_or_default();
                group.agents.push(token.to_owned());
            }
            continue;
        }
        let Some(group) = groups.last_mut() else { continue };
        match key.as_str() {
            "allow" | "disallow" => {
                is_naming = false;
                count += 1;
                if !value.is_empty() && count <= RULES_MAX {
                    group.robots.rules.push(Rule { is_allowed: key == "allow", pattern: normal(value) });
                }
            }
            "crawl-delay" => {
                is_naming = false;
                group.robots.delay = seconds(value).or(group.robots.delay);
            }
            // Others, such as Sitemap, are no part of a group and don't end one.
            _ => {}
        }
    }
    groups
}

/// A number of seconds, perhaps with a fraction of up to three digits.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = whole.parse().ok()?;
    let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(Duration::from_millis(whole.min(86_400) * 1_000 + millis))
}

/// Percent-encoding in one form (section 2.2.2): what needs none stands for itself, the rest in capitals.
fn normal(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let encoded = (byte == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        let decoded = encoded.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(plain) if plain.is_ascii_alphanumeric() || matches!(plain, b'-' | b'.' | b'_' | b'~') => {
                out.push(char::from(plain));
                at += 3;
            }
            Some(other) => {
                out.push_str(&format!("%{other:02X}"));
                at += 3;
            }
            None if byte.is_ascii() => {
                out.push(char::from(byte));
                at += 1;
            }
            None => {
                out.push_str(&format!("%{byte:02X}"));
                at += 1;
            }
        }
    }
    out
}

/// Whether a pattern matches the front of a path: `*` stands for anything, `$` at the end for the path's end. Goes back
/// to the last `*` alone, so the time is bounded by the product of both lengths.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, is_anchored) = pattern.strip_suffix(b"$").map_or((pattern, false), |front| (front, true));
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        if p == pattern.len() && (!is_anchored || t == path.len()) {
            return true;
        }
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern.get(p) == path.get(t) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star.filter(|(_, from)| *from < path.len()) {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn robots(text: &str) -> Robots {
        Robots::read(text, "InsulaScraper")
    }

    #[test]
    fn the_longest_rule_decides_and_allows_among_equals() {
        let robots =
            robots("User-agent: *\nDisallow: /internal/\nAllow: /internal/press\nAllow: /a\nDisallow: /a");
        assert!(robots.allows("/") && robots.allows("/internal"));
        assert!(!robots.allows("/internal/") && !robots.allows("/internal/prices?x=1"));
        assert!(robots.allows("/internal/press/2026"));
        assert!(robots.allows("/a"));
    }

    #[test]
    fn stars_and_ends_match_as_they_should() {
        let robots = robots("User-agent: *\nDisallow: /*.pdf$\nDisallow: /*/private/*/x\nDisallow: /end$");
        assert!(!robots.allows("/files/a.pdf") && robots.allows("/files/a.pdf?page=1"));
        assert!(!robots.allows("/a/private/b/xyz") && robots.allows("/private/b/x"));
        assert!(!robots.allows("/end") && robots.allows("/ending"));
        assert!(!matches(b"/a*b*c$", b"/abcbcd") && matches(b"/a*b*c$", b"/abcbc"));
    }

    #[test]
    fn a_group_of_ours_goes_before_the_one_for_all() {
        let text = "User-agent: other\nUser-Agent: insulascraper/2.0\nDisallow: /ours\n\nUser-agent: *\nDisallow: /\n\n\
                    user-agent: INSULASCRAPER\nDisallow: /too\nCrawl-delay: 2.5";
        let robots = robots(text);
        assert!(!robots.allows("/ours") && !robots.allows("/too") && robots.allows("/elsewhere"));
        assert_eq!(robots.delay, Some(Duration::from_millis(2_500)));
    }

    #[test]
    fn encodings_of_the_same_path_are_the_same() {
        let robots = robots("User-agent: *\nDisallow: /caf%c3%a9\nDisallow: /%7Ejoe\nDisallow: /a%2fb");
        assert!(!robots.allows("/café") && !robots.allows("/caf%C3%A9"));
        assert!(!robots.allows("/~joe") && !robots.allows("/a%2Fb") && robots.allows("/a/b"));
    }

    #[test]
    fn what_is_no_robots_txt_forbids_nothing() {
        for text in
            ["", "<html>", "Disallow: /", "User-agent: *\nDisallow:", "User-agent: *\nCrawl-delay: soon"]
        {
            assert!(robots(text).allows("/x"), "{text}");
        }
        assert!(robots("User-agent: *\nDisallow: /").allows("/robots.txt"));
    }
}
