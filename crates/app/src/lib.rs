//! Composition: wires the slices, acts across domains, and is the one place that knows them all.
//!
//! What must always hold: an organization is visible only once everything it needs was made; what requests know is what
//! was committed; the document that describes the API is made of the endpoints that serve it.

mod archive;
mod blueprint;
mod config;
mod console;
mod cost;
mod explain;
mod invoices;
mod leases;
mod live;
mod metrics;
mod offers;
mod operator;
mod platform;
mod projects;
mod public;
mod report;
mod restore;
mod server;
mod sign_up;
mod start;
mod subscriptions;
mod workers;

pub use config::{Config, FirstOperator, read_secret};
pub use server::{openapi, operations};
pub use start::{Insula, StartError};

use insula_storage::{Platform, Statement, Tenant};

/// Every statement that runs inside a tenant.
#[must_use]
pub fn tenant_statements() -> Vec<&'static Statement<Tenant>> {
    [
        insula_storage::journal::JOURNAL_TENANT_STATEMENTS,
        insula_storage::STORAGE_TENANT_STATEMENTS,
        insula_web::IDEMPOTENCY_TENANT_STATEMENTS,
        insula_tenancy::TENANT_STATEMENTS,
        insula_identity::TENANT_STATEMENTS,
        insula_metering::METERING_TENANT_STATEMENTS,
        insula_billing::TENANT_STATEMENTS,
    ]
    .concat()
}

/// Every statement that touches rows across tenants.
#[must_use]
pub fn platform_statements() -> Vec<&'static Statement<Platform>> {
    [
        insula_storage::journal::JOURNAL_PLATFORM_STATEMENTS,
        insula_storage::STORAGE_STATEMENTS,
        insula_web::IDEMPOTENCY_STATEMENTS,
        insula_tenancy::PLATFORM_STATEMENTS,
        insula_identity::PLATFORM_STATEMENTS,
        insula_metering::METERING_STATEMENTS,
        insula_billing::PLATFORM_STATEMENTS,
    ]
    .concat()
}
