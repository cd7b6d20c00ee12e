//! The console: files that were built into the binary, served with headers that let nothing else in.

use axum::{
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

/// A file of the built console.
struct Asset {
    path: &'static str,
    etag: &'static str,
    plain: &'static [u8],
    packed: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Sends the root of a platform host to the console.
pub(crate) async fn to_console() -> Redirect {
    Redirect::temporary("/console/")
}

/// A file of the console; a path without a file is a page of the application, which finds its way itself.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches("/console").trim_start_matches('/');
    let found = ASSETS.iter().find(|asset| asset.path == path);
    let page = || ASSETS.iter().find(|asset| asset.path == "index.html");
    // A missing script must not be answered with a page.
    let asset = if path.starts_with("assets/") { found } else { found.or_else(page) };
    match asset {
        Some(asset) => reply(asset, &headers),
        None if ASSETS.is_empty() => {
            (StatusCode::NOT_FOUND, "This build of Insula is without the console.\n").into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such file.\n").into_response(),
    }
}

fn reply(asset: &'static Asset, request: &HeaderMap) -> Response {
    let text = |name| request.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tag = format!("\"{}\"", asset.etag);
    let packed = asset.packed.filter(|_| text(header::ACCEPT_ENCODING).contains("gzip"));
    let unchanged = text(header::IF_NONE_MATCH).split(',').any(|known| known.trim() == tag);
    let body =
        if unchanged { Body::empty() } else { Body::from(Bytes::from_static(packed.unwrap_or(asset.plain))) };
    let mut response = Response::new(body);
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let mut set = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, content_type(asset.path));
    set(header::ETAG, &tag);
    set(header::VARY, "Accept-Encoding");
    // Names of assets carry their digest; the page that names them must be asked for anew.
    let kept =
        if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(header::CACHE_CONTROL, kept);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    if packed.is_some() && !unchanged {
        set(header::CONTENT_ENCODING, "gzip");
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
