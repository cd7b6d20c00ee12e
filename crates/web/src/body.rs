//! JSON bodies: bounded, strict, with errors that point at the place.

use crate::Failure;
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use insula_kernel::{Error, ErrorKind, Result};
use serde::{Serialize, de::DeserializeOwned};
use serde_path_to_error::{Path, Segment};

/// The largest body of a request to the API.
pub const MAX_BODY: usize = 1 << 20;
/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 32;

/// A JSON body. As a request's it is read strictly: `T` denies unknown fields.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
            }
            Err(error) => {
                Failure(Error::internal(format!("a reply can't be written: {error}"))).into_response()
            }
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        expect_json(request.headers())?;
        let body = read(request.into_body()).await?;
        Ok(Self(parse(&body)?))
    }
}

/// Reads a body of JSON as endpoints do, of whatever shape.
///
/// # Errors
/// As for [`Json`]: that it isn't declared to be JSON, is none, or is too large.
pub async fn read_json(headers: &HeaderMap, body: Body) -> Result<serde_json::Value> {
    expect_json(headers)?;
    parse(&read(body).await?)
}

/// Refuses a body that isn't declared to be JSON.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<()> {
    if headers.get(header::CONTENT_TYPE).is_some_and(is_json) {
        return Ok(());
    }
    let detail = "The body must be JSON, sent with `Content-Type: application/json`.";
    Err(Error::new(ErrorKind::UnsupportedMediaType, "request.media_type", detail))
}

fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A body that its handler reads itself, of at most `MOST` bytes.
#[derive(Clone, Debug)]
pub struct Raw<const MOST: usize> {
    /// Its media type without parameters, in lower case; empty if it has none.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

impl<const MOST: usize, S: Send + Sync> FromRequest<S> for Raw<MOST> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = declared.and_then(|value| value.split(';').next()).unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        Ok(Self { media_type, bytes: read_at_most(request.into_body(), MOST).await? })
    }
}

/// Reads a body that isn't too large.
pub(crate) async fn read(body: Body) -> Result<Bytes> {
    read_at_most(body, MAX_BODY).await
}

async fn read_at_most(body: Body, most: usize) -> Result<Bytes> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            let detail = format!("The body is larger than {most} bytes.");
            Err(Error::new(ErrorKind::TooLarge, "request.too_large", detail))
        }
        Err(_) => Err(Error::new(
            ErrorKind::Malformed,
            "request.body_cut_off",
            "The body ended before it was complete.",
        )),
    }
}

/// Reads JSON strictly: UTF-8, no NUL in any string, not too deep, the right shape.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let malformed = |detail: String| Error::new(ErrorKind::Malformed, "request.malformed", detail);
    let text = std::str::from_utf8(body).map_err(|_| malformed("The body is not valid UTF-8.".into()))?;
    if depth(text) > MAX_DEPTH {
        return Err(malformed(format!("The body is nested deeper than {MAX_DEPTH} levels.")));
    }
    // In JSON a NUL can only be written as this escape; as a raw byte it is a syntax error.
    if text.contains("\\u0000") {
        return Err(malformed("NUL can't be part of a text.".into()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() {
            let detail = without_place(&inner.to_string());
            let code = if detail.starts_with("unknown field") {
                "unknown_field"
            } else if detail.starts_with("missing field") {
                "missing"
            } else {
                "wrong_type"
            };
            Error::invalid_field(pointer(error.path()), code, sentence(&detail))
        } else {
            malformed(format!("The body is not JSON: {inner}."))
        }
    })?;
    deserializer.end().map_err(|error| malformed(format!("The body is not JSON: {error}.")))?;
    Ok(value)
}

/// How deep arrays and objects are nested, brackets in strings left out.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

fn without_place(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |place| &message[..place]).to_owned()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Order {
        items: Vec<Item>,
    }

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Item {
        count: u8,
    }

    fn error(body: &[u8]) -> (u16, &'static str, Option<(String, &'static str)>) {
        let error = parse::<Order>(body).unwrap_err();
        let field = error.fields().first().map(|field| (field.pointer.clone(), field.code));
        (error.kind().status(), error.code(), field)
    }

    #[test]
    fn an_error_points_at_its_place() {
        let at = |pointer: &str, code| (422, "request.invalid", Some((pointer.to_owned(), code)));
        assert_eq!(error(br#"{"items":[{"count":1},{"count":"2"}]}"#), at("/items/1/count", "wrong_type"));
        assert_eq!(error(br#"{"items":[{"count":1,"colour":2}]}"#), at("/items/0/colour", "unknown_field"));
        assert_eq!(error(br#"{"items":[{}]}"#), at("/items/0", "missing"));
        assert_eq!(error(br#"{"items":[{"count":-1}]}"#), at("/items/0/count", "wrong_type"));
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        let deep = "[".repeat(40);
        for bad in [
            &b"{"[..],
            b"",
            b"\xff",
            br#"{"items":[]} {}"#,
            br#"{"items":"\u0000"}"#,
            b"{\"items\":[]\0}",
            deep.as_bytes(),
        ] {
            assert_eq!(error(bad).0, 400, "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn brackets_in_strings_are_not_depth() {
        assert_eq!(depth(r#"{"a":"[[[[\"[["}"#), 1);
    }
}
