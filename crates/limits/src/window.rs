//! Calendar windows in UTC.

use insula_kernel::{Instant, Span};

/// A calendar window in UTC over which a quota counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Window {
    /// From a full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
}

/// A half-open stretch of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bounds {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
}

impl Window {
    /// How long the window is. UTC has no summer time and `Instant` no leap seconds, so it is always the same.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Hour => Span::from_hours(1),
            Self::Day => Span::from_days(1),
        }
    }

    /// The window that contains the instant.
    #[must_use]
    pub fn containing(self, at: Instant) -> Bounds {
        let start = at.floor(self.span());
        Bounds { start, end: start + self.span() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let day = Window::Day.containing("2026-03-01T23:59:59.999999Z".parse().unwrap());
        assert_eq!(day.start.to_string(), "2026-03-01T00:00:00Z");
        assert_eq!(day.end.to_string(), "2026-03-02T00:00:00Z");
        assert_eq!(Window::Day.containing(day.end).start, day.end);

        let hour = Window::Hour.containing("2026-03-01T12:00:00Z".parse().unwrap());
        assert_eq!(hour.start.to_string(), "2026-03-01T12:00:00Z");
        assert_eq!(hour.end.to_string(), "2026-03-01T13:00:00Z");
    }
}
