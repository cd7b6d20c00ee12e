//! Lengths of time that are summed up, and how a stretch of time is put together of them.

use insula_kernel::{Instant, Span};
use std::sync::{Arc, LazyLock};

/// A length of time of the calendar, in UTC, for which sums are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// From one full minute to the next.
    Minute,
    /// From one full hour to the next.
    Hour,
    /// From one midnight to the next.
    Day,
}

/// The names, shared by the rows of the ledger.
static TEXTS: LazyLock<[Arc<str>; 3]> = LazyLock::new(|| Step::ALL.map(|step| step.name().into()));

impl Step {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long it is.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Minute => Span::from_mins(1),
            Self::Hour => Span::from_hours(1),
            Self::Day => Span::from_days(1),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The start of the one that this instant lies in.
    #[must_use]
    pub const fn start(self, at: Instant) -> Instant {
        at.floor(self.span())
    }

    /// The start of the first that begins at this instant or later.
    fn next(self, at: Instant) -> Instant {
        let start = self.start(at);
        if start == at { at } else { start + self.span() }
    }

    /// The name, without making it anew.
    pub(crate) fn text(self) -> Arc<str> {
        let [minute, hour, day] = &*TEXTS;
        Arc::clone(match self {
            Self::Minute => minute,
            Self::Hour => hour,
            Self::Day => day,
        })
    }

    const fn shorter(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
        }
    }
}

/// A half-open stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Period {
    /// The first instant.
    pub start: Instant,
    /// The first instant after it.
    pub end: Instant,
}

impl Period {
    /// The window of this step that the instant lies in.
    #[must_use]
    pub fn of(step: Step, at: Instant) -> Self {
        let start = step.start(at);
        Self { start, end: start + step.span() }
    }

    /// Whether the instant lies in it.
    #[must_use]
    pub fn contains(self, at: Instant) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// The stretches of whole steps, as long ones as there are and none shorter than `shortest`, that make it up. Where it
    /// doesn't begin or end with a step of the shortest kind, the whole of that is in: sums over it may come out too
    /// large, never too small.
    pub(crate) fn pieces(self, shortest: Step) -> Vec<(Step, Self)> {
        let mut pieces = Vec::new();
        self.whole(shortest).cover(Step::Day, shortest, &mut pieces);
        pieces
    }

    /// The stretches of whole minutes, hours and days that lie in it, and what is left at its ends: of a minute each, or
    /// of one minute all there is.
    pub(crate) fn exact(self) -> (Vec<(Step, Self)>, Vec<Self>) {
        let inner = Self { start: Step::Minute.next(self.start), end: Step::Minute.start(self.end) };
        let mut pieces = Vec::new();
        inner.cover(Step::Day, Step::Minute, &mut pieces);
        let edges = if inner.start > inner.end {
            [self, Self { start: self.end, end: self.end }]
        } else {
            [Self { start: self.start, end: inner.start }, Self { start: inner.end, end: self.end }]
        };
        (pieces, edges.into_iter().filter(|edge| edge.start < edge.end).collect())
    }

    /// The whole steps that have a part in it.
    pub(crate) fn whole(self, step: Step) -> Self {
        Self { start: step.start(self.start), end: step.next(self.end) }
    }

    fn cover(self, step: Step, shortest: Step, pieces: &mut Vec<(Step, Self)>) {
        if self.start >= self.end {
            return;
        }
        let inner = Self { start: step.next(self.start), end: step.start(self.end) };
        let shorter = step.shorter().filter(|shorter| *shorter >= shortest);
        if inner.start < inner.end {
            pieces.push((step, inner));
            if let Some(shorter) = shorter {
                Self { start: self.start, end: inner.start }.cover(shorter, shortest, pieces);
                Self { start: inner.end, end: self.end }.cover(shorter, shortest, pieces);
            }
        } else if let Some(shorter) = shorter {
            self.cover(shorter, shortest, pieces);
        }
    }
}

impl From<insula_kernel::Period> for Period {
    fn from(insula_kernel::Period { start, end }: insula_kernel::Period) -> Self {
        Self { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(from: &str, to: &str, shortest: Step) -> Vec<(Step, String, String)> {
        let period = Period { start: from.parse().unwrap(), end: to.parse().unwrap() };
        let mut pieces = period.pieces(shortest);
        pieces.sort_by_key(|(_, piece)| *piece);
        for pair in pieces.windows(2) {
            assert_eq!(pair[0].1.end, pair[1].1.start, "no gaps and nothing twice");
        }
        pieces
            .into_iter()
            .map(|(step, piece)| (step, piece.start.to_string(), piece.end.to_string()))
            .collect()
    }

    #[test]
    fn a_month_is_made_of_days_and_what_is_left_at_its_ends() {
        use Step::{Day, Hour, Minute};
        let expected = [
            (Minute, "2026-01-31T22:58:00Z", "2026-01-31T23:00:00Z"),
            (Hour, "2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"),
            (Day, "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"),
            (Hour, "2026-02-28T00:00:00Z", "2026-02-28T22:00:00Z"),
            (Minute, "2026-02-28T22:00:00Z", "2026-02-28T22:59:00Z"),
        ];
        let expected = expected.map(|(step, from, to)| (step, from.to_owned(), to.to_owned()));
        assert_eq!(pieces("2026-01-31T22:58:17.5Z", "2026-02-28T22:58:17.5Z", Minute), expected);
        let whole = [(Day, "2026-03-01T00:00:00Z".to_owned(), "2026-04-01T00:00:00Z".to_owned())];
        assert_eq!(pieces("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", Minute), whole);
    }

    #[test]
    fn a_short_stretch_has_no_longer_steps() {
        use Step::{Hour, Minute};
        let found = pieces("2026-03-01T10:59:00Z", "2026-03-01T11:01:00Z", Minute);
        assert_eq!(found, [(Minute, "2026-03-01T10:59:00Z".to_owned(), "2026-03-01T11:01:00Z".to_owned())]);
        let found = pieces("2026-03-01T10:59:00Z", "2026-03-01T11:01:00Z", Hour);
        assert_eq!(found, [(Hour, "2026-03-01T10:00:00Z".to_owned(), "2026-03-01T12:00:00Z".to_owned())]);
    }
}
