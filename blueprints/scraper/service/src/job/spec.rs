//! What is asked for: checked as a whole, so that a job exists only if nothing is wrong with it.

use crate::{address::Policy, problem::FieldError};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The longest address, in bytes.
const URL_MAX: usize = 2_048;
/// The most fields of one job.
const FIELDS_MAX: usize = 32;
/// The longest name of a field or attribute, in bytes.
const NAME_MAX: usize = 64;
/// The longest selector, in bytes.
const CSS_MAX: usize = 512;
/// The most pages of one job.
const PAGES_MAX: u64 = 50;
/// How long a job may run, in seconds: at most, and if not said.
const TIMEOUT_MAX: u64 = 600;
const TIMEOUT: u64 = 120;

/// What is to be picked out of a page: the texts of what a selector matches, or an attribute of theirs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Field {
    /// The CSS selector.
    pub(crate) css: String,
    /// The attribute; the text if none is named.
    pub(crate) attribute: Option<String>,
}

/// What a job is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The first page.
    pub(crate) url: String,
    /// What is picked out, by name.
    pub(crate) selectors: BTreeMap<String, Field>,
    /// A selector of the link to the next page, on the same site.
    pub(crate) follow: Option<String>,
    /// How many pages are read at most.
    pub(crate) max_pages: u64,
    /// How long it may run, in seconds.
    pub(crate) timeout_seconds: u64,
}

impl Spec {
    /// Reads what was sent.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its place.
    pub(crate) fn read(body: &Json, policy: &Policy) -> Result<Self, Vec<FieldError>> {
        let mut wrong = Wrong::default();
        let Some(members) = body.as_object() else {
            wrong.add("", "type", "The body must be a JSON object.");
            return Err(wrong.0);
        };
        const KNOWN: [&str; 5] = ["url", "selectors", "follow", "max_pages", "timeout_seconds"];
        for name in members.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            wrong.add(&pointer("", name), "unknown", format!("There is no field `{name}`."));
        }
        let url = url(members.get("url"), policy, &mut wrong);
        let selectors = selectors(members.get("selectors"), &mut wrong);
        let follow = members.get("follow").filter(|follow| !follow.is_null());
        let follow = follow.and_then(|follow| css(follow, "/follow", &mut wrong));
        let pages = if follow.is_some() { 10 } else { 1 };
        let max_pages = number(members.get("max_pages"), "/max_pages", pages, PAGES_MAX, &mut wrong);
        if max_pages > 1 && follow.is_none() && members.get("follow").is_none_or(Json::is_null) {
            wrong.add(
                "/max_pages",
                "needs_follow",
                "More than one page needs `follow`, the link to the next.",
            );
        }
        let timeout_seconds =
            number(members.get("timeout_seconds"), "/timeout_seconds", TIMEOUT, TIMEOUT_MAX, &mut wrong);
        if !wrong.0.is_empty() {
            return Err(wrong.0);
        }
        Ok(Self { url, selectors, follow, max_pages, timeout_seconds })
    }
}

#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn add(&mut self, pointer: &str, code: &'static str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: pointer.to_owned(), code, detail: detail.into() });
    }
}

fn pointer(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn text<'a>(value: Option<&'a Json>, pointer: &str, most: usize, wrong: &mut Wrong) -> Option<&'a str> {
    let Some(value) = value else {
        wrong.add(pointer, "required", "This is needed.");
        return None;
    };
    let Some(text) = value.as_str() else {
        wrong.add(pointer, "type", "This must be a text.");
        return None;
    };
    if text.is_empty() || text.len() > most {
        wrong.add(pointer, "length", format!("This has 1 to {most} bytes."));
        return None;
    }
    Some(text)
}

fn url(value: Option<&Json>, policy: &Policy, wrong: &mut Wrong) -> String {
    let Some(text) = text(value, "/url", URL_MAX, wrong) else { return String::new() };
    let Ok(url) = Url::parse(text) else {
        wrong.add("/url", "format", "This is no address such as https://shop.example.com/list.");
        return String::new();
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        wrong.add("/url", "scheme", "An address begins with http:// or https://.");
    } else if !url.username().is_empty() || url.password().is_some() {
        wrong.add("/url", "credentials", "An address with a user name or password isn't fetched.");
    } else if let Err(refused) = policy.check_url(&url) {
        wrong.add("/url", "address_refused", refused.to_string());
    }
    url.into()
}

fn selectors(value: Option<&Json>, wrong: &mut Wrong) -> BTreeMap<String, Field> {
    let Some(value) = value else {
        wrong.add("/selectors", "required", "This is needed: names, each with a CSS selector.");
        return BTreeMap::new();
    };
    let Some(members) = value.as_object() else {
        wrong.add("/selectors", "type", "This must be an object: names, each with a CSS selector.");
        return BTreeMap::new();
    };
    if members.is_empty() || members.len() > FIELDS_MAX {
        wrong.add("/selectors", "length", format!("1 to {FIELDS_MAX} selectors can be named."));
    }
    let mut fields = BTreeMap::new();
    for (name, value) in members.iter().take(FIELDS_MAX) {
        let at = pointer("/selectors", name);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_plain) {
            let detail = format!("A name has 1 to {NAME_MAX} letters, digits, `_` and `-`.");
            wrong.add(&at, "name", detail);
        } else if let Some(field) = field(value, &at, wrong) {
            fields.insert(name.clone(), field);
        }
    }
    fields
}

fn field(value: &Json, at: &str, wrong: &mut Wrong) -> Option<Field> {
    let Some(members) = value.as_object() else {
        return css(value, at, wrong).map(|css| Field { css, attribute: None });
    };
    for name in members.keys().filter(|name| !matches!(name.as_str(), "css" | "attribute")) {
        wrong.add(&pointer(at, name), "unknown", format!("There is no field `{name}`."));
    }
    let place = pointer(at, "css");
    let Some(value) = members.get("css") else {
        wrong.add(&place, "required", "This is needed.");
        return None;
    };
    let css = css(value, &place, wrong);
    let attribute = members.get("attribute").filter(|attribute| !attribute.is_null());
    let attribute = match attribute {
        Some(attribute) => {
            Some(text(Some(attribute), &pointer(at, "attribute"), NAME_MAX, wrong)?.to_owned())
        }
        None => None,
    };
    Some(Field { css: css?, attribute })
}

fn css(value: &Json, at: &str, wrong: &mut Wrong) -> Option<String> {
    let text = text(Some(value), at, CSS_MAX, wrong)?;
    match scraper::Selector::parse(text) {
        Ok(_) => Some(text.to_owned()),
        Err(error) => {
            wrong.add(at, "css", format!("This is no CSS selector: {error}."));
            None
        }
    }
}

fn number(value: Option<&Json>, at: &str, default: u64, most: u64, wrong: &mut Wrong) -> u64 {
    let Some(value) = value.filter(|value| !value.is_null()) else { return default };
    match value.as_u64() {
        Some(number) if (1..=most).contains(&number) => number,
        _ => {
            wrong.add(at, "range", format!("This is a whole number from 1 to {most}."));
            default
        }
    }
}
