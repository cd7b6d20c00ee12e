//! What holds for every price, quantity, split and calendar.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_kernel::{Currency, Decimal, Instant, Money, Period, Span};
use insula_rating::{
    Anchor, Deductions, Exact, Interval, Item, Model, Price, PriceError, Proration, RatingError, Share,
    TaxRate, Tier, Tiers, credit, total,
};
use proptest::{collection::vec, prelude::*, sample::select};

const ZONES: [&str; 8] = [
    "UTC",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Pacific/Apia",
];

fn currency() -> impl Strategy<Value = Currency> {
    select(vec!["USD", "JPY", "BHD"]).prop_map(|code| Currency::from_code(code).unwrap())
}

fn decimal(most: i64) -> impl Strategy<Value = Decimal> {
    (0..=most, 0u32..=9).prop_map(|(value, places)| Decimal::from_scaled(value, places))
}

fn tiers() -> impl Strategy<Value = Tiers> {
    let tier = (1i64..1_000, proptest::option::of(decimal(100_000)), proptest::option::of(decimal(100_000)));
    vec(tier, 1..6).prop_map(|parts| {
        let last = parts.len() - 1;
        let mut end = 0;
        let tiers = parts.into_iter().enumerate().map(|(position, (length, unit, flat))| {
            end += length;
            let up_to = (position < last).then(|| Decimal::from_scaled(end, 0));
            Tier { up_to, unit, flat }
        });
        Tiers::new(tiers.collect()).unwrap()
    })
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![
        decimal(1_000_000).prop_map(|amount| Model::Flat { amount }),
        decimal(1_000_000).prop_map(|unit| Model::Unit { unit }),
        (decimal(1_000_000), 1i64..10_000)
            .prop_map(|(unit, per)| Model::Package { unit, per: Decimal::from_scaled(per, 0) }),
        tiers().prop_map(|tiers| Model::Graduated { tiers }),
        tiers().prop_map(|tiers| Model::Volume { tiers }),
        (decimal(10_000), proptest::option::of(decimal(1_000)))
            .prop_map(|(percent, flat)| Model::Percentage { percent, flat }),
    ]
}

fn price() -> impl Strategy<Value = Price> {
    let extras = (proptest::option::of(decimal(5_000)), proptest::option::of(decimal(5_000)));
    (model(), extras).prop_map(|(model, (included, minimum))| Price { model, included, minimum })
}

fn anchor() -> impl Strategy<Value = Anchor> {
    (0i64..2_000_000_000, select(ZONES.to_vec()))
        .prop_map(|(at, zone)| Anchor::new(Instant::from_secs(at), zone).unwrap())
}

proptest! {
    #[test]
    fn the_steps_add_up_to_what_is_charged_and_never_below_zero_or_the_minimum(
        price in price(), quantity in decimal(1_000_000), currency in currency(),
    ) {
        let rated = price.rate(quantity, currency).unwrap();
        let sum: Exact = rated.steps.iter().map(|step| step.amount.clone()).sum();
        prop_assert_eq!(&sum, &rated.exact);
        prop_assert_eq!(sum.rounded(currency).unwrap(), rated.amount);
        prop_assert!(rated.amount.minor >= 0);
        if let Some(minimum) = price.minimum {
            prop_assert!(rated.exact >= Exact::from(minimum));
        }
    }

    #[test]
    fn the_same_price_read_back_gives_the_same_bytes(
        price in price(), quantity in decimal(1_000_000), currency in currency(),
    ) {
        let stored = serde_json::to_string(&price).unwrap();
        let read: Price = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&serde_json::to_string(&read).unwrap(), &stored);
        let bytes = |price: &Price| serde_json::to_vec(&price.rate(quantity, currency).unwrap().steps).unwrap();
        prop_assert_eq!(bytes(&price), bytes(&read));
    }

    #[test]
    fn graduated_units_cost_the_same_however_they_are_split_at_a_tier(
        tiers in tiers(), quantity in 0i64..6_000, currency in currency(),
    ) {
        // Each further unit costs what its own tier says: never less than nothing.
        let price = Price::new(Model::Graduated { tiers });
        let cost = |quantity| price.rate(Decimal::from_scaled(quantity, 0), currency).unwrap().exact;
        prop_assert!(cost(quantity + 1) >= cost(quantity));
    }

    #[test]
    fn the_shares_of_any_split_add_up_to_the_whole(
        anchor in anchor(), later in 0i64..500_000_000, cuts in vec(0u64..1_000_000, 0..8),
        interval in select(Interval::ALL.to_vec()), by_day in any::<bool>(), price in 0i64..1_000_000,
    ) {
        let whole = anchor.containing(interval, anchor.at() + Span::from_secs(later));
        let length = whole.end.as_micros() - whole.start.as_micros();
        let place = |cut: u64| {
            let part = i128::from(length) * i128::from(cut) / 1_000_000;
            whole.start + Span::from_micros(i64::try_from(part).unwrap())
        };
        let mut bounds: Vec<Instant> = cuts.into_iter().map(place).chain([whole.start, whole.end]).collect();
        bounds.sort_unstable();
        let proration = if by_day { Proration::Day } else { Proration::Second };
        let shares = bounds.windows(2).map(|pair| {
            Share::of(Period { start: pair[0], end: pair[1] }, whole, proration, &anchor)
        });
        let shares: Vec<Share> = shares.collect();
        prop_assert_eq!(shares.iter().map(|share| share.exact()).sum::<Exact>(), Exact::from(1));
        // Each part is rounded once, so together they are off by half a minor unit each at most.
        let whole = Money { minor: price, currency: Currency::from_code("USD").unwrap() };
        let parts: i64 = shares.iter().map(|share| share.of_amount(whole).unwrap().minor).sum();
        prop_assert!((parts - price).unsigned_abs() * 2 <= shares.len() as u64);
    }

    #[test]
    fn credits_never_exceed_what_was_paid(
        whole in 0i64..10_000_000, paid in 0i64..10_000_000, parts in vec(0i64..=1_000, 1..10),
    ) {
        let usd = Currency::from_code("USD").unwrap();
        let money = |minor| Money { minor, currency: usd };
        let mut credited = 0;
        for part in parts {
            let share = Share { part, whole: 1_000 };
            let back = credit(money(whole), share, money(paid), money(credited)).unwrap();
            prop_assert!(back.minor >= 0);
            credited += back.minor;
            prop_assert!(credited <= paid);
        }
    }

    #[test]
    fn ten_years_of_periods_meet_without_a_gap_or_a_repeat(
        anchor in anchor(), interval in select(Interval::ALL.to_vec()),
    ) {
        let periods = 120 / interval.months();
        let mut next = anchor.at();
        for _ in 0..periods {
            let period = anchor.containing(interval, next);
            prop_assert_eq!(period.start, next);
            prop_assert!(period.end > period.start);
            prop_assert_eq!(anchor.containing(interval, period.end - Span::from_micros(1)), period);
            next = period.end;
        }
        // Ten years later to the month, whatever the days between were like.
        prop_assert_eq!(anchor.containing(Interval::Year, next).start, next);
    }

    #[test]
    fn a_bill_is_the_sum_of_its_lines_its_discount_and_its_taxes(
        lines in vec((-1_000_000i64..10_000_000, proptest::option::of(0usize..3)), 0..12),
        coupons in 0i64..20_000_000, credit_notes in 0i64..20_000_000, wallet in 0i64..20_000_000,
        currency in currency(),
    ) {
        let rate = |name: &str, percent: i64, inclusive| TaxRate {
            name: name.to_owned(), percent: Decimal::from_scaled(percent, 2), inclusive,
        };
        let rates = [rate("standard", 19_00, false), rate("reduced", 7_00, false), rate("included", 10_00, true)];
        let item = |(amount, tax): &(i64, Option<usize>)| Item { amount: *amount, tax: tax.map(|tax| &rates[tax]) };
        let items: Vec<Item<'_>> = lines.iter().map(item).collect();
        let bill = total(&items, Deductions { coupons, credit_notes, wallet }, currency).unwrap();
        let added: i64 = bill.taxes.iter().filter(|tax| !tax.rate.inclusive).map(|tax| tax.amount).sum();
        prop_assert_eq!(bill.subtotal, lines.iter().map(|(amount, _)| amount).sum::<i64>());
        prop_assert_eq!(bill.total, bill.subtotal - bill.discount + added);
        prop_assert!(bill.discount <= coupons && bill.credits <= credit_notes && bill.wallet <= wallet);
        prop_assert_eq!(bill.due, (bill.total - bill.credits - bill.wallet).max(0));
        if lines.iter().all(|(_, tax)| tax.is_some()) {
            let bases: i64 = bill.taxes.iter().map(|tax| {
                tax.base + if tax.rate.inclusive { tax.amount } else { 0 }
            }).sum();
            prop_assert_eq!(bases, bill.subtotal - bill.discount);
        }
    }
}

#[test]
fn quantities_below_zero_and_amounts_beyond_any_invoice_are_refused() {
    let usd = Currency::from_code("USD").unwrap();
    let price = Price::new(Model::Unit { unit: Decimal::from_scaled(i64::MAX, 0) });
    assert_eq!(price.rate(Decimal::from_scaled(-1, 3), usd), Err(RatingError::Negative));
    assert_eq!(price.rate(Decimal::from_scaled(2, 0), usd), Err(RatingError::TooLarge));
}

#[test]
fn tiers_that_overlap_end_or_start_nowhere_are_refused() {
    let tier = |up_to: Option<i64>, unit: i64| Tier {
        up_to: up_to.map(|up_to| Decimal::from_scaled(up_to, 0)),
        unit: Some(Decimal::from_scaled(unit, 0)),
        flat: None,
    };
    let refused = |tiers| Tiers::new(tiers).unwrap_err();
    assert_eq!(refused(Vec::new()), PriceError::NoTiers);
    assert_eq!(refused(vec![tier(Some(5), 1)]), PriceError::OpenTier);
    assert_eq!(refused(vec![tier(None, 1), tier(None, 1)]), PriceError::OpenTier);
    assert_eq!(refused(vec![tier(Some(5), 1), tier(Some(5), 1), tier(None, 1)]), PriceError::TiersOutOfOrder);
    assert_eq!(refused(vec![tier(None, -1)]), PriceError::Negative);
}

#[test]
fn zones_that_nobody_knows_are_refused() {
    let now = Instant::from_secs(0);
    for zone in ["", "Mars/Olympus", "../etc/passwd", "UTC+1"] {
        assert!(Anchor::new(now, zone).is_err(), "{zone}");
    }
    assert_eq!(Anchor::new(now, "Asia/Tokyo").unwrap().zone(), "Asia/Tokyo");
}
