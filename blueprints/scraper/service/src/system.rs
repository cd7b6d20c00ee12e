//! What comes from the operating system: the time, and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "a service of its own, which injects no clock")]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// An instant from microseconds since the epoch.
pub(crate) fn instant(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// Microseconds since the epoch as RFC 3339 has it, in UTC.
pub(crate) fn rfc3339(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map(|at| at.to_string()).unwrap_or_default()
}

/// A job's id, which nobody else makes and which sorts by the time it was made (`UUIDv7`; RFC 9562, section 5.7).
#[expect(clippy::disallowed_methods, reason = "a service of its own, which injects no source")]
#[expect(clippy::expect_used, reason = "without randomness ids would meet")]
pub(crate) fn fresh_job_id() -> String {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random).expect("the operating system gives randomness");
    let millis = u64::try_from(now() / 1_000).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    format!("job_{}", id.simple())
}
