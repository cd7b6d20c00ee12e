//! Which request paths may be matched at all.
//!
//! A route's permission protects what stands behind it only if Insula and the upstream read a path the same way.
//! Where readings are known to differ (RFC 3986, section 6.2.2: encoded letters; section 3.3: dot segments and
//! parameters; empty segments; encoded separators; encoding twice) the path is refused, never normalised silently.

use std::fmt;

/// The longest path that is matched, in bytes.
const LONGEST: usize = 8 * 1_024;

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathError {
    /// It doesn't begin with `/`.
    NotAbsolute,
    /// It is longer than 8 KiB.
    TooLong,
    /// Two slashes stand side by side.
    EmptySegment,
    /// A segment is `.` or `..`.
    DotSegment,
    /// A character that a path can't hold: a control character, a space, a backslash, one outside of ASCII.
    Character,
    /// A `%` that two hexadecimal digits don't follow.
    Encoding,
    /// An encoded letter, digit, `-`, `.`, `_` or `~`, which has a plain form.
    NeedlesslyEncoded,
    /// An encoded slash, backslash or control character.
    EncodedSeparator,
    /// An encoded `%` that would begin another encoding.
    EncodedTwice,
    /// A `;`, which some upstreams cut a segment at.
    Parameters,
}

impl PathError {
    /// What is wrong with the path, for the caller.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::NotAbsolute => "The path must begin with a slash.",
            Self::TooLong => "The path is longer than 8 KiB.",
            Self::EmptySegment => "The path must not have two slashes side by side.",
            Self::DotSegment => "The path must not have segments `.` or `..`.",
            Self::Character => "The path has a character that must be percent-encoded or can't stand there.",
            Self::Encoding => "The path has a `%` that two hexadecimal digits don't follow.",
            Self::NeedlesslyEncoded => {
                "The path encodes a letter, digit, `-`, `.`, `_` or `~`; write it plainly."
            }
            Self::EncodedSeparator => {
                "The path must not have encoded slashes, backslashes or control characters."
            }
            Self::EncodedTwice => "The path is percent-encoded twice.",
            Self::Parameters => "The path must not have a semicolon.",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for PathError {}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn encoded(after_percent: &[u8]) -> Option<u8> {
    let [high, low, ..] = after_percent else { return None };
    Some(hex(*high)? << 4 | hex(*low)?)
}

/// Whether the byte never needs encoding (RFC 3986, section 2.3).
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn check_encoded(after_percent: &[u8]) -> Result<(), PathError> {
    match encoded(after_percent) {
        None => Err(PathError::Encoding),
        Some(byte) if is_unreserved(byte) => Err(PathError::NeedlesslyEncoded),
        Some(b'/' | b'\\' | 0..=0x1f | 0x7f) => Err(PathError::EncodedSeparator),
        Some(b';') => Err(PathError::Parameters),
        Some(b'%') if encoded(&after_percent[2..]).is_some() => Err(PathError::EncodedTwice),
        Some(_) => Ok(()),
    }
}

/// Whether everyone reads the path (without query) the same way.
pub(crate) fn check(path: &str) -> Result<(), PathError> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    if bytes.len() > LONGEST {
        return Err(PathError::TooLong);
    }
    let mut segment_start = 1;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            b'/' if at == segment_start => return Err(PathError::EmptySegment),
            b'/' => {
                check_segment(&bytes[segment_start..at])?;
                segment_start = at + 1;
            }
            b'%' => check_encoded(&bytes[at + 1..])?,
            b';' => return Err(PathError::Parameters),
            b'\\' | b'?' | b'#' | 0..=b' ' | 0x7f.. => return Err(PathError::Character),
            _ => {}
        }
    }
    check_segment(&bytes[segment_start..])
}

fn check_segment(segment: &[u8]) -> Result<(), PathError> {
    if segment == b"." || segment == b".." { Err(PathError::DotSegment) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_and_needed_encodings_pass() {
        for good in [
            "/",
            "/a",
            "/a/",
            "/a/b.json",
            "/a/...",
            "/.well-known/x",
            "/a%20b",
            "/%C3%A9",
            "/100%25",
            "/a:b@c",
            "/a=b&c",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn paths_that_upstreams_read_differently_are_refused() {
        use PathError::*;
        for (bad, why) in [
            ("", NotAbsolute),
            ("a", NotAbsolute),
            ("*", NotAbsolute),
            ("//", EmptySegment),
            ("//a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/.", DotSegment),
            ("/a/./b", DotSegment),
            ("/a/..", DotSegment),
            ("/../a", DotSegment),
            ("/a/%2e%2e/b", NeedlesslyEncoded),
            ("/a/.%2E/b", NeedlesslyEncoded),
            ("/%61dmin", NeedlesslyEncoded),
            ("/a%2fb", EncodedSeparator),
            ("/a%5Cb", EncodedSeparator),
            ("/a%00", EncodedSeparator),
            ("/a\\b", Character),
            ("/a b", Character),
            ("/a\u{e9}", Character),
            ("/a\nb", Character),
            ("/a?b", Character),
            ("/a%", Encoding),
            ("/a%2", Encoding),
            ("/a%zz", Encoding),
            ("/%252e%252e", EncodedTwice),
            ("/a/..;/b", Parameters),
            ("/admin;x", Parameters),
            ("/admin%3Bx", Parameters),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
        assert_eq!(check(&format!("/{}", "a".repeat(LONGEST))), Err(TooLong));
    }
}
