//! Billing periods.

use insula_kernel::{Instant, Period};
use jiff::{Timestamp, ToSpan as _, Zoned, tz::TimeZone};

/// The latest boundary that can be asked for, in months from the anchor: some 800 years.
const MOST_MONTHS: i64 = 9_600;

/// Where billing periods begin: an instant, on the calendar of a time zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    at: Instant,
    zone: TimeZone,
}

impl Anchor {
    /// Periods that begin at this instant and at its anniversaries on the calendar of UTC.
    #[must_use]
    pub const fn utc(at: Instant) -> Self {
        Self { at, zone: TimeZone::UTC }
    }

    /// The instant.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The monthly period that contains an instant; the first one for instants before the anchor.
    #[must_use]
    pub fn month_containing(&self, at: Instant) -> Period {
        let mut months = self.months_until(at).clamp(0, MOST_MONTHS);
        // The estimate looks at year and month alone, so it may be one too far.
        while months > 0 && self.boundary(months) > at {
            months -= 1;
        }
        while months < MOST_MONTHS && self.boundary(months + 1) <= at {
            months += 1;
        }
        Period { start: self.boundary(months), end: self.boundary(months + 1) }
    }

    /// The anniversary so many months after the anchor, on the last day of a month that is too short.
    fn boundary(&self, months: i64) -> Instant {
        let moved = self.zoned(self.at).checked_add(months.months());
        moved.map_or(self.at, |zoned| Instant::from_micros(zoned.timestamp().as_microsecond()))
    }

    fn months_until(&self, at: Instant) -> i64 {
        let (from, to) = (self.zoned(self.at), self.zoned(at));
        (i64::from(to.year()) - i64::from(from.year())) * 12 + i64::from(to.month()) - i64::from(from.month())
    }

    fn zoned(&self, at: Instant) -> Zoned {
        // Instants beyond the calendar's years stand for its ends.
        let micros = at.as_micros().clamp(Timestamp::MIN.as_microsecond(), Timestamp::MAX.as_microsecond());
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_kernel::Span;
    use proptest::prelude::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn months_from_the_31st_keep_to_the_calendar() {
        let anchor = Anchor::utc(at("2023-01-31T08:30:00Z"));
        let starts: Vec<_> =
            (0..14).map(|month| anchor.boundary(month).to_string()[..10].to_owned()).collect();
        assert_eq!(
            starts,
            [
                "2023-01-31",
                "2023-02-28",
                "2023-03-31",
                "2023-04-30",
                "2023-05-31",
                "2023-06-30",
                "2023-07-31",
                "2023-08-31",
                "2023-09-30",
                "2023-10-31",
                "2023-11-30",
                "2023-12-31",
                "2024-01-31",
                "2024-02-29",
            ]
        );
    }

    #[test]
    fn a_period_holds_its_start_and_not_its_end() {
        let anchor = Anchor::utc(at("2024-01-31T08:30:00Z"));
        let february = anchor.month_containing(at("2024-02-29T08:30:00Z"));
        assert_eq!(february.start, at("2024-02-29T08:30:00Z"));
        assert_eq!(february.end, at("2024-03-31T08:30:00Z"));
        let before = anchor.month_containing(february.start - Span::from_micros(1));
        assert_eq!(before.end, february.start);
        assert_eq!(anchor.month_containing(at("1999-01-01T00:00:00Z")).start, anchor.at());
    }

    proptest! {
        #[test]
        fn every_instant_after_the_anchor_lies_in_exactly_one_period(
            anchor in 0i64..4_000_000_000, later in 0i64..1_000_000_000,
        ) {
            let anchor = Anchor::utc(Instant::from_secs(anchor));
            let at = anchor.at() + Span::from_secs(later);
            let period = anchor.month_containing(at);
            prop_assert!(period.start <= at && at < period.end);
            prop_assert_eq!(anchor.month_containing(period.end).start, period.end);
            prop_assert_eq!(anchor.month_containing(period.start), period);
        }
    }
}
