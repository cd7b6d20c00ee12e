//! The header fields that tell a client where it stands.
//!
//! `RateLimit` and `RateLimit-Policy` follow draft-ietf-httpapi-ratelimit-headers (from version 09 on: one list
//! item per policy, named by a string, with the parameters `q` and `w`, `r` and `t`, of which `w` and `t` are optional), whose values are
//! structured fields (RFC 9651). `Retry-After` is RFC 9110, section 10.2.3. Values are appended to a buffer of
//! the caller's, which can be reused.

use crate::{RatePolicy, RateState, Usage};
use insula_kernel::{Instant, Span};

/// The largest integer a structured field can carry (RFC 9651, section 3.3.1).
const MAX_INTEGER: i64 = 999_999_999_999_999;

/// Where a client stands against one limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing<'a> {
    /// The limit's name.
    pub name: &'a str,
    /// What the limit allows in each window.
    pub quota: i64,
    /// How long a window is, if there is one.
    pub window: Option<Span>,
    /// What is left of it.
    pub remaining: i64,
    /// How long until all of it is there again, if that is known.
    pub reset_after: Option<Span>,
}

impl<'a> Standing<'a> {
    /// Where a client stands against a quota of this bound.
    #[must_use]
    pub fn of_quota(name: &'a str, bound: i64, usage: Usage, now: Instant) -> Self {
        let Usage { used, period } = usage;
        Self {
            name,
            quota: bound,
            window: Some(period.end.saturating_since(period.start)),
            remaining: bound.saturating_sub(used).max(0),
            reset_after: Some(period.end.saturating_since(now)),
        }
    }

    /// Where a client stands against a limit on how many are held at once: nothing comes back by waiting alone.
    #[must_use]
    pub fn of_hold(name: &'a str, bound: i64, used: i64) -> Self {
        Self {
            name,
            quota: bound,
            window: None,
            remaining: bound.saturating_sub(used).max(0),
            reset_after: None,
        }
    }

    /// Where a client stands against a rate.
    #[must_use]
    pub fn of_rate(name: &'a str, policy: &RatePolicy, state: RateState) -> Self {
        Self {
            name,
            quota: i64::from(policy.allowance()),
            window: Some(policy.per()),
            remaining: i64::from(state.remaining),
            reset_after: Some(state.reset_after),
        }
    }

    /// Of two, the one that leaves the smaller share of its quota; of equals, the one that takes longer to
    /// come back. Shares, because limits may count different things.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        // remaining / quota < other.remaining / other.quota, without a division.
        let this = i128::from(self.remaining.max(0)) * i128::from(other.quota.max(0));
        let that = i128::from(other.remaining.max(0)) * i128::from(self.quota.max(0));
        match this.cmp(&that) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal if other.reset_after > self.reset_after => other,
            std::cmp::Ordering::Equal => self,
        }
    }

    /// Appends the value of `RateLimit-Policy`: `"name";q=100;w=86400`.
    pub fn write_policy(&self, out: &mut Vec<u8>) {
        write_name(self.name, out);
        out.extend_from_slice(b";q=");
        write_integer(self.quota, out);
        if let Some(window) = self.window {
            out.extend_from_slice(b";w=");
            write_integer(window.ceil_secs(), out);
        }
    }

    /// Appends the value of `RateLimit`: `"name";r=42;t=3600`.
    pub fn write_limit(&self, out: &mut Vec<u8>) {
        write_name(self.name, out);
        out.extend_from_slice(b";r=");
        write_integer(self.remaining, out);
        if let Some(reset_after) = self.reset_after {
            out.extend_from_slice(b";t=");
            write_integer(reset_after.ceil_secs(), out);
        }
    }
}

/// Appends the value of `Retry-After`: whole seconds, rounded up, so that nobody is invited too early.
pub fn retry_after(wait: Span, out: &mut Vec<u8>) {
    write_integer(wait.ceil_secs(), out);
}

/// A string of RFC 9651, section 3.3.3. What it can't carry becomes `?`, so that the field stays readable.
fn write_name(name: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in name.chars() {
        match c {
            '"' | '\\' => out.push(b'\\'),
            _ => {}
        }
        out.push(if matches!(c, ' '..='~') { u8::try_from(c).unwrap_or(b'?') } else { b'?' });
    }
    out.push(b'"');
}

/// Decimal digits without the machinery of `fmt`, which costs several times as much on every reply.
fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut value = value.clamp(0, MAX_INTEGER).unsigned_abs();
    let mut digits = [0u8; 15];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10).to_le_bytes()[0];
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Quota, Rate, Window};

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_quota_renders_as_the_draft_has_it() {
        let now = "2026-03-01T23:00:00.5Z".parse().unwrap();
        let quota = Quota::new();
        let usage = quota.reserve(now, &Window::Day, 58, 100).unwrap().settle(58);
        let standing = Standing::of_quota("requests_per_day", 100, usage, now);
        assert_eq!(text(|out| standing.write_policy(out)), r#""requests_per_day";q=100;w=86400"#);
        assert_eq!(text(|out| standing.write_limit(out)), r#""requests_per_day";r=42;t=3600"#);
    }

    #[test]
    fn the_strictest_leaves_the_smallest_share() {
        let policy = RatePolicy::new(10, Span::from_secs(1), 10).unwrap();
        let state = Rate::new().check(Instant::from_secs(0), &policy).unwrap();
        let rate = Standing::of_rate("per_second", &policy, state);
        let day =
            Standing { name: "day", quota: 1_000, window: Some(Span::from_days(1)), remaining: 899, ..rate };
        assert_eq!(rate.strictest(day).name, "day");
        assert_eq!(day.strictest(rate).name, "day");
        let fuller = Standing { remaining: 901, ..day };
        assert_eq!(rate.strictest(fuller).name, "per_second");
        let slower = Standing { remaining: 900, reset_after: Some(Span::from_secs(9)), ..day };
        assert_eq!(rate.strictest(slower).name, "day");
        assert_eq!(slower.strictest(rate).name, "day");
    }

    #[test]
    fn what_is_held_has_no_window() {
        let standing = Standing::of_hold("concurrent_jobs", 5, 2);
        assert_eq!(text(|out| standing.write_policy(out)), r#""concurrent_jobs";q=5"#);
        assert_eq!(text(|out| standing.write_limit(out)), r#""concurrent_jobs";r=3"#);
    }

    #[test]
    fn values_stay_structured_fields_whatever_they_carry() {
        let odd = Standing {
            name: "a\"b\\c\u{e9}\n",
            quota: i64::MAX,
            window: Some(Span::from_millis(1)),
            remaining: -3,
            reset_after: Some(Span::from_micros(0)),
        };
        assert_eq!(text(|out| odd.write_policy(out)), r#""a\"b\\c??";q=999999999999999;w=1"#);
        assert_eq!(text(|out| odd.write_limit(out)), r#""a\"b\\c??";r=0;t=0"#);
    }

    #[test]
    fn waiting_is_rounded_up() {
        assert_eq!(text(|out| retry_after(Span::from_millis(1_001), out)), "2");
        assert_eq!(text(|out| retry_after(Span::from_secs(60), out)), "60");
    }
}
