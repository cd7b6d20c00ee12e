//! What comes from the operating system: the time, and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[expect(
    clippy::disallowed_methods,
    reason = "this crate runs in the services of others, which inject no clock"
)]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds since the epoch.
pub(crate) fn now() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

/// An id that nobody else makes and that sorts by the time it was made (UUIDv7; RFC 9562, section 5.7).
#[expect(
    clippy::disallowed_methods,
    reason = "this crate runs in the services of others, which inject no source"
)]
#[expect(
    clippy::expect_used,
    reason = "without randomness ids would meet, and events would be lost as repeats"
)]
pub(crate) fn fresh_id() -> String {
    let mut random = [0u8; 10];
    getrandom::fill(&mut random).expect("the operating system gives randomness");
    let millis = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// An instant as RFC 3339 has it, in UTC.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

/// The present instant as RFC 3339 has it.
pub(crate) fn now_text() -> String {
    rfc3339(UNIX_EPOCH + since_epoch())
}

/// The date of a day since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`), for days from the epoch on.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc() {
        let at = |seconds: u64| rfc3339(UNIX_EPOCH + Duration::from_micros(seconds * 1_000_000 + 42));
        assert_eq!(at(0), "1970-01-01T00:00:00.000042Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000042Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000042Z");
        assert_eq!(at(1_709_251_200), "2024-03-01T00:00:00.000042Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000042Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000042Z");
    }

    #[test]
    fn ids_sort_as_they_were_made_and_differ() {
        let ids: Vec<String> = (0..1_000).map(|_| fresh_id()).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'7'));
    }
}
