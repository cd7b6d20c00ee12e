//! Slugs: the names of organizations in addresses.

use std::{fmt, str::FromStr};

/// Names that are, or could be, taken for the platform's own hosts and path segments.
const RESERVED: &[&str] = &[
    "admin", "api", "app", "assets", "auth", "billing", "blog", "cdn", "console", "docs", "gateway", "help",
    "insula", "internal", "login", "mail", "ns1", "ns2", "operator", "root", "signup", "smtp", "static",
    "status", "support", "system", "v1", "www",
];

/// A label of a host name (RFC 1123, section 2.1): 3 to 40 lower-case letters, digits and hyphens between them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Slug(String);

/// Why a text is not a slug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlugError {
    /// Not of the right form.
    Invalid,
    /// Kept for the platform.
    Reserved,
}

impl Slug {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A slug made of a name: what fits is kept, the rest becomes hyphens.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        label_from(name).parse().ok()
    }

    /// Other slugs to offer where this one is taken.
    #[must_use]
    pub fn alternatives(&self) -> Vec<Self> {
        let stem = self.0.get(..self.0.len().min(34)).unwrap_or(&self.0).trim_end_matches('-');
        ["hq", "team", "app", "2"]
            .iter()
            .filter_map(|suffix| format!("{stem}-{suffix}").parse().ok())
            .collect()
    }
}

/// Whether a text has the form of a slug. Names within an organization need no more: none is reserved there.
pub(crate) fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (3..=40).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
        // Labels with hyphens in the third and fourth place are for encoded names (RFC 5890, section 2.3.1).
        && text.get(2..4) != Some("--")
}

/// What of a name fits into a slug; the rest becomes hyphens.
pub(crate) fn label_from(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars().flat_map(char::to_lowercase) {
        if letter.is_ascii_alphanumeric() {
            text.push(letter);
        } else if !text.ends_with('-') && !text.is_empty() {
            text.push('-');
        }
    }
    text.truncate(40);
    text.trim_matches('-').to_owned()
}

impl FromStr for Slug {
    type Err = SlugError;

    fn from_str(text: &str) -> Result<Self, SlugError> {
        if !is_label(text) {
            return Err(SlugError::Invalid);
        }
        if RESERVED.contains(&text) {
            return Err(SlugError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_a_label_of_a_host_name() {
        for good in ["acme", "a-1", "0x0", "a23456789012345678901234567890123456789z"] {
            assert_eq!(good.parse::<Slug>().map(|slug| slug.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "ab", "-ab", "ab-", "Acme", "a_b", "a.b", "xn--abc", "ab\0", "äöü", &"a".repeat(41)]
        {
            assert_eq!(bad.parse::<Slug>(), Err(SlugError::Invalid), "{bad:?}");
        }
        assert_eq!("console".parse::<Slug>(), Err(SlugError::Reserved));
    }

    #[test]
    fn a_name_becomes_a_slug() {
        let slug = |name| Slug::from_name(name).map(|slug| slug.to_string());
        assert_eq!(slug("Acme & Söhne GmbH").as_deref(), Some("acme-s-hne-gmbh"));
        assert_eq!(slug("  --  "), None);
        assert!(slug(&"x".repeat(90)).is_some_and(|slug| slug.len() == 40));
    }

    #[test]
    fn what_is_offered_instead_is_valid() {
        let long: Slug = "a23456789012345678901234567890123456789z".parse().unwrap();
        assert_eq!(long.alternatives().len(), 4);
    }
}
