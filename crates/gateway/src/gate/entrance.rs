//! The door of the API: who may do what there, at this moment.

use super::Gate;
use crate::errors;
use insula_access::{Caller, OperatorCaller, Principal};
use insula_blueprint::{PermissionSet, own};
use insula_kernel::{Error, Result};
use insula_tenancy::Status;
use insula_web::{Credential, Entrance};

impl Entrance for Gate {
    fn caller(&self, credential: &Credential, organization: &str) -> Result<Caller> {
        let stranger = || Error::not_found("organization");
        let organization = self.organizations.find(organization).ok_or_else(stranger)?;
        // An upstream serves every organization, but it may do one thing only.
        let serves_all = matches!(credential.principal, Principal::Service { .. });
        if credential.organization != Some(organization.id) && !serves_all {
            return Err(stranger());
        }
        let snapshot = self.snapshot();
        let permissions: PermissionSet = match credential.principal {
            Principal::Key { key } => {
                let key = self.identities.key(key).ok_or_else(errors::key_invalid)?;
                if !organization.status.serves() {
                    return Err(errors::organization_suspended());
                }
                key.scopes.under(&snapshot.compiled)
            }
            Principal::User { user, .. } | Principal::Operator { user, .. } => {
                let role = self.identities.role(organization.id, user).ok_or_else(stranger)?;
                if !organization.status.enters() {
                    return Err(stranger());
                }
                snapshot.compiled.role(&role).unwrap_or(PermissionSet::EMPTY)
            }
            Principal::Service { service } => {
                self.identities.service(service).ok_or_else(errors::key_invalid)?;
                // What was used before an organization was suspended or closed is still to be reported.
                if organization.status == Status::Erased {
                    return Err(stranger());
                }
                PermissionSet::EMPTY.with(own::USAGE_INGEST)
            }
        };
        Ok(Caller::authenticated(credential.principal, organization.id, organization.epoch, permissions))
    }

    fn operator(&self, credential: &Credential) -> Result<OperatorCaller> {
        match credential.principal {
            // Asked again: the operator's rights may have been taken since the credential was looked at.
            Principal::Operator { user, session } if self.identities.is_operator(user) => {
                Ok(OperatorCaller::authenticated(user, session, own::OPERATOR))
            }
            _ => Err(errors::operators_only()),
        }
    }
}
