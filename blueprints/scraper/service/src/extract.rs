//! Picks out of a page what a job asks for.

use crate::job::{Found, JobError, Spec};
use reqwest::Url;
use scraper::{ElementRef, Html, Selector};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The most bytes that a job may find.
pub(crate) const FOUND_MAX: usize = 1 << 20;
/// How long reading one page may take: selectors can be written that take very long.
const PATIENCE: Duration = Duration::from_secs(10);
/// After how many elements the time is looked at.
const LOOK_EVERY: usize = 64;

/// What a page had.
#[derive(Debug)]
pub(crate) struct Extract {
    pub(crate) found: Found,
    /// The page to go on with, on the same site.
    pub(crate) next: Option<Url>,
}

/// Reads a page. Takes a while, so it has no place among what must not wait.
///
/// # Errors
///
/// Why the job fails.
pub(crate) fn extract(text: &str, url: &Url, spec: &Spec) -> Result<Extract, JobError> {
    let page = Html::parse_document(text);
    let until = Instant::now() + PATIENCE;
    let mut found = BTreeMap::new();
    let mut bytes = 0;
    for (name, field) in &spec.selectors {
        let value = |element: ElementRef<'_>| match &field.attribute {
            Some(attribute) => element.attr(attribute).map(str::to_owned),
            None => Some(plain_text(element)),
        };
        let mut values: Vec<String> = Vec::new();
        for element in select(&page, &field.css, until)? {
            let Some(value) = value(element) else { continue };
            // Looked at one by one: elements lie in each other, and their texts together can be far larger than the page.
            bytes += value.len() + 3;
            if bytes > FOUND_MAX {
                return Err(too_much());
            }
            values.push(value);
        }
        found.insert(name.clone(), values);
    }
    let next = match &spec.follow {
        Some(css) => select(&page, css, until)?.iter().find_map(|link| link.attr("href")).map(str::to_owned),
        None => None,
    };
    let next = next.and_then(|href| url.join(&href).ok()).filter(|next| next.origin() == url.origin());
    Ok(Extract { found, next })
}

pub(crate) fn too_much() -> JobError {
    JobError::new("result.too_large", format!("What was found has more than {FOUND_MAX} bytes."))
}

fn select<'p>(page: &'p Html, css: &str, until: Instant) -> Result<Vec<ElementRef<'p>>, JobError> {
    // It was parsed when the job was made; a later version of the parser may know better.
    let selector = Selector::parse(css).map_err(|error| {
        JobError::new("selector.invalid", format!("`{css}` is no CSS selector: {error}."))
    })?;
    let mut matching = Vec::new();
    let elements = page.tree.root().descendants().filter_map(ElementRef::wrap);
    for (number, element) in elements.enumerate() {
        if number % LOOK_EVERY == 0 && Instant::now() > until {
            let detail = format!("Looking for `{css}` took longer than {PATIENCE:?}.");
            return Err(JobError::new("selector.slow", detail));
        }
        if selector.matches(&element) {
            matching.push(element);
        }
    }
    Ok(matching)
}

/// The text of an element with single spaces, as a browser shows it.
fn plain_text(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for word in element.text().flat_map(|part| part.split_inclusive(char::is_whitespace)) {
        let ends = word.ends_with(char::is_whitespace);
        text.push_str(word.trim());
        if ends && !text.is_empty() && !text.ends_with(' ') {
            text.push(' ');
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Field;

    fn spec(fields: &[(&str, &str, Option<&str>)], follow: Option<&str>) -> Spec {
        let field = |css: &str, attribute: Option<&str>| Field {
            css: css.to_owned(),
            attribute: attribute.map(str::to_owned),
        };
        let fields = fields.iter().map(|(name, css, attribute)| ((*name).to_owned(), field(css, *attribute)));
        Spec {
            url: "http://shop.test/".to_owned(),
            selectors: fields.collect(),
            follow: follow.map(str::to_owned),
            max_pages: 1,
            timeout_seconds: 1,
        }
    }

    #[test]
    fn texts_and_attributes_come_in_the_order_of_the_page() {
        let page = "<ul><li class=p>A <b>big</b>\n  lamp<li class=p data-id=2>A<b>r</b>t</ul><a href='/2'>next<a href=x>";
        let fields = [("name", ".p", None), ("id", ".p", Some("data-id")), ("none", "h1", None)];
        let url = Url::parse("http://shop.test/list/1").unwrap();
        let extract = extract(page, &url, &spec(&fields, Some("a"))).unwrap();
        assert_eq!(extract.found["name"], ["A big lamp", "Art"]);
        assert_eq!(extract.found["id"], ["2"]);
        assert!(extract.found["none"].is_empty());
        assert_eq!(extract.next.unwrap().as_str(), "http://shop.test/2");
    }

    #[test]
    fn a_link_to_another_site_is_not_followed() {
        let url = Url::parse("http://shop.test/").unwrap();
        for href in ["http://other.test/", "https://shop.test/", "http://shop.test:81/", "mailto:a@b"] {
            let page = format!("<a href='{href}'>next</a>");
            assert!(extract(&page, &url, &spec(&[], Some("a"))).unwrap().next.is_none(), "{href}");
        }
    }

    #[test]
    fn a_malformed_page_is_read_as_browsers_do() {
        let page = "<!doctype html><div class=p><span>1</div></b><p class=p>2<table><td class=p>3";
        let url = Url::parse("http://shop.test/").unwrap();
        let extract = extract(page, &url, &spec(&[("p", ".p", None)], None)).unwrap();
        assert_eq!(extract.found["p"], ["1", "2", "3"]);
    }

    #[test]
    fn too_much_is_refused() {
        let page = format!("<p>{}</p>", "x".repeat(FOUND_MAX));
        let url = Url::parse("http://shop.test/").unwrap();
        assert_eq!(
            extract(&page, &url, &spec(&[("p", "p", None)], None)).unwrap_err().code,
            "result.too_large"
        );
    }
}
