//! What the tests of settlement ask the ledger.

use crate::support::{NOON, at};
use insula_kernel::{OrgId, Scope, Span};
use insula_metering::usage::{self, Step, Windows};
use insula_storage::{Storage, Store};

/// What stands for a proof of authorization.
pub(crate) struct Member(pub(crate) OrgId);

impl Scope for Member {
    fn organization(&self) -> OrgId {
        self.0
    }
}

/// What an organization used on the day of noon.
pub(crate) async fn used(storage: &Storage, org: OrgId, meter: &str) -> i64 {
    let windows = Windows::covering(at(NOON), at(NOON) + Span::from_secs(1), Step::Day).unwrap();
    let mut tx = storage.read(Store::Ledger, &Member(org)).await.unwrap();
    let buckets = usage::buckets(&mut tx, meter, &windows).await.unwrap();
    assert_eq!(buckets.len(), 1);
    buckets[0].quantity.units()
}
