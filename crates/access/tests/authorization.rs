//! Who may do what, in the words of the domain.

use insula_access::{
    ApplyBlueprint, Caller, CreateKey, Grant, ListKeys, ListOrganizations, OPERATIONS, OPERATOR_OPERATIONS,
    OperatorCaller, Principal, ReadOrganization, ReadSubscription, Reason, UpdateOrganization,
    effective_permissions, ensure_grantable, explain,
};
use insula_blueprint::{Compiled, Holder, PermissionSet, check, own};
use insula_kernel::{
    Env, Epoch, ErrorKind, Instant, KeyId, ManualClock, OrgId, Scope as _, SeededRng, SessionId, UserId,
};
use std::sync::Arc;

const PRODUCT: &str = r#"
[product]
name = "Scraper"
[resources]
scraping = ["create", "read"]
[aliases]
"scraping:all" = ["scraping:create", "scraping:read"]
[roles.reader]
permissions = ["scraping:read", "org:read"]
[roles.creator]
permissions = ["scraping:create"]
[roles.admin]
includes = ["reader", "creator"]
permissions = ["keys:*", "org:*"]
[plans.free]
price = { USD = { month = "0" } }
"#;

fn product() -> Compiled {
    check("blueprint.toml", PRODUCT).unwrap_or_else(|found| panic!("{found}")).compile()
}

/// Two organizations, a person and a key.
struct World {
    product: Compiled,
    ours: OrgId,
    theirs: OrgId,
    person: Principal,
    key: Principal,
    user: UserId,
    session: SessionId,
}

fn world() -> World {
    let env = Env {
        clock: Arc::new(ManualClock::at(Instant::from_secs(1_700_000_000))),
        rng: Arc::new(SeededRng::new(1)),
    };
    let (user, session) = (UserId::generate(&env), SessionId::generate(&env));
    World {
        product: product(),
        ours: OrgId::generate(&env),
        theirs: OrgId::generate(&env),
        person: Principal::User { user, session },
        key: Principal::Key { key: KeyId::generate(&env) },
        user,
        session,
    }
}

impl World {
    fn person_with(&self, roles: &[&str]) -> (Caller, Vec<Grant>) {
        let grants: Vec<_> = roles.iter().map(|role| Grant::on_organization(*role, self.ours)).collect();
        let permissions = effective_permissions(&grants, self.ours, &self.product);
        (Caller::authenticated(self.person, self.ours, Epoch(7), permissions), grants)
    }

    fn named(&self, terms: &[&str]) -> PermissionSet {
        let expand = |term: &&str| self.product.permissions().expand(term).unwrap_or_default();
        terms.iter().map(expand).fold(PermissionSet::EMPTY, PermissionSet::union)
    }
}

#[test]
fn a_proof_carries_who_where_and_as_of_when() {
    let world = world();
    let (caller, _) = world.person_with(&["reader"]);
    let proof = caller.authorize::<ReadOrganization>().unwrap();
    assert_eq!(proof.organization(), world.ours);
    assert_eq!(proof.principal(), world.person);
    assert_eq!(proof.epoch(), Epoch(7));
    assert_eq!(proof.permissions(), world.named(&["scraping:read", "org:read"]));
}

#[test]
fn whoever_lacks_the_permission_is_told_which() {
    let world = world();
    let (caller, _) = world.person_with(&["reader"]);
    for error in [
        caller.authorize::<CreateKey>().map(drop).unwrap_err(),
        caller.authorize::<ListKeys>().map(drop).unwrap_err(),
        caller.authorize::<UpdateOrganization>().map(drop).unwrap_err(),
        caller.authorize::<ReadSubscription>().map(drop).unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "access.denied"));
    }
    let error = caller.authorize::<CreateKey>().map(drop).unwrap_err();
    assert!(error.detail().contains("`keys:manage`"), "{}", error.detail());
}

#[test]
fn a_role_counts_only_where_it_was_given() {
    let world = world();
    let grants =
        [Grant::on_organization("admin", world.theirs), Grant::on_organization("reader", world.ours)];
    let here = effective_permissions(&grants, world.ours, &world.product);
    assert_eq!(here, world.named(&["scraping:read", "org:read"]));
    let there = effective_permissions(&grants, world.theirs, &world.product);
    assert!(there.contains(own::KEYS_MANAGE));
}

#[test]
fn a_role_that_the_blueprint_no_longer_has_allows_nothing() {
    let world = world();
    let grants = [Grant::on_organization("retired", world.ours)];
    assert!(effective_permissions(&grants, world.ours, &world.product).is_empty());
}

#[test]
fn nobody_gives_what_they_lack() {
    let world = world();
    let names = world.product.permissions();
    let admin = world.product.role("admin").unwrap();
    ensure_grantable(admin, world.named(&["scraping:all", "keys:read"]), names).unwrap();
    let error = ensure_grantable(admin, world.named(&["scraping:read", "billing:*"]), names).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Forbidden, "access.beyond_own"));
    assert!(error.detail().contains("you lack `billing:manage`, `billing:read`."), "{}", error.detail());
    let everything = names.iter().map(|(_, id)| id).collect();
    let error = ensure_grantable(PermissionSet::EMPTY, everything, names).unwrap_err();
    assert!(error.detail().ends_with("and 18 more."), "{}", error.detail());
}

#[test]
fn the_operators_staff_do_what_they_were_given_and_nothing_in_an_organization() {
    let world = world();
    let reading = PermissionSet::EMPTY.with(own::OPERATOR_READ).with(own::KEYS_MANAGE);
    let operator = OperatorCaller::authenticated(world.user, world.session, reading);
    assert!(!operator.permissions().contains(own::KEYS_MANAGE));
    let proof = operator.authorize::<ListOrganizations>().unwrap();
    assert_eq!(proof.principal(), Principal::Operator { user: world.user, session: world.session });
    let error = operator.authorize::<ApplyBlueprint>().map(drop).unwrap_err();
    assert_eq!(error.code(), "access.denied");
    assert!(error.detail().contains("`blueprint:apply`"));
}

#[test]
fn operations_of_tenants_need_what_tenants_can_have_and_those_of_operators_what_they_cannot() {
    let holder = |permission: insula_blueprint::PermissionId| own::ALL[permission.index()].holder;
    let of_tenants = [Holder::Tenant, Holder::TenantByName];
    assert!(OPERATIONS.iter().all(|operation| of_tenants.contains(&holder(operation.permission))));
    assert!(OPERATOR_OPERATIONS.iter().all(|operation| holder(operation.permission) == Holder::Operator));
    let mut names: Vec<_> =
        OPERATIONS.iter().chain(OPERATOR_OPERATIONS).map(|operation| operation.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPERATIONS.len() + OPERATOR_OPERATIONS.len());
}

#[test]
fn the_audit_log_can_name_every_principal() {
    let world = world();
    let (user, session) = (world.user, world.session);
    assert_eq!(world.person.describe(), format!("user {user} in {session}"));
    assert_eq!(Principal::Operator { user, session }.describe(), format!("operator {user} in {session}"));
    assert!(world.key.describe().starts_with("key key_"));
}

#[test]
fn an_answer_comes_with_its_reasons() {
    let world = world();
    let role = str::to_owned;
    let why = |(caller, grants): (Caller, Vec<Grant>), permission: &str| {
        let explanation = explain(&caller, &grants, permission, &world.product);
        (explanation.allowed, explanation.reasons)
    };
    assert_eq!(
        why(world.person_with(&["creator", "reader"]), "scraping:read"),
        (true, vec![Reason::AllowedByRole { role: role("reader") }])
    );
    assert_eq!(
        why(world.person_with(&["creator"]), "scraping:read"),
        (false, vec![Reason::RoleLacks { role: role("creator"), permissions: vec![role("scraping:read")] }])
    );
    // Two roles together allow what neither does alone, so both are reasons.
    let (allowed, reasons) = why(world.person_with(&["creator", "reader"]), "scraping:all");
    assert!(allowed && reasons.len() == 2);
    assert_eq!(why(world.person_with(&[]), "scraping:read"), (false, vec![Reason::NoRole]));
    assert_eq!(
        why(world.person_with(&["retired"]), "scraping:read"),
        (false, vec![Reason::UnknownRole { role: role("retired") }])
    );
    assert_eq!(why(world.person_with(&["admin"]), "scraping:fly"), (false, vec![Reason::UnknownPermission]));
}

#[test]
fn a_key_may_what_it_was_made_with_and_no_more() {
    let world = world();
    let key = Caller::authenticated(world.key, world.ours, Epoch(1), world.named(&["scraping:read"]));
    let owner = [Grant::on_organization("owner", world.ours)];
    let allowed = explain(&key, &[], "scraping:read", &world.product);
    assert_eq!((allowed.allowed, allowed.reasons), (true, vec![Reason::AllowedByKey]));
    let denied = explain(&key, &owner, "scraping:all", &world.product);
    let lacks = Reason::KeyLacks { permissions: vec!["scraping:create".to_owned()] };
    assert!(!denied.allowed && denied.reasons.contains(&lacks), "{denied:?}");
    assert_eq!(
        serde_json::to_value(explain(&key, &[], "scraping:create", &world.product)).unwrap(),
        serde_json::json!({
            "allowed": false,
            "reasons": [{ "code": "key_lacks", "permissions": ["scraping:create"] }],
        })
    );
}

#[test]
fn what_changed_since_the_caller_came_in_is_said() {
    let world = world();
    let (before, _) = world.person_with(&["reader"]);
    let now = [Grant::on_organization("creator", world.ours)];
    let explanation = explain(&before, &now, "scraping:read", &world.product);
    assert!(explanation.allowed && explanation.reasons.contains(&Reason::Stale), "{explanation:?}");
}
