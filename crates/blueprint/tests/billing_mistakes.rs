//! Mistakes in what a blueprint says about billing: each is found, at its place, under its code.

mod support;

use support::{Mistake, assert_each_is_found, found};

/// A blueprint without mistakes, in which each test puts one.
const GOOD: &str = include_str!("billing.toml");

#[test]
fn the_good_one_has_no_mistakes() {
    assert_eq!(found(GOOD), []);
}

const IN_BILLING: &[Mistake] = &[
    ("seller = \"Scraper Inc.\"", "seller = »\"\"", "invalid_name"),
    ("seller = \"Scraper Inc.\"", "seller = »\"Scraper\\nInc.\"", "invalid_name"),
    ("seller = \"Scraper Inc.\"", "»sellr = \"Scraper Inc.\"", "unknown_key"),
    ("\"SC-2\"", "»\"\"", "invoice_prefix"),
    ("\"SC-2\"", "»\"sc-2\"", "invoice_prefix"),
    ("\"SC-2\"", "»\"SC/2\"", "invoice_prefix"),
    ("\"SC-2\"", "»\"ABCDEFGHIJKLM\"", "invoice_prefix"),
    ("\"Asia/Tokyo\"", "»\"Asia/Tokio\"", "time_zone"),
    ("\"Asia/Tokyo\"", "»\"+09:00\"", "time_zone"),
    ("\"Asia/Tokyo\"", "»\"\"", "time_zone"),
    ("\"day\"\nanchor", "»\"hour\"\nanchor", "unknown_value"),
    ("anchor = \"reset\"", "anchor = »\"move\"", "unknown_value"),
    ("grace = \"2h\"", "grace = »\"59m\"", "duration"),
    ("grace = \"2h\"", "grace = »\"31d\"", "duration"),
    ("grace = \"2h\"", "grace = »\"2 hours\"", "duration"),
    ("grace = \"2h\"", "grace = »2", "wrong_type"),
    ("payment_terms = \"30d\"", "payment_terms = »\"91d\"", "duration"),
    ("payment_terms = \"30d\"", "payment_terms = »\"30\"", "duration"),
    // Taxes.
    ("[billing.taxes.vat]", "[billing.taxes.»VAT]", "invalid_name"),
    ("name = \"VAT\"", "name = »\" \"", "invalid_name"),
    ("[billing.taxes.vat]\nname = \"VAT\"", "»[billing.taxes.vat]", "missing_key"),
    ("\"7.7\"", "»\"100.1\"", "percent"),
    ("\"7.7\"", "»\"-1\"", "percent"),
    ("\"7.7\"", "»\"7.70001\"", "percent"),
    ("\"7.7\"", "»\"7.7%\"", "percent"),
    ("\"7.7\"", "»7.7", "wrong_type"),
    ("\"CH\", \"LI\"", "\"CH\", »\"XX\"", "unknown_country"),
    ("\"CH\", \"LI\"", "\"CH\", »\"li\"", "unknown_country"),
    ("\"CH\", \"LI\"", "\"CH\", »\"Switzerland\"", "unknown_country"),
    ("\"CH\", \"LI\"", "\"CH\", »\"CH\"", "duplicate"),
    ("[\"CH\", \"LI\"]", "»[]", "empty_list"),
    ("[\"CH\", \"LI\"]", "»\"CH\"", "wrong_type"),
    ("[billing.taxes.vat]", "[»taxes.vat]", "unknown_key"),
];

/// Warnings: what would never apply.
const UNREACHED_TAXES: &[Mistake] = &[
    (
        "[billing.taxes.vat]\nname = \"VAT\"\npercent = \"7.7\"\ninclusive = true\ncountries = [\"CH\", \"LI\"]",
        "[billing.taxes.»vat]\nname = \"VAT\"\npercent = \"7.7\"\ncountries = [\"JP\"]",
        "tax_unreachable",
    ),
    (
        "percent = \"0.0001\"",
        "percent = \"1\"\n[billing.taxes.»last]\nname = \"Last\"\npercent = \"1\"",
        "tax_unreachable",
    ),
];

const IN_PLANS: &[Mistake] = &[
    ("\"Professional\"", "»\"\"", "invalid_name"),
    ("\"For teams of any size.\"", "»\" \"", "invalid_name"),
    ("quarter = \"80\"", "quarter = »\"80.001\"", "price_precision"),
    ("quarter = \"80\"", "»quater = \"80\"", "unknown_key"),
    // Trials.
    ("trial_days = 14", "trial_days = »0", "number_range"),
    ("trial_days = 14", "trial_days = »366", "number_range"),
    ("trial_days = 14", "trial_days = »\"14\"", "wrong_type"),
    ("trial_days = 14\nafter_trial = \"free\"", "after_trial = »\"free\"", "trial"),
    ("after_trial = \"free\"", "after_trial = »\"fre\"", "unknown_plan"),
    ("after_trial = \"free\"", "after_trial = »\"past-due\"", "unknown_plan"),
    ("after_trial = \"free\"", "after_trial = »\"pro\"", "trial"),
    ("after_trial = \"free\"", "after_trial = »\"scale\"", "trial"),
    ("after_trial = \"free\"", "after_trial = »\"custom\"", "trial"),
    ("after_trial = \"free\"", "after_trial = »\"analytics\"", "unknown_plan"),
    ("grace_days = 3", "grace_days = »-1", "number_range"),
    ("grace_days = 3", "grace_days = »91", "number_range"),
    // How far back usage is shown.
    ("analytics_retention = \"365d\"", "analytics_retention = »\"a year\"", "duration"),
    ("analytics_retention = \"365d\"", "analytics_retention = »\"24h\"", "duration"),
    ("analytics_retention = \"365d\"", "analytics_retention = »\"0d\"", "duration"),
    ("analytics_retention = \"365d\"", "analytics_retention = »\"10001d\"", "duration"),
    ("analytics_retention = \"365d\"", "analytics_retention = »365", "duration"),
    ("analytics_retention = \"365d\"", "analytics_retention = »false", "duration"),
    ("trial_days = 14", "trial_days = 14\nfeatures = { analytics_retention = »\"7 days\" }", "duration"),
    // Seats.
    ("included = 3", "included = »-3", "number_range"),
    ("limit = \"members\"", "limit = »\"member\"", "unknown_limit"),
    ("limit = \"members\"", "limit = »\"jobs\"", "seats_limit"),
    ("limit = \"members\"", "limit = »\"tokens_per_month\"", "seats_limit"),
    (
        "limits = { requests_per_day = 1000 }",
        "limits = { requests_per_day = 1000, »members = 3 }",
        "seats_limit",
    ),
    ("included = 3", "»inclded = 3", "unknown_key"),
    ("seats = { USD = { year = \"40\" } }", "seats = »{ included = 1 }", "price_missing"),
    ("seats = { USD = { year = \"40\" } }", "seats = { USD = »{ } }", "price_missing"),
    ("seats = { USD = { year = \"40\" } }", "seats = { USD = »\"40\" }", "wrong_type"),
    ("seats = { USD = { year = \"40\" } }", "seats = { »usd = { year = \"40\" } }", "unknown_currency"),
    ("JPY = { month = \"750\" }", "»JPY = { month = \"750\", year = \"7500\" }", "price_interval"),
    ("JPY = { month = \"750\" }", "»JPY = { month = \"750\", quarter = \"7500\" }", "price_interval"),
    // The least.
    ("minimum = { USD = \"100\", JPY = \"15000\" }", "minimum = »{ }", "price_missing"),
    ("JPY = \"15000\" }", "JPY = »\"15000.5\" }", "price_precision"),
    ("JPY = \"15000\" }", "JPY = »\"-1\" }", "negative_price"),
    ("JPY = \"15000\" }", "»YEN = \"15000\" }", "unknown_currency"),
];

const IN_USAGE: &[Mistake] = &[
    ("pages = {", "»page = {", "unknown_meter"),
    ("pages = {", "»requests = {", "usage_price"),
    ("pages = { USD = \"0.50\", JPY = \"75\", per = 100_000 }", "pages = »{ }", "price_missing"),
    ("pages = { USD = \"0.50\", JPY = \"75\", per = 100_000 }", "pages = »{ per = 10 }", "price_missing"),
    ("pages = { USD = \"0.50\", JPY = \"75\", per = 100_000 }", "pages = »\"0.50\"", "wrong_type"),
    ("per = 100_000", "per = »0", "not_positive"),
    ("per = 100_000", "per = »\"100k\"", "wrong_type"),
    ("per = 100_000", "»pre = 100_000", "unknown_key"),
    ("per = 100_000", "percent = »\"3\"", "price_shape"),
    ("per = 100_000", "flat = »{ USD = \"1\", JPY = \"1\" }", "price_shape"),
    ("per = 100_000", "tiers = »[{ unit = { USD = \"1\", JPY = \"1\" } }]", "price_shape"),
    ("JPY = \"75\"", "JPY = »\"-75\"", "negative_price"),
    ("JPY = \"75\"", "JPY = »\"0.0000000000001\"", "price_precision"),
    ("JPY = \"75\"", "JPY = »75", "wrong_type"),
    ("included = 1000", "included = »-1", "number_range"),
    ("included = 1000", "included = »9223372036854776", "number_range"),
    ("minimum = { USD = \"10\", JPY = \"1500\" }", "minimum = »{ }", "price_missing"),
    (
        "minimum = { USD = \"10\", JPY = \"1500\" }",
        "minimum = { USD = \"10\", JPY = »\"-1500\" }",
        "negative_price",
    ),
    // Shares.
    (", percent = \"2.9\" }", ", percent = »\"100.1\" }", "percent"),
    (", percent = \"2.9\" }", ", percent = »2.9 }", "wrong_type"),
    (
        "sites = { model = \"percentage\", percent = \"2.9\" }",
        "sites = »{ model = \"percentage\" }",
        "price_shape",
    ),
    ("model = \"percentage\", percent", "model = »\"share\", percent", "unknown_value"),
    (", percent = \"2.9\" }", ", percent = \"2.9\", per = »10 }", "price_shape"),
    (", percent = \"2.9\" }", ", percent = \"2.9\", »USD = \"1\" }", "price_shape"),
    (", percent = \"2.9\" }", ", percent = \"2.9\", tiers = »[] }", "price_shape"),
    ("flat = { USD = \"0.30\", JPY = \"45\" }", "flat = »{ }", "price_missing"),
    (
        "requests = { EUR = \"0.01\" }",
        "requests = »{ model = \"percentage\", percent = \"1\" }",
        "price_missing",
    ),
    // Tiers.
    ("up_to = 10,", "up_to = »5,", "price_shape"),
    ("up_to = 10,", "up_to = »3,", "price_shape"),
    ("up_to = 10,", "up_to = »0,", "not_positive"),
    ("up_to = 10,", "up_to = »9223372036854776,", "number_range"),
    ("{ up_to = 10, unit", "»{ unit", "price_shape"),
    ("{ flat = { USD = \"1\" } }", "{ up_to = »20, flat = { USD = \"1\" } }", "price_shape"),
    ("{ flat = { USD = \"1\" } }", "»{ }", "price_missing"),
    ("{ flat = { USD = \"1\" } }", "{ flat = »{ } }", "price_missing"),
    ("{ flat = { USD = \"1\" } }", "{ flat = { USD = »\"-1\" } }", "negative_price"),
    ("{ flat = { USD = \"1\" } }", "{ »price = { USD = \"1\" } }", "unknown_key"),
    ("{ flat = { USD = \"1\" } }", "{ flat = »\"1\" }", "wrong_type"),
    ("[{ unit = { USD = \"0.000000000001\" } }]", "»[]", "price_shape"),
    (
        "model = \"volume\"\ntiers = [{ unit = { USD = \"0.000000000001\" } }]",
        "model = \"volume\"",
        "price_shape",
    ),
    ("model = \"volume\"", "model = \"volume\"\n»USD = \"1\"", "price_shape"),
    ("model = \"volume\"", "model = \"volume\"\nflat = »{ USD = \"1\" }", "price_shape"),
    ("model = \"volume\"", "model = \"volume\"\nper = »10", "price_shape"),
    ("model = \"volume\"", "model = \"volume\"\npercent = »\"1\"", "price_shape"),
    ("model = \"volume\"\ntiers = ", "tiers = »", "price_shape"),
    ("model = \"volume\"", "model = \"volume\"\nminimum = { USD = \"1\", »EUR = \"1\" }", "price_shape"),
];

/// What some who have the plan would pay nothing for, or nobody anything.
const IN_CURRENCIES: &[Mistake] = &[
    (
        "seats = { included = 3, limit = \"members\", USD = { month = \"5\", quarter = \"14\", year = \"50\" }, JPY = { month = \"750\" } }",
        "seats = »{ included = 3, limit = \"members\", USD = { month = \"5\", quarter = \"14\", year = \"50\" } }",
        "price_currency",
    ),
    (
        "seats = { included = 3, limit = \"members\", USD = { month = \"5\", quarter = \"14\", year = \"50\" },",
        "seats = { included = 3, limit = \"members\", »USD = { month = \"5\", year = \"50\" },",
        "price_currency",
    ),
    (
        "JPY = { month = \"750\" } }",
        "JPY = { month = \"750\" }, »EUR = { month = \"5\" } }",
        "price_currency",
    ),
    ("{ USD = \"100\", JPY = \"15000\" }", "»{ USD = \"100\" }", "price_currency"),
    ("JPY = \"15000\" }", "JPY = \"15000\", »EUR = \"90\" }", "price_currency"),
    ("pages = { USD = \"0.50\", JPY = \"75\",", "»pages = { USD = \"0.50\",", "price_currency"),
    ("JPY = \"75\", per", "JPY = \"75\", »EUR = \"1\", per", "price_currency"),
    ("minimum = { USD = \"10\", JPY = \"1500\" }", "minimum = »{ USD = \"10\" }", "price_currency"),
    (
        "flat = { USD = \"0.30\", JPY = \"45\" }",
        "flat = »{ USD = \"0.30\" }, minimum = { USD = \"1\", JPY = \"150\" }",
        "price_currency",
    ),
    (
        "sales = { model = \"percentage\", percent = \"2.9\", flat = { USD = \"0.30\", JPY = \"45\" } }",
        "»sales = { model = \"percentage\", percent = \"2.9\", flat = { USD = \"0.30\" } }",
        "price_currency",
    ),
];

const IN_ADD_ONS: &[Mistake] = &[
    ("[addons.support]", "[addons.»scale]", "duplicate"),
    ("[addons.support]", "[addons.»\"Support plan\"]", "invalid_name"),
    ("\"Advanced analytics\"", "»\"\"", "invalid_name"),
    ("plans = [\"pro\"]", "plans = [»\"por\"]", "unknown_plan"),
    ("plans = [\"pro\"]", "plans = [\"pro\", »\"pro\"]", "duplicate"),
    ("plans = [\"pro\"]", "plans = »[]", "empty_list"),
    ("plans = [\"pro\"]", "plans = »\"pro\"", "wrong_type"),
    ("members = 2 }", "»member = 2 }", "unknown_limit"),
    ("members = 2 }", "»addresses = 2 }", "plan_limit"),
    ("members = 2 }", "members = »0 }", "not_positive"),
    ("members = 2 }", "members = »\"unlimited\" }", "wrong_type"),
    ("members = 2 }", "members = 2, tokens_per_month = »9223372036854776 }", "number_range"),
    ("exports = 3", "»Exports = 3", "invalid_name"),
    ("exports = 3", "exports = »[3]", "wrong_type"),
    ("most = 10", "most = »0", "not_positive"),
    ("most = 10", "most = »1001", "number_range"),
    ("most = 10", "»at_most = 10", "unknown_key"),
    ("USD = { month = \"99\",", "»DOL = { month = \"99\",", "unknown_currency"),
    (
        "[addons.support]\nprice = { USD = { month = \"1\", quarter = \"3\", year = \"12\" }, JPY = { month = \"150\" } }",
        "[addons.»support]",
        "price_missing",
    ),
    ("feature = \"analytics\"", "feature = »\"analytcs\"", "unknown_feature"),
    ("feature = \"analytics\"", "feature = »\"exports\"", "route_feature"),
    // Warnings.
    ("quarter = \"280\", ", "", "price_currency"),
    (", JPY = { month = \"15000\" } }", " }", "price_currency"),
    ("JPY = { month = \"15000\" } }", "JPY = { month = \"15000\", year = \"150000\" } }", "price_currency"),
    ("members = 2 }", "members = 2, »tokens_per_month = 5 }", "addon_limit"),
];

#[test]
fn each_mistake_is_found_at_its_place_and_makes_no_other() {
    for mistakes in [IN_BILLING, UNREACHED_TAXES, IN_PLANS, IN_USAGE, IN_CURRENCIES, IN_ADD_ONS] {
        assert_each_is_found(GOOD, mistakes);
    }
}

#[test]
fn a_plan_to_go_on_with_is_priced_in_each_currency_of_the_trial() {
    let text =
        GOOD.replace("{ USD = { month = \"0\" }, JPY = { month = \"0\" } }", "{ USD = { month = \"0\" } }");
    let codes: Vec<_> = found(&text).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["blueprint.trial"]);
}

#[test]
fn what_comes_after_a_trial_without_a_plan_names_none() {
    let text = GOOD.replace("plans.custom", "plans.past_due");
    let codes: Vec<_> = found(&text).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["blueprint.reserved_name"]);
}

#[test]
fn a_price_has_at_most_a_hundred_tiers() {
    let tier = |end: usize| format!("{{ up_to = {end}, unit = {{ USD = \"1\" }} }}, ");
    let tiers = |count: usize| {
        let ends: String = (1..count).map(tier).collect();
        GOOD.replace(
            "[{ unit = { USD = \"0.000000000001\" } }]",
            &format!("[{ends}{{ unit = {{ USD = \"1\" }} }}]"),
        )
    };
    assert_eq!(found(&tiers(100)), []);
    let codes: Vec<_> = found(&tiers(101)).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["blueprint.too_many"]);
}

#[test]
fn a_tier_has_a_price_in_each_currency_that_any_has() {
    let text = GOOD
        .replace(
            "price = { USD = { month = \"299\" } }",
            "price = { USD = { month = \"299\" }, JPY = { month = \"1\" } }",
        )
        .replace("flat = { USD = \"2\" } }", "flat = { USD = \"2\", JPY = \"300\" } }")
        .replace("{ USD = \"0.000000000001\" }", "{ USD = \"1\", JPY = \"1\" }");
    let codes: Vec<_> = found(&text).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["blueprint.price_missing"; 2]);
}
