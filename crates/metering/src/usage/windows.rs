//! Stretches of time, one after the other, for which sums are asked.

use super::Step;
use insula_kernel::{Error, Instant, Period, Result};
use insula_rating::Anchor;

/// Windows that one question may cover at most.
pub const MAX_BUCKETS: i64 = 1_000;
/// Months that one question may cover at most.
const MAX_MONTHS: usize = 120;

/// Usage can be asked for the years 1970 to 2999.
pub(crate) const EARLIEST: Instant = Instant::from_secs(0);
pub(crate) const LATEST: Instant = Instant::from_secs(32_503_680_000);

/// Windows that follow each other without gaps, at least one and at most [`MAX_BUCKETS`].
///
/// Sums are kept by steps of the calendar. A step in which one window ends and the next begins counts for the one that
/// begins, so nothing counts twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Windows {
    /// The sums they are put together of.
    pub(super) step: Step,
    /// Where each begins, and the last one ends.
    bounds: Vec<Instant>,
}

impl Windows {
    /// The windows of the calendar that have a part in the half-open stretch from `from` to `to`.
    ///
    /// # Errors
    /// 422, pointing at `?from` or `?to`, when there are none or too many of them.
    pub fn covering(from: Instant, to: Instant, step: Step) -> Result<Self> {
        check(from, to)?;
        let span = step.span();
        let Period { start, end } = step.whole(Period { start: from, end: to });
        let count = (end.as_micros() - start.as_micros()) / span.as_micros();
        if count > MAX_BUCKETS {
            let name = step.name();
            let detail =
                format!("By the {name}, that is {count} values; at most {MAX_BUCKETS} can be asked for.");
            return Err(Error::invalid_field("?from", "too_many_buckets", detail));
        }
        let bounds = std::iter::successors(Some(start), |start| Some(*start + span));
        Ok(Self { step, bounds: bounds.take_while(|start| *start <= end).collect() })
    }

    /// The months from this anchor that have a part in the half-open stretch from `from` to `to`. There are none before
    /// the anchor.
    ///
    /// # Errors
    /// As [`covering`](Self::covering).
    pub fn months(anchor: &Anchor, from: Instant, to: Instant) -> Result<Self> {
        check(from, to)?;
        let first = anchor.month_containing(from);
        if first.start >= to {
            let detail = format!("The first billing period begins at {}.", first.start);
            return Err(Error::invalid_field("?to", "out_of_range", detail));
        }
        let mut bounds = vec![first.start, first.end];
        let mut end = first.end;
        while end < to {
            if bounds.len() > MAX_MONTHS {
                let detail = format!("At most {MAX_MONTHS} months can be asked for.");
                return Err(Error::invalid_field("?from", "too_many_buckets", detail));
            }
            end = anchor.month_containing(end).end;
            bounds.push(end);
        }
        let whole_days = bounds.iter().all(|bound| Step::Day.start(*bound) == *bound);
        Ok(Self { step: if whole_days { Step::Day } else { Step::Hour }, bounds })
    }

    /// The days of a period, the first and the last of them cut off where it begins and ends: by the hour.
    #[must_use]
    pub fn days_of(period: Period) -> Self {
        let mut bounds = vec![period.start];
        let mut midnight = Step::Day.containing(period.start).end;
        while midnight < period.end {
            bounds.push(midnight);
            midnight = midnight + Step::Day.span();
        }
        bounds.push(period.end);
        Self { step: Step::Hour, bounds }
    }

    /// One window: by the hour.
    #[must_use]
    pub fn one(period: Period) -> Self {
        Self { step: Step::Hour, bounds: vec![period.start, period.end] }
    }

    /// What of them lies at or after the beginning of a day in UTC, the one that it lies in cut off there; `None` if all
    /// end before.
    pub(crate) fn since(mut self, day: Instant) -> Option<Self> {
        let ended = self.bounds.iter().take_while(|bound| **bound <= day).count();
        if ended > 0 {
            self.bounds.drain(..ended - 1);
            let first = self.bounds.first_mut()?;
            *first = day.max(*first);
        }
        (self.bounds.len() > 1).then_some(self)
    }

    /// Whether some are put together of several sums.
    pub(super) fn are_composed(&self) -> bool {
        self.iter().any(|window| window.length() > self.step.span())
    }

    /// Each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Period> {
        self.bounds.windows(2).filter_map(|pair| Some(Period { start: *pair.first()?, end: *pair.last()? }))
    }

    /// The steps that count for a window.
    pub(super) fn steps_of(&self, window: Period) -> Period {
        Period { start: self.step.start(window.start), end: self.step.start(window.end) }
    }

    /// The steps that count for any of them.
    pub(super) fn steps(&self) -> Period {
        let [first, .., last] = self.bounds.as_slice() else {
            return Period { start: EARLIEST, end: EARLIEST };
        };
        self.steps_of(Period { start: *first, end: *last })
    }

    /// The one that the step which begins then counts for.
    pub(super) fn of_step(&self, start: Instant) -> Option<Period> {
        let place = self.bounds.partition_point(|bound| self.step.start(*bound) <= start);
        Some(Period { start: *self.bounds.get(place.checked_sub(1)?)?, end: *self.bounds.get(place)? })
    }
}

fn check(from: Instant, to: Instant) -> Result<()> {
    for (instant, pointer) in [(to, "?to"), (from, "?from")] {
        if !(EARLIEST..LATEST).contains(&instant) {
            let detail = format!("Usage can be asked for from {EARLIEST} to {LATEST}.");
            return Err(Error::invalid_field(pointer, "out_of_range", detail));
        }
    }
    if from >= to {
        let detail = format!("The stretch from {from} to {to} is empty: `from` must be before `to`.");
        return Err(Error::invalid_field("?from", "out_of_range", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn error(windows: Result<Windows>) -> (String, &'static str) {
        let error = windows.unwrap_err();
        (error.fields()[0].pointer.clone(), error.fields()[0].code)
    }

    fn starts(windows: Result<Windows>) -> Vec<String> {
        windows.unwrap().iter().map(|window| window.start.to_string()).collect()
    }

    #[test]
    fn windows_cover_the_stretch_and_no_more() {
        let starts = |from, to, step| starts(Windows::covering(at(from), at(to), step));
        assert_eq!(
            starts("2026-03-01T10:30:00Z", "2026-03-01T12:00:00Z", Step::Hour),
            ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"]
        );
        assert_eq!(
            starts("2026-02-28T23:59:59Z", "2026-03-01T00:00:00.000001Z", Step::Day),
            ["2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"]
        );
    }

    #[test]
    fn windows_are_cut_off_at_the_beginning_of_a_day() {
        let days =
            Windows::covering(at("2026-03-01T00:00:00Z"), at("2026-03-04T00:00:00Z"), Step::Day).unwrap();
        let since = |windows: &Windows, day: &str| {
            let cut = windows.clone().since(at(day))?;
            let first = cut.iter().next()?;
            Some((cut.iter().count(), first.start, first.end))
        };
        let (second, third) = (at("2026-03-02T00:00:00Z"), at("2026-03-03T00:00:00Z"));
        assert_eq!(since(&days, "2026-02-03T00:00:00Z"), Some((3, at("2026-03-01T00:00:00Z"), second)));
        assert_eq!(since(&days, "2026-03-02T00:00:00Z"), Some((2, second, third)));
        assert_eq!(since(&days, "2026-03-04T00:00:00Z"), None);
        let anchor = Anchor::utc(at("2026-01-31T10:30:00Z"));
        let months =
            Windows::months(&anchor, at("2026-02-01T00:00:00Z"), at("2026-03-05T00:00:00Z")).unwrap();
        let (first, end) = (at("2026-02-20T00:00:00Z"), at("2026-02-28T10:30:00Z"));
        assert_eq!(since(&months, "2026-02-20T00:00:00Z"), Some((2, first, end)));
        assert_eq!(since(&months, "2026-03-01T00:00:00Z").unwrap().0, 1);
    }

    #[test]
    fn an_hour_between_two_months_counts_for_the_second() {
        let anchor = Anchor::utc(at("2026-01-31T10:30:00Z"));
        let windows =
            Windows::months(&anchor, at("2026-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z")).unwrap();
        let [one, two] = windows.iter().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((one.end, two.end), (at("2026-02-28T10:30:00Z"), at("2026-03-31T10:30:00Z")));
        assert_eq!(windows.of_step(at("2026-01-31T09:00:00Z")), None);
        assert_eq!(windows.of_step(at("2026-01-31T10:00:00Z")), Some(one));
        assert_eq!(windows.of_step(at("2026-02-28T09:00:00Z")), Some(one));
        assert_eq!(windows.of_step(at("2026-02-28T10:00:00Z")), Some(two));
        assert_eq!(windows.of_step(at("2026-03-31T10:00:00Z")), None);
        let early = Windows::months(&anchor, at("2025-01-01T00:00:00Z"), at("2026-01-31T10:30:00Z"));
        assert_eq!(error(early), ("?to".into(), "out_of_range"));
        let calendar = Anchor::utc(EARLIEST);
        let months = Windows::months(&calendar, at("2026-01-31T23:00:00Z"), at("2026-03-01T00:00:00Z"));
        assert_eq!(starts(months), ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]);
        let many = Windows::months(&calendar, at("2010-01-31T23:00:00Z"), at("2026-03-01T00:00:00Z"));
        assert_eq!(error(many), ("?from".into(), "too_many_buckets"));
    }

    #[test]
    fn days_are_cut_off_at_the_ends_of_a_period() {
        let period = Period { start: at("2026-03-01T10:00:00Z"), end: at("2026-03-03T00:00:00Z") };
        let days: Vec<_> = Windows::days_of(period).iter().collect();
        assert_eq!((days.len(), days[0].start, days[1].start), (2, period.start, at("2026-03-02T00:00:00Z")));
        assert_eq!((days[0].end, days[1].end), (days[1].start, period.end));
    }

    #[test]
    fn too_many_windows_or_none_are_refused() {
        let (hour, day) = (Step::Hour, Step::Day);
        let error = |from, to, step| error(Windows::covering(at(from), at(to), step));
        let day_0 = "2026-01-01T00:00:00Z";
        assert_eq!(error(day_0, day_0, day), ("?from".into(), "out_of_range"));
        assert_eq!(error(day_0, "2026-02-11T17:00:00Z", hour), ("?from".into(), "too_many_buckets"));
        assert!(Windows::covering(at(day_0), at("2026-02-11T16:00:00Z"), hour).is_ok());
        assert_eq!(error("1969-12-31T23:59:59Z", day_0, day), ("?from".into(), "out_of_range"));
        assert_eq!(error(day_0, "3000-01-01T00:00:00Z", day), ("?to".into(), "out_of_range"));
    }
}
