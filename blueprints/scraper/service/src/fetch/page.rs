//! A page as text, whatever it was encoded in.

use crate::job::JobError;
use encoding_rs::{Encoding, UTF_8};
use reqwest::{Response, Url, header};

/// How far into a page it may say its encoding (HTML standard, section "prescan a byte stream").
const PRESCAN: usize = 1_024;

/// A page that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    /// Where it was found in the end.
    pub(crate) url: Url,
    pub(crate) text: String,
}

/// What the reply's head says of a page.
pub(super) struct Head {
    url: Url,
    encoding: Option<&'static Encoding>,
}

/// Refuses what isn't text.
pub(super) fn head(response: &Response, url: &Url) -> Result<Head, JobError> {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or("text/html").to_ascii_lowercase();
    let (media, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let is_text = media.trim().starts_with("text/") || media.trim().ends_with("xml");
    if !is_text {
        let detail = format!("{url} is {}, not a page of text.", media.trim());
        return Err(JobError::new("page.not_html", detail));
    }
    let label = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    let encoding = label.and_then(|label| Encoding::for_label(label.trim_matches('"').as_bytes()));
    Ok(Head { url: url.clone(), encoding })
}

impl Page {
    pub(super) fn new(head: Head, body: &[u8]) -> Self {
        let encoding = head.encoding.or_else(|| declared(body)).unwrap_or(UTF_8);
        // A byte order mark goes before what was said.
        let (text, _, _) = encoding.decode(body);
        Self { url: head.url, text: text.into_owned() }
    }
}

/// The encoding that a page names in a `meta` element near its front.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let front = body.get(..PRESCAN).unwrap_or(body);
    let front = String::from_utf8_lossy(front).to_ascii_lowercase();
    let (_, after) = front.split_once("charset=")?;
    let label = after.trim_start_matches(['"', '\'']);
    let end = label.find(['"', '\'', '>', '/', ' ', ';']).unwrap_or(label.len());
    Encoding::for_label(label.get(..end)?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_itself_what_it_is_encoded_in() {
        let page = |encoding: Option<&str>, body: &[u8]| {
            let encoding = encoding.and_then(|label| Encoding::for_label(label.as_bytes()));
            Page::new(Head { url: Url::parse("http://shop.test/").unwrap(), encoding }, body).text
        };
        let japanese = "<meta charset=\"Shift_JIS\">価格";
        let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(japanese);
        assert_eq!(page(None, &bytes), japanese);
        assert_eq!(page(Some("iso-8859-1"), b"caf\xe9"), "café");
        assert_eq!(page(Some("iso-8859-1"), "\u{feff}café".as_bytes()), "café");
        assert_eq!(page(None, "café".as_bytes()), "café");
    }
}
