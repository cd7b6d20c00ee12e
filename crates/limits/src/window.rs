//! The windows over which quotas count.

use insula_kernel::{Instant, Period, Span};
use insula_rating::Anchor;

/// The window over which a quota counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Window {
    /// From a full hour of UTC to the next.
    Hour,
    /// From a midnight of UTC to the next.
    Day,
    /// From a monthly anniversary of a subscription's anchor to the next.
    Month(Anchor),
}

impl Window {
    /// The window that contains the instant.
    #[must_use]
    pub fn containing(&self, at: Instant) -> Period {
        let of = |span| {
            let start = at.floor(span);
            Period { start, end: start + span }
        };
        match self {
            Self::Hour => of(Span::from_hours(1)),
            Self::Day => of(Span::from_days(1)),
            Self::Month(anchor) => anchor.month_containing(at),
        }
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

        let anchor = Anchor::utc("2026-01-31T08:00:00Z".parse().unwrap());
        let month = Window::Month(anchor).containing("2026-02-27T00:00:00Z".parse().unwrap());
        assert_eq!(month.start.to_string(), "2026-01-31T08:00:00Z");
        assert_eq!(month.end.to_string(), "2026-02-28T08:00:00Z");
    }
}
