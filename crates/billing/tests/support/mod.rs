//! What the tests of billing share: blueprints and a ledger.

use insula_billing::{AppliedPlan, apply_blueprint};
use insula_blueprint::{Compiled, check};
use insula_kernel::{Env, Instant, ManualClock, SystemRng};
use insula_storage::{Storage, Store, Worker};
use std::sync::Arc;

pub(crate) const NOON: &str = "2026-03-01T12:00:00Z";

/// A blueprint with these limits and plans.
pub(crate) fn blueprint(limits_and_plans: &str) -> Compiled {
    let text = format!(
        r#"[product]
name = "Hello"
default_plan = "free"
[resources]
greetings = ["read"]
[meters.requests]
event = "request"
aggregate = "count"
{limits_and_plans}
[upstreams.hello]
targets = ["http://127.0.0.1:7101"]
[[routes]]
match = "GET /hello"
upstream = "hello"
permission = "greetings:read"
"#
    );
    check("blueprint.toml", &text).unwrap_or_else(|errors| panic!("{errors}")).compile()
}

/// The usual one.
pub(crate) const USUAL: &str = r#"
[limits.per_day]
meter = "requests"
window = "day"
[limits.per_second]
kind = "rate"
window = "second"
[plans.pro]
price = { USD = { month = "29.00", year = "290" }, JPY = { month = "4000" } }
limits = { per_day = "unlimited", per_second = 100, members = 25, api_keys = 10 }
features = { support = "e-mail", retention = 30, sso = true }
priority = 2
[plans.free]
price = { USD = { month = "0" } }
limits = { per_day = 100, per_second = 10 }
"#;

/// A clock that stands at noon.
pub(crate) fn env() -> Env {
    let noon: Instant = NOON.parse().unwrap();
    Env { clock: Arc::new(ManualClock::at(noon)), rng: Arc::new(SystemRng) }
}

/// Applies the plans of a blueprint, in a transaction of its own.
pub(crate) async fn apply(storage: &Storage, env: &Env, blueprint: &Compiled) -> Vec<AppliedPlan> {
    let mut tx = storage.platform_write(Store::Ledger, &Worker::Start).await.unwrap();
    let source = blueprint.digest().to_string();
    let applied = apply_blueprint(&mut tx, env, &source, blueprint, "worker:start").await.unwrap();
    tx.commit().await.unwrap();
    applied.plans
}
