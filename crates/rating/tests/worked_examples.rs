//! Worked examples from the documentation and the test suites of other billing systems: the figures must be theirs.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_kernel::{Currency, Decimal, Instant, Money, Period, Span};
use insula_rating::{
    Anchor, Deductions, Exact, Interval, Item, Model, Price, Proration, Recurring, Share, TaxRate, Tier,
    Tiers, credit, monthly_recurring, total,
};

fn usd() -> Currency {
    Currency::from_code("USD").unwrap()
}

fn dollars(amount: &str) -> Money {
    Money::parse(amount, usd()).unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn seconds(start: i64, end: i64) -> Period {
    Period { start: Instant::from_secs(start), end: Instant::from_secs(end) }
}

fn tier(up_to: Option<&str>, unit: Option<&str>, flat: Option<&str>) -> Tier {
    Tier { up_to: up_to.map(decimal), unit: unit.map(decimal), flat: flat.map(decimal) }
}

/// What quantities cost at a price, in dollars.
fn costs(price: &Price, quantities: &[&str]) -> Vec<String> {
    let cost = |quantity: &&str| price.rate(decimal(quantity), usd()).unwrap().amount.amount();
    quantities.iter().map(cost).collect()
}

fn three_tiers() -> Tiers {
    let tiers = vec![
        tier(Some("5"), Some("7"), None),
        tier(Some("10"), Some("6.50"), None),
        tier(None, Some("6"), None),
    ];
    Tiers::new(tiers).unwrap()
}

#[test]
fn a_change_that_resets_the_anchor_credits_the_rest_and_charges_a_whole_period() {
    let period = seconds(1_487_030_400, 1_489_449_600);
    let rest = seconds(1_488_568_488, 1_489_449_600);
    let remaining = Share::of(rest, period, Proration::Second, &Anchor::utc(period.start));
    let ten = dollars("10.00");
    let back = credit(ten, remaining, ten, dollars("0")).unwrap();
    assert_eq!(back.amount(), "3.64");
    assert_eq!(dollars("100.00").minor - back.minor, dollars("96.36").minor);
}

#[test]
fn a_change_at_half_of_the_period_credits_half_and_charges_half() {
    let period = seconds(0, 2_592_000);
    let remaining =
        Share::of(seconds(1_296_000, 2_592_000), period, Proration::Second, &Anchor::utc(period.start));
    let ten = dollars("10");
    assert_eq!(credit(ten, remaining, ten, dollars("0")).unwrap().amount(), "5.00");
    assert_eq!(remaining.of_amount(dollars("20")).unwrap().amount(), "10.00");
}

#[test]
fn volume_prices_all_units_by_the_tier_of_the_last() {
    let price = Price::new(Model::Volume { tiers: three_tiers() });
    assert_eq!(costs(&price, &["1", "5", "6", "20", "25"]), ["7.00", "35.00", "39.00", "120.00", "150.00"]);
}

#[test]
fn graduated_prices_each_unit_by_its_own_tier() {
    let price = Price::new(Model::Graduated { tiers: three_tiers() });
    assert_eq!(costs(&price, &["5", "6", "20", "25"]), ["35.00", "41.50", "127.50", "157.50"]);
}

#[test]
fn flat_amounts_are_due_as_their_tier_is_entered_the_first_at_zero() {
    let tiers = vec![
        tier(Some("10"), Some("10"), Some("2")),
        tier(Some("20"), Some("5"), Some("3")),
        tier(None, Some("1"), None),
    ];
    let price = Price::new(Model::Graduated { tiers: Tiers::new(tiers).unwrap() });
    assert_eq!(costs(&price, &["0", "1", "10", "11", "12"]), ["2.00", "12.00", "102.00", "110.00", "115.00"]);
}

#[test]
fn tiers_may_be_flat_alone() {
    let tiers = vec![
        tier(Some("5"), None, Some("100")),
        tier(Some("10"), None, Some("50")),
        tier(Some("15"), Some("5"), None),
        tier(None, Some("1"), None),
    ];
    let price = Price::new(Model::Graduated { tiers: Tiers::new(tiers).unwrap() });
    assert_eq!(costs(&price, &["22"]), ["182.00"]);
}

#[test]
fn days_of_a_month_cost_their_share_rounded_once() {
    let of = |part, whole| Share { part, whole }.of_amount(dollars("24.95")).unwrap().amount();
    assert_eq!([of(9, 31), of(22, 30), of(8, 31), of(25, 30)], ["7.24", "18.30", "6.44", "20.79"]);
}

#[test]
fn a_quarter_used_from_one_day_through_another_costs_its_days() {
    let anchor = Anchor::new(at("2024-04-01T00:00:00Z"), "UTC").unwrap();
    let quarter = anchor.containing(Interval::Quarter, at("2024-05-20T00:00:00Z"));
    assert_eq!(quarter, Period { start: at("2024-04-01T00:00:00Z"), end: at("2024-07-01T00:00:00Z") });
    let used = Period { start: at("2024-05-20T09:00:00Z"), end: at("2024-06-21T00:00:00Z") };
    let share = Share::of(used, quarter, Proration::Day, &anchor);
    assert_eq!((share.part, share.whole), (32, 91));
    assert_eq!(share.of_amount(dollars("910.00")).unwrap().amount(), "320.00");
}

#[test]
fn a_fine_price_times_a_fine_quantity_is_rounded_once() {
    let price = Price::new(Model::Unit { unit: decimal("10.625") });
    let in_currency = |code| price.rate(decimal("4.4556"), Currency::from_code(code).unwrap()).unwrap();
    assert_eq!(in_currency("USD").amount.amount(), "47.34");
    assert_eq!(in_currency("JPY").amount.amount(), "47");
}

#[test]
fn months_from_the_31st_end_with_the_month_and_come_back() {
    let anchor = Anchor::new(at("2023-01-31T00:00:00Z"), "UTC").unwrap();
    let mut next = anchor.at();
    let mut starts = Vec::new();
    while next < at("2025-01-01T00:00:00Z") {
        starts.push(next.to_string()[..10].to_owned());
        next = anchor.containing(Interval::Month, next).end;
    }
    let of_year = |year: i16, february: &str| {
        let ends = ["31", february, "31", "30", "31", "30", "31", "31", "30", "31", "30", "31"];
        ends.iter().zip(1..).map(|(day, month)| format!("{year}-{month:02}-{day}")).collect::<Vec<_>>()
    };
    assert_eq!(starts, [of_year(2023, "28"), of_year(2024, "29")].concat());
}

#[test]
fn a_trial_is_counted_in_local_days_across_the_change_to_summer_time() {
    let start = Anchor::new(at("2017-03-01T23:30:00-08:00"), "America/Los_Angeles").unwrap();
    let end = start.after_days(30);
    assert_eq!(end, at("2017-03-31T23:30:00-07:00"));
    let billing = start.moved_to(end);
    assert_eq!(billing.billing_day(), 31);
    assert_eq!(billing.containing(Interval::Month, end).end, at("2017-04-30T23:30:00-07:00"));
}

#[test]
fn a_yearly_price_counts_a_twelfth_of_the_monthly_revenue() {
    let times =
        |count, amount, interval| std::iter::repeat_n(Recurring { amount: dollars(amount), interval }, count);
    let all = times(100, "100", Interval::Month).chain(times(50, "600", Interval::Year));
    assert_eq!(monthly_recurring(all, usd()).unwrap().amount(), "12500.00");
}

#[test]
fn a_bill_takes_coupons_before_tax_and_credit_notes_and_wallet_after() {
    let tax = TaxRate { name: "Sales tax".to_owned(), percent: decimal("10"), inclusive: false };
    let item = |amount| Item { amount, tax: Some(&tax) };
    let off = Deductions { coupons: 10_00, credit_notes: 20_00, wallet: 30_00 };
    let bill = total(&[item(50_00), item(20_00)], off, usd()).unwrap();
    assert_eq!((bill.taxes[0].base, bill.taxes[0].amount), (60_00, 6_00));
    assert_eq!((bill.total, bill.credits, bill.wallet, bill.due), (66_00, 20_00, 30_00, 16_00));
}

#[test]
fn shares_of_days_hold_on_days_of_23_and_25_hours() {
    let anchor = Anchor::new(at("2024-03-01T00:00:00-08:00"), "America/Los_Angeles").unwrap();
    let march = anchor.containing(Interval::Month, anchor.at());
    assert_eq!(march.end, at("2024-04-01T00:00:00-07:00"));
    let one_day = Period { start: march.start, end: march.start + Span::from_days(1) };
    let share = Share::of(one_day, march, Proration::Day, &anchor);
    assert_eq!(share.exact(), Exact::ratio(1, 31).unwrap());
}
