//! What an upstream may do where it enters: report usage, and nothing else.

mod common;

use common::World;
use insula_access::Principal;
use insula_blueprint::{PermissionSet, own};
use insula_identity::{LiveService, ServiceToken};
use insula_kernel::ErrorKind;
use insula_tenancy::Status;
use insula_web::{Credential, Entrance as _};

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_may_report_usage_of_every_organization_that_is_not_erased() {
    let world = World::new().await;
    let token = ServiceToken::generate(&world.env);
    world.identities.put_service(LiveService { id: token.id, upstream: "app".into(), secret_hash: [0; 32] });
    let credential = Credential { principal: Principal::Service { service: token.id }, organization: None };
    let enters = |slug: &str| world.gate.caller(&credential, slug);
    for org in [world.acme, world.other] {
        for status in [Status::Active, Status::Suspended, Status::Deactivated] {
            world.organizations.change(org, |live| live.status = status);
            let caller = enters(&org.to_string()).unwrap();
            assert_eq!(caller.permissions(), PermissionSet::EMPTY.with(own::USAGE_INGEST));
            assert_eq!(caller.organization(), org);
        }
        world.organizations.change(org, |live| live.status = Status::Erased);
        assert_eq!(enters(&org.to_string()).unwrap_err().kind(), ErrorKind::NotFound);
        world.organizations.change(org, |live| live.status = Status::Active);
    }
    assert!(world.gate.operator(&credential).is_err());
    world.identities.remove_service(token.id);
    assert_eq!(enters(&world.acme.to_string()).unwrap_err().kind(), ErrorKind::Unauthenticated);
}
