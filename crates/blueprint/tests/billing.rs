//! What a blueprint says about billing: prices of usage, seats, trials, add-ons, taxes.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use insula_blueprint::{
    AfterTrial, Bound, Compiled, Digest, Feature, LimitIndex, Plan, Price, check, parse_price,
};
use insula_kernel::{Currency, Decimal, Span};
use insula_rating::{Interval, Model, Proration, Tier, Tiers};
use serde_json::json;

/// One that uses everything there is about billing.
const BILLING: &str = include_str!("billing.toml");

fn compiled(text: &str) -> Compiled {
    let blueprint = check("blueprint.toml", text).unwrap_or_else(|found| panic!("{found}"));
    assert!(blueprint.warnings().is_empty(), "{}", blueprint.warnings());
    blueprint.compile()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::from_code(code).unwrap()
}

fn plan<'b>(blueprint: &'b Compiled, name: &str) -> &'b Plan {
    blueprint.plan(blueprint.plan_index(name).unwrap()).unwrap()
}

/// The prices as a person would say them.
fn said(prices: &[Price]) -> Vec<String> {
    let one = |price: &Price| {
        format!("{} {}/{}", price.amount.amount(), price.amount.currency.code(), price.interval.name())
    };
    prices.iter().map(one).collect()
}

/// What usage of a meter costs on a plan.
fn usage(blueprint: &Compiled, of: &str, meter: &str) -> Vec<(&'static str, insula_rating::Price)> {
    let meter = blueprint.meter_index(meter).unwrap();
    let (_, prices) = plan(blueprint, of).usage.iter().find(|(known, _)| *known == meter).unwrap();
    prices.iter().map(|(currency, price)| (currency.code(), price.clone())).collect()
}

#[test]
fn billing_says_who_issues_invoices_and_when_they_are_due() {
    let blueprint = compiled(BILLING);
    let billing = blueprint.billing();
    assert_eq!((billing.seller.as_str(), billing.invoice_prefix.as_str()), ("Scraper Inc.", "SC-2"));
    assert_eq!((billing.time_zone.as_str(), billing.proration), ("Asia/Tokyo", Proration::Day));
    assert!(billing.resets_anchor);
    assert_eq!((billing.grace, billing.payment_terms), (Span::from_hours(2), Span::from_hours(720)));
    let taxes: Vec<_> = billing
        .taxes
        .iter()
        .map(|tax| (tax.key.as_str(), tax.rate.name.as_str(), tax.rate.percent, tax.rate.inclusive))
        .collect();
    assert_eq!(
        taxes,
        [
            ("consumption", "Consumption tax", decimal("10"), false),
            ("vat", "VAT", decimal("7.7"), true),
            ("other", "Sales tax", decimal("0.0001"), false),
        ]
    );
    let countries: Vec<_> = billing.taxes.iter().map(|tax| tax.countries.join(" ")).collect();
    assert_eq!(countries, ["JP", "CH LI", ""]);
}

#[test]
fn a_product_that_says_nothing_is_billed_as_usual() {
    let hello = compiled(include_str!("../../../blueprints/hello/blueprint.toml"));
    let billing = hello.billing();
    assert_eq!((billing.seller.as_str(), billing.invoice_prefix.as_str()), ("Hello", "INV"));
    assert_eq!((billing.time_zone.as_str(), billing.proration), ("UTC", Proration::Second));
    assert!(!billing.resets_anchor && billing.taxes.is_empty() && hello.add_ons().is_empty());
    assert_eq!((billing.grace, billing.payment_terms), (Span::from_hours(1), Span::from_hours(30 * 24)));
    let pro = plan(&hello, "pro");
    assert_eq!((&pro.title, &pro.description, pro.trial, pro.grace_days), (&None, &None, None, 7));
    assert!(pro.seats.is_none() && pro.minimum.is_empty() && pro.usage.is_empty());
}

#[test]
fn a_plan_says_what_is_paid_and_when() {
    let blueprint = compiled(BILLING);
    let pro = plan(&blueprint, "pro");
    assert_eq!(pro.title.as_deref(), Some("Professional"));
    assert_eq!(pro.description.as_deref(), Some("For teams of any size."));
    assert_eq!(
        said(&pro.prices),
        ["4400 JPY/month", "29.00 USD/month", "80.00 USD/quarter", "290.00 USD/year"]
    );
    assert!(pro.prices.iter().any(|price| price.interval == Interval::Quarter));
    assert_eq!(pro.minimum, [(currency("JPY"), decimal("15000")), (currency("USD"), decimal("100"))]);
    let trial = pro.trial.unwrap();
    assert_eq!((trial.days, trial.then), (14, AfterTrial::Plan(blueprint.plan_index("free").unwrap())));
    assert_eq!(pro.grace_days, 3);
    let scale = plan(&blueprint, "scale").trial.unwrap();
    assert_eq!((scale.days, scale.then), (30, AfterTrial::PastDue));
}

#[test]
fn seats_have_a_price_and_are_how_far_their_limit_goes() {
    let blueprint = compiled(BILLING);
    let pro = plan(&blueprint, "pro");
    let seats = pro.seats.as_ref().unwrap();
    assert_eq!((seats.included, seats.limit), (3, Some(LimitIndex::MEMBERS)));
    assert_eq!(
        said(&seats.prices),
        ["750 JPY/month", "5.00 USD/month", "14.00 USD/quarter", "50.00 USD/year"]
    );
    assert_eq!(pro.bound(LimitIndex::MEMBERS), Bound::At(3));
    let custom = plan(&blueprint, "custom");
    let seats = custom.seats.as_ref().unwrap();
    assert_eq!((seats.included, seats.limit), (0, None));
    assert_eq!(custom.bound(LimitIndex::MEMBERS), Bound::At(5), "as where nothing says otherwise");
    let none = BILLING.replace("included = 3, ", "");
    let bound = plan(&compiled(&none), "pro").bound(LimitIndex::MEMBERS);
    assert_eq!(bound, Bound::At(1), "one who has the plan has a seat");
}

#[test]
fn usage_is_priced_by_the_unit_the_lot_the_tier_or_the_share() {
    let blueprint = compiled(BILLING);
    let tokens = usage(&blueprint, "pro", "tokens");
    assert_eq!(tokens.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["JPY", "USD"]);
    let (_, usd) = &tokens[1];
    assert_eq!(usd.model, Model::Unit { unit: decimal("0.00002") });
    assert_eq!((usd.included, usd.minimum), (Some(decimal("1000")), Some(decimal("10"))));
    let (_, lots) = &usage(&blueprint, "pro", "pages")[1];
    assert_eq!(lots.model, Model::Package { unit: decimal("0.50"), per: decimal("100000") });
    assert_eq!((lots.included, lots.minimum), (None, None));
    let percentage = |meter: &str| -> Vec<_> {
        let prices = usage(&blueprint, "pro", meter);
        prices.into_iter().map(|(code, price)| (code, price.model)).collect()
    };
    let share = |flat| Model::Percentage { percent: decimal("2.9"), flat };
    assert_eq!(percentage("sites"), [("JPY", share(None)), ("USD", share(None))], "where the plan is sold");
    assert_eq!(
        percentage("sales"),
        [("JPY", share(Some(decimal("45")))), ("USD", share(Some(decimal("0.30"))))]
    );
    let tier = |up_to: Option<&str>, unit: Option<&str>, flat: Option<&str>| Tier {
        up_to: up_to.map(decimal),
        unit: unit.map(decimal),
        flat: flat.map(decimal),
    };
    let tiers = |tiers| Tiers::new(tiers).unwrap();
    let graduated = tiers(vec![
        tier(Some("5"), Some("7"), Some("2")),
        tier(Some("10"), Some("6.50"), None),
        tier(None, None, Some("1")),
    ]);
    let [("USD", price)] = &usage(&blueprint, "scale", "tokens")[..] else { panic!("one currency") };
    assert_eq!(price.model, Model::Graduated { tiers: graduated });
    let [("USD", price)] = &usage(&blueprint, "scale", "requests")[..] else { panic!("one currency") };
    let volume = tiers(vec![tier(None, Some("0.000000000001"), None)]);
    assert_eq!(price.model, Model::Volume { tiers: volume });
    assert!(blueprint.plans().iter().flat_map(|plan| &plan.usage).all(|(_, prices)| !prices.is_empty()));
}

#[test]
fn an_add_on_adds_to_bounds_and_brings_features() {
    let blueprint = compiled(BILLING);
    let names: Vec<_> = blueprint.add_ons().iter().map(|add_on| add_on.name.as_str()).collect();
    assert_eq!(names, ["analytics", "support"]);
    let analytics = blueprint.add_on("analytics").unwrap();
    assert_eq!((analytics.title.as_deref(), analytics.most), (Some("Advanced analytics"), 10));
    assert_eq!(said(&analytics.prices).len(), 4);
    let requests = blueprint.limit_index("requests_per_day").unwrap();
    assert_eq!(analytics.limits, [(LimitIndex::MEMBERS, 2), (requests, 500)]);
    assert_eq!(analytics.features["analytics"], Feature::Flag(true));
    let plans = ["free", "pro"].map(|name| blueprint.plan_index(name).unwrap());
    assert_eq!(plans.map(|plan| analytics.is_for(plan)), [false, true]);
    let support = blueprint.add_on("support").unwrap();
    assert_eq!((support.most, support.plans.len(), &support.title), (1, 0, &None));
    assert_eq!(plans.map(|plan| support.is_for(plan)), [true, true]);
    assert!(blueprint.add_on("nothing").is_none());
}

#[test]
fn what_subscribers_get_and_pay_names_the_version() {
    let digests = |text: &str| -> (Vec<Digest>, Vec<Digest>) {
        let blueprint = check("b", text).unwrap_or_else(|found| panic!("{found}")).compile();
        let plans = blueprint.plans().iter().map(|plan| plan.digest).collect();
        (plans, blueprint.add_ons().iter().map(|add_on| add_on.digest).collect())
    };
    let (plans, add_ons) = digests(BILLING);
    let changed = |old: &str, new: &str| {
        assert!(BILLING.contains(old), "{old}");
        let (now, more) = digests(&BILLING.replacen(old, new, 1));
        let of_plans = (0..plans.len()).filter(|at| plans[*at] != now[*at]).map(|at| format!("plan {at}"));
        let of_add_ons =
            (0..add_ons.len()).filter(|at| add_ons[*at] != more[*at]).map(|at| format!("add-on {at}"));
        of_plans.chain(of_add_ons).collect::<Vec<_>>()
    };
    for (old, new) in [
        ("month = \"5\"", "month = \"6\""),
        ("included = 3", "included = 4"),
        ("quarter = \"80\"", "quarter = \"81\""),
        ("minimum = { USD = \"100\"", "minimum = { USD = \"101\""),
        ("trial_days = 14", "trial_days = 15"),
        ("after_trial = \"free\"", "after_trial = \"past_due\""),
        ("grace_days = 3", "grace_days = 4"),
        ("USD = \"0.00002\"", "USD = \"0.00003\""),
        ("included = 1000", "included = 1001"),
        ("per = 100_000", "per = 100_001"),
        ("flat = { USD = \"0.30\"", "flat = { USD = \"0.31\""),
    ] {
        assert_eq!(changed(old, new), ["plan 1"], "{old}");
    }
    assert_eq!(changed("up_to = 10", "up_to = 11"), ["plan 2"]);
    assert_eq!(changed("aggregate = \"unique\"", "aggregate = \"max\""), ["plan 1"], "of a priced meter");
    assert_eq!(changed("month = \"99\"", "month = \"98\""), ["add-on 0"]);
    assert_eq!(changed("members = 2", "members = 3"), ["add-on 0"]);
    assert_eq!(changed("analytics = true", "analytics = \"full\""), ["add-on 0"]);
    assert_eq!(changed("{ jobs = 1 }", "{ jobs = 2 }"), ["add-on 1"]);
    // How it is called, who may have it and how invoices are made are no part of the offer.
    for (old, new) in [
        ("title = \"Professional\"", "title = \"Pro\""),
        ("description = \"For teams of any size.\"\n", ""),
        ("title = \"Advanced analytics\"", "title = \"Analytics\""),
        ("most = 10", "most = 9"),
        ("grace = \"2h\"", "grace = \"3h\""),
        ("percent = \"10\"", "percent = \"8\""),
    ] {
        assert_eq!(changed(old, new), [""; 0], "{old}");
    }
}

#[test]
fn a_price_can_be_given_in_json() {
    let price = |json: serde_json::Value| parse_price(&json, "USD").unwrap();
    let lots = price(json!({ "USD": "0.50", "per": 1000, "included": 10, "minimum": { "USD": "2" } }));
    assert_eq!(lots.model, Model::Package { unit: decimal("0.5"), per: decimal("1000") });
    assert_eq!((lots.included, lots.minimum), (Some(decimal("10")), Some(decimal("2"))));
    let share = price(json!({ "model": "percentage", "percent": "2.9" }));
    assert_eq!(share.model, Model::Percentage { percent: decimal("2.9"), flat: None });
    let tiers = json!([{ "up_to": 5, "unit": { "USD": "7" } }, { "unit": { "USD": "6" } }]);
    let graduated = price(json!({ "model": "graduated", "tiers": tiers }));
    assert_eq!(graduated.rate(decimal("6"), currency("USD")).unwrap().amount.amount(), "41.00");
}

#[test]
fn mistakes_of_a_price_in_json_are_pointed_at() {
    let pointers = |json: serde_json::Value, code: &str| -> Vec<String> {
        let mistakes = parse_price(&json, code).unwrap_err();
        assert!(mistakes.iter().all(|(_, message, help)| !message.is_empty() && !help.is_empty()));
        mistakes.into_iter().map(|(pointer, ..)| pointer).collect()
    };
    let tiers = |second: serde_json::Value| json!({ "model": "volume", "tiers": [{ "up_to": 5, "unit": { "USD": "7" } }, second] });
    for (json, pointer) in [
        (json!(7), ""),
        (json!({}), ""),
        (json!({ "USD": 1 }), "/USD"),
        (json!({ "USD": "1", "per": 2.5 }), "/per"),
        (json!({ "USD": "1", "per": 0 }), "/per"),
        (json!({ "USD": "1", "per": null }), "/per"),
        (json!({ "USD": "1", "per": 18_446_744_073_709_551_615_u64 }), "/per"),
        (json!({ "USD": "1", "a/b~c": 1 }), "/a~1b~0c"),
        (json!({ "EUR": "1" }), ""),
        (json!({ "USD": "1", "EUR": "1" }), ""),
        (json!({ "XYZ": "1" }), "/XYZ"),
        (json!({ "model": "flat" }), "/model"),
        (json!({ "model": "percentage", "percent": "101" }), "/percent"),
        (json!({ "model": "volume", "tiers": [] }), "/tiers"),
        (tiers(json!({ "up_to": 6, "unit": { "USD": "7" } })), "/tiers/1/up_to"),
        (tiers(json!({ "unit": { "USD": true } })), "/tiers/1/unit/USD"),
        (tiers(json!({})), "/tiers/1"),
    ] {
        assert_eq!(pointers(json.clone(), "USD"), [pointer], "{json}");
    }
    assert_eq!(pointers(json!({ "USD": "1" }), "usd"), [""]);
    let two = json!({ "USD": "-1", "per": "many" });
    assert_eq!(pointers(two, "USD"), ["/USD", "/per"]);
}
