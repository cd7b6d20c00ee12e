//! Requests to a product's own address for one of Insula's operations: what the operation is asked, and what the client
//! is answered.
//!
//! What must always hold: the operation is called as if under its own path, by the client's own credential; cookies go
//! neither way, since a browser would send them by itself to hosts that upstreams answer on.

use crate::errors;
use axum::body::Body as ApiBody;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header, request};
use http_body_util::BodyExt as _;
use insula_blueprint::{Call, CallSegment, Filler, Pointer};
use insula_kernel::{Error, Result};
use insula_web::Credential;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value as Json;

/// What is escaped in a path or a query: all but the unreserved characters of RFC 3986, section 2.3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The request that is filled from.
struct Sent<'r> {
    segments: Vec<&'r str>,
    query: Vec<(String, String)>,
    credential: Option<Credential>,
}

/// The request to the operation, instead of the one that was sent.
///
/// # Errors
/// That something is missing which the operation can't be called without, or that the body can't be read.
pub(crate) async fn request_of(
    call: &Call,
    mut parts: request::Parts,
    body: ApiBody,
    credential: Option<Credential>,
) -> Result<Request<ApiBody>> {
    let (sent_path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default());
    let inner = sent_path.strip_prefix('/').unwrap_or(&sent_path);
    let sent = Sent {
        segments: inner.split('/').collect(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        credential,
    };
    parts.uri = target(call, &sent)?;
    if !(parts.method == Method::HEAD && call.method == "GET") {
        let method = Method::from_bytes(call.method.as_bytes());
        parts.method = method.map_err(|_| Error::internal("an operation without a method"))?;
    }
    parts.headers.remove(header::COOKIE);
    let Some(fields) = &call.body else { return Ok(Request::from_parts(parts, body)) };
    let needs_body = fields.iter().any(|(_, filler)| matches!(filler, Filler::Body(_)));
    let given = if needs_body { insula_web::read_json(&parts.headers, body).await? } else { Json::Null };
    let filled = fill(fields, &given, |filler| sent.value(filler))?.to_string();
    parts.headers.remove(header::TRANSFER_ENCODING);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(filled.len()));
    Ok(Request::from_parts(parts, ApiBody::from(filled)))
}

/// The reply that the client is to see, of the operation's. Problems, and what isn't JSON, stay as they are.
///
/// # Errors
/// That the reply can't be read.
pub(crate) async fn reply_of(call: &Call, mut response: Response<ApiBody>) -> Result<Response<ApiBody>> {
    response.headers_mut().remove(header::SET_COOKIE);
    let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let Some(fields) = call.response.as_ref().filter(|_| {
        response.status().is_success() && response.headers().get(header::CONTENT_TYPE).is_some_and(is_json)
    }) else {
        return Ok(response);
    };
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let broken = |error: &dyn std::fmt::Display| {
        Error::internal("a reply of the API can't be read").caused_by(error.to_string())
    };
    let bytes: Bytes = body.collect().await.map_err(|error| broken(&error))?.to_bytes();
    let given: Json = serde_json::from_slice(&bytes).map_err(|error| broken(&error))?;
    let filled = fill(fields, &given, |_| Ok(None))?.to_string();
    Ok(Response::from_parts(parts, ApiBody::from(filled)))
}

/// The operation's path and query.
fn target(call: &Call, sent: &Sent<'_>) -> Result<Uri> {
    let mut target = String::with_capacity(64);
    for segment in &call.path {
        target.push('/');
        match segment {
            CallSegment::Literal(text) => target.push_str(text),
            CallSegment::Filled(filler) => {
                let value = sent.text(filler)?.filter(|text| !text.is_empty());
                let value = value.ok_or_else(|| missing(filler))?;
                target.extend(utf8_percent_encode(&value, ESCAPED));
            }
        }
    }
    let mut separator = '?';
    let mut add = |name: &str, value: &str| {
        target.push(separator);
        target.extend(utf8_percent_encode(name, ESCAPED));
        target.push('=');
        target.extend(utf8_percent_encode(value, ESCAPED));
        separator = '&';
    };
    for (name, value) in sent.query.iter().filter(|(name, _)| !call.taken.contains(name)) {
        add(name, value);
    }
    for (name, filler) in &call.query {
        if let Some(value) = sent.text(filler)? {
            add(name, &value);
        }
    }
    // Longer than what is taken as a target, once it is written out.
    Uri::try_from(target).map_err(|_| errors::query_too_long())
}

/// A document with these fields. What isn't there to fill one leaves it out.
fn fill(
    fields: &[(Pointer, Filler)],
    given: &Json,
    other: impl Fn(&Filler) -> Result<Option<Json>>,
) -> Result<Json> {
    let mut document = Json::Object(serde_json::Map::new());
    for (pointer, filler) in fields {
        let value = match filler {
            Filler::Constant(json) => Some(json.clone()),
            Filler::Body(place) => place.find(given).cloned(),
            filler => other(filler)?,
        };
        if let Some(value) = value {
            pointer.put(&mut document, value);
        }
    }
    Ok(document)
}

/// A request that lacks what the operation's path has.
fn missing(filler: &Filler) -> Error {
    let name = match filler {
        Filler::Query(name) => name.as_str(),
        _ => "",
    };
    Error::invalid_field(format!("?{name}"), "missing", "This parameter is needed here.")
}

impl Sent<'_> {
    /// What fills a place of a body.
    fn value(&self, filler: &Filler) -> Result<Option<Json>> {
        self.text(filler).map(|text| text.map(Json::String))
    }

    /// What fills a parameter.
    fn text(&self, filler: &Filler) -> Result<Option<String>> {
        Ok(match filler {
            Filler::Constant(Json::String(text)) => Some(text.clone()),
            Filler::Constant(json) => Some(json.to_string()),
            Filler::Segment(position) => {
                let segment = self.segments.get(*position).copied().unwrap_or_default();
                let text = percent_decode_str(segment).decode_utf8();
                Some(text.map_err(|_| errors::not_utf8())?.into_owned())
            }
            Filler::Query(name) => {
                self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            }
            Filler::Organization => {
                let credential = self.credential.ok_or_else(errors::unauthenticated)?;
                Some(credential.organization.ok_or_else(errors::tenant_missing)?.to_string())
            }
            Filler::Body(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_blueprint::{Operations, RouteMatch};
    use serde_json::json;

    const OWN: &str = "org_00000000000000000000000000";

    /// What an operation is asked, of a request to a route: method, target and body, or the code of the error.
    fn asked(route: &str, request: (&str, &str, Json)) -> (String, String, Json) {
        let schema = json!({ "content": { "application/json": { "schema": {} } } });
        let parameter = |place: &str, name: &str| json!({ "in": place, "name": name });
        let operations = Operations::of_openapi(
            &json!({ "paths": { "/v1/orgs/{org}/things/{thing}": { "patch": {
                "operationId": "updateThing", "requestBody": schema, "responses": { "200": schema },
                "parameters": [parameter("path", "org"), parameter("path", "thing"), parameter("query", "deep")],
            }}}}),
        );
        let text = format!(
            "[product]\nname = \"x\"\n[plans.free]\nprice = {{ USD = {{ month = \"0\" }} }}\n[[routes]]\n{route}\napi = \"updateThing\"\n"
        );
        let compiled = operations.check("blueprint.toml", &text).unwrap().compile();
        let (method, target, body) = request;
        let uri: Uri = target.parse().unwrap();
        let RouteMatch::Call(call) = compiled.match_route(method, uri.path()).unwrap() else {
            panic!("a call")
        };
        let request =
            Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, "application/json");
        let (parts, body) = request.body(ApiBody::from(body.to_string())).unwrap().into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let principal =
            insula_access::Principal::Key { key: insula_kernel::KeyId::from_uuid(uuid::Uuid::nil()) };
        let credential = Credential { principal, organization: OWN.parse().ok() };
        runtime.block_on(async {
            match request_of(call, parts, body, Some(credential)).await {
                Ok(request) => {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    (parts.method.to_string(), parts.uri.to_string(), serde_json::from_slice(&body).unwrap())
                }
                Err(error) => (error.code().to_owned(), String::new(), Json::Null),
            }
        })
    }

    #[test]
    fn an_operation_is_asked_what_the_route_says() {
        let own = |rest: &str| format!("/v1/orgs/{OWN}/things/{rest}");
        let body = json!({ "a": { "b": 7 } });
        let patch = "PATCH".to_owned();
        let plain = "match = \"PUT /t/{thing}\"";
        assert_eq!(
            asked(plain, ("PUT", "/t/x?deep=1&b=%26", body.clone())),
            (patch.clone(), own("x?deep=1&b=%26"), body.clone())
        );
        let moved = "match = \"PUT /t/{thing}/{of}\"\nparams = { org = \"$path.of\", deep = \"$query.b\" }\nbody = { \"x.y\" = \"$.a.b\", z = \"$.none\", of = \"$path.of\", own = \"$org\" }";
        let filled = json!({ "x": { "y": 7 }, "of": "o p", "own": OWN });
        let target = "/v1/orgs/o%20p/things/a%26b?c=1&deep=2%2B".to_owned();
        assert_eq!(asked(moved, ("PUT", "/t/a&b/o%20p?deep=9&b=2%2b&c=1", body)), (patch, target, filled));
    }

    #[test]
    fn what_a_path_needs_must_be_there() {
        let route = "match = \"PUT /t\"\nparams = { thing = \"$query.thing\" }";
        for target in ["/t", "/t?thing=", "/t?things=a"] {
            assert_eq!(asked(route, ("PUT", target, Json::Null)).0, "request.invalid", "{target}");
        }
        // A client can't leave the operation's path by what it fills in.
        let (_, target, _) = asked(route, ("PUT", "/t?thing=../../x%3Fy%2F", Json::Null));
        assert_eq!(target, format!("/v1/orgs/{OWN}/things/..%2F..%2Fx%3Fy%2F"));
    }
}
