//! Instants and spans in whole microseconds, and the injected clock.

use jiff::Timestamp;
use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

const MICROS_PER_SECOND: i64 = 1_000_000;

/// A point in time: microseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// The instant so many microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant so many seconds after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * MICROS_PER_SECOND)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }

    /// The start of the window of this length that contains the instant, windows being counted from the epoch.
    #[must_use]
    pub const fn floor(self, window: Span) -> Self {
        Self(self.0.div_euclid(window.0) * window.0)
    }
}

impl Add<Span> for Instant {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Instant {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{timestamp}")
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Instant {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<Timestamp>().map(|timestamp| Self(timestamp.as_microsecond()))
    }
}

impl serde::Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|_| serde::de::Error::custom("not an RFC 3339 time such as 2026-03-01T12:00:00Z"))
    }
}

impl schemars::JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A length of time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(i64);

impl Span {
    /// So many microseconds.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * MICROS_PER_SECOND)
    }

    /// So many minutes of 60 seconds.
    #[must_use]
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_secs(minutes * 60)
    }

    /// So many hours of 3 600 seconds.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_mins(hours * 60)
    }

    /// So many days of 86 400 seconds.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self::from_hours(days * 24)
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded up: what `Retry-After` needs, which must not invite too early.
    #[must_use]
    pub const fn ceil_secs(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND) + (self.0.rem_euclid(MICROS_PER_SECOND) != 0) as i64
    }

    /// The same as a `std` duration; negative spans become zero.
    #[must_use]
    pub fn to_std(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

/// A half-open stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Period {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
}

impl Period {
    /// Whether the instant lies in it.
    #[must_use]
    pub fn contains(self, at: Instant) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// How long it is; nothing if it ends before it begins.
    #[must_use]
    pub fn length(self) -> Span {
        self.end.saturating_since(self.start)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant. May jump either way: callers must not assume that it only grows.
    fn now(&self) -> Instant;
}

/// The operating system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's time enters")]
    fn now(&self) -> Instant {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Instant(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is told otherwise.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this instant.
    #[must_use]
    pub fn at(instant: Instant) -> Self {
        Self(AtomicI64::new(instant.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Span) {
        self.0.fetch_add(by.0, Ordering::Relaxed);
    }

    /// Sets the clock, backwards too.
    pub fn set(&self, instant: Instant) {
        self.0.store(instant.0, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_from_rfc_3339() {
        let instant = Instant::from_micros(1_790_000_000_123_456);
        assert_eq!(instant.to_string().parse::<Instant>().ok(), Some(instant));
        assert_eq!("2026-01-01T01:00:00+01:00".parse::<Instant>().ok(), "2026-01-01T00:00:00Z".parse().ok());
    }

    #[test]
    fn windows_are_half_open_and_hold_before_the_epoch() {
        let day = Span::from_days(1);
        assert_eq!(Instant::from_secs(86_400).floor(day), Instant::from_secs(86_400));
        assert_eq!(Instant::from_secs(86_399).floor(day), Instant::from_secs(0));
        assert_eq!(Instant::from_secs(-1).floor(day), Instant::from_secs(-86_400));
    }

    #[test]
    fn seconds_to_wait_are_rounded_up() {
        assert_eq!(Span::from_micros(1).ceil_secs(), 1);
        assert_eq!(Span::from_secs(2).ceil_secs(), 2);
        assert_eq!(Span::from_micros(0).ceil_secs(), 0);
    }
}
