//! Billing periods.

use insula_kernel::{Instant, Period};
use jiff::{Timestamp, ToSpan as _, Zoned, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The latest boundary that can be asked for, in months from the anchor: some 800 years.
const MOST_MONTHS: i64 = 9_600;

/// How often something is paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// Each month from the anchor.
    Month,
    /// Every three months from the anchor.
    Quarter,
    /// Each year from the anchor.
    Year,
}

impl Interval {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Month, Self::Quarter, Self::Year];

    /// How many months it has.
    #[must_use]
    pub const fn months(self) -> i64 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.name() == name)
    }
}

/// A time zone that isn't in the IANA database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no time zone of the IANA database, such as Asia/Tokyo", self.0)
    }
}

impl std::error::Error for Unknown {}

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

    /// Periods that begin at this instant and at its anniversaries on the calendar of a zone, by its IANA name.
    pub fn new(at: Instant, zone: &str) -> Result<Self, Unknown> {
        // A zone of the machine's own making would not be the same on another node.
        let known = TimeZone::get(zone).ok().filter(|known| known.iana_name().is_some());
        Ok(Self { at, zone: known.ok_or_else(|| Unknown(zone.to_owned()))? })
    }

    /// The zone's IANA name.
    #[must_use]
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The same calendar from another instant on.
    #[must_use]
    pub fn moved_to(&self, at: Instant) -> Self {
        Self { at, zone: self.zone.clone() }
    }

    /// The day of the local month on which periods begin, where the month has it.
    #[must_use]
    pub fn billing_day(&self) -> i8 {
        self.zoned(self.at).day()
    }

    /// The same local time so many days after the anchor, on the local calendar: across a change of summer time they are
    /// not all 24 hours long.
    #[must_use]
    pub fn after_days(&self, days: u32) -> Instant {
        let moved = self.zoned(self.at).checked_add(i64::from(days).days());
        moved.map_or(self.at, |zoned| instant(&zoned))
    }

    /// Year, month and day of an instant on the local calendar.
    #[must_use]
    pub fn date(&self, at: Instant) -> (i16, i8, i8) {
        let date = self.zoned(at).date();
        (date.year(), date.month(), date.day())
    }

    /// How many midnights of the local calendar lie in `(from, to]`: below zero if `to` comes first.
    #[must_use]
    pub fn days_between(&self, from: Instant, to: Instant) -> i64 {
        let (from, to) = (self.zoned(from).date(), self.zoned(to).date());
        from.until(to).map_or(0, |span| i64::from(span.get_days()))
    }

    /// The monthly period that contains an instant; the first one for instants before the anchor.
    #[must_use]
    pub fn month_containing(&self, at: Instant) -> Period {
        self.containing(Interval::Month, at)
    }

    /// The period of this interval that contains an instant; the first one for instants before the anchor.
    #[must_use]
    pub fn containing(&self, interval: Interval, at: Instant) -> Period {
        let months = interval.months();
        let most = MOST_MONTHS / months;
        let mut periods = self.months_until(at).div_euclid(months).clamp(0, most);
        // The estimate looks at year and month alone, so it may be one too far.
        while periods > 0 && self.boundary(periods * months) > at {
            periods -= 1;
        }
        while periods < most && self.boundary((periods + 1) * months) <= at {
            periods += 1;
        }
        Period { start: self.boundary(periods * months), end: self.boundary((periods + 1) * months) }
    }

    /// The anniversary so many months after the anchor, on the last day of a month that is too short. A local time that
    /// the change to summer time leaves out is taken an hour later, one that comes twice the first time.
    fn boundary(&self, months: i64) -> Instant {
        let moved = self.zoned(self.at).checked_add(months.months());
        moved.map_or(self.at, |zoned| instant(&zoned))
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

fn instant(zoned: &Zoned) -> Instant {
    Instant::from_micros(zoned.timestamp().as_microsecond())
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
