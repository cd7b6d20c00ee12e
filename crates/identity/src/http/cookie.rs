//! The browser's refresh token: a cookie that no script reads and no other site sends.

use http::{HeaderMap, header};
use insula_kernel::{Error, ErrorKind, Result, Secret};

const NAME: &str = "insula_refresh";

/// The `Set-Cookie` that gives a browser its refresh token; without one, that takes it away.
#[must_use]
pub fn refresh_cookie(token: Option<&Secret<String>>, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let (value, age) =
        token.map_or(("", 0), |token| (token.expose().as_str(), crate::session::SESSION_TTL.ceil_secs()));
    format!("{NAME}={value}; Path=/v1; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

/// The refresh token in a request's cookies. A request that uses it must come from our own pages: its `Origin` must be
/// the host it is sent to.
pub(super) fn refresh_token(headers: &HeaderMap) -> Result<Option<Secret<String>>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let found = cookies
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='));
    let Some(token) = found.filter(|token| !token.is_empty()) else { return Ok(None) };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if origin.is_none() || origin != text(header::HOST) {
        let detail = "A refresh by cookie must come from the console itself.";
        return Err(Error::new(ErrorKind::Forbidden, "session.foreign_origin", detail));
    }
    Ok(Some(Secret::new(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_cookie_counts_only_from_our_own_pages() {
        let cookie = ("cookie", "theme=dark; insula_refresh=rt_abc");
        let own = headers(&[cookie, ("host", "insula.test:7070"), ("origin", "http://insula.test:7070")]);
        assert_eq!(refresh_token(&own).unwrap().unwrap().expose(), "rt_abc");
        for foreign in [
            headers(&[cookie, ("host", "insula.test:7070"), ("origin", "http://evil.test")]),
            headers(&[cookie, ("host", "insula.test:7070"), ("origin", "null")]),
            headers(&[cookie, ("host", "insula.test:7070")]),
        ] {
            assert_eq!(refresh_token(&foreign).unwrap_err().code(), "session.foreign_origin");
        }
        assert!(refresh_token(&headers(&[("host", "insula.test")])).unwrap().is_none());
    }
}
