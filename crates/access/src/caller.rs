//! Callers, and the proofs of what they were authorized for.

use crate::{
    operation::{Operation, OperatorOperation, TenantOperation},
    principal::Principal,
};
use insula_blueprint::{PermissionId, PermissionSet, own};
use insula_kernel::{Epoch, Error, ErrorKind, OrgId, PlatformScope, Result, Scope, SessionId, UserId};
use std::{fmt, marker::PhantomData};

/// Someone who acts in an organization: authenticated, with their permissions there.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: Principal,
    organization: OrgId,
    epoch: Epoch,
    permissions: PermissionSet,
}

impl Caller {
    /// The caller of a request. To be called by the request path alone, after it has authenticated the principal
    /// and found that it belongs to the organization; `permissions` are those of its roles there, for a key cut
    /// down to the key's scopes, as they stood at `epoch`.
    #[must_use]
    pub const fn authenticated(
        principal: Principal,
        organization: OrgId,
        epoch: Epoch,
        permissions: PermissionSet,
    ) -> Self {
        Self { principal, organization, epoch, permissions }
    }

    /// Who acts.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    /// Where.
    #[must_use]
    pub const fn organization(&self) -> OrgId {
        self.organization
    }

    /// As of when.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// All they may do there.
    #[must_use]
    pub const fn permissions(&self) -> PermissionSet {
        self.permissions
    }

    /// The proof that the caller may do this in the organization.
    ///
    /// # Errors
    ///
    /// `access.denied` (403), naming the permission that is missing.
    pub fn authorize<Op: TenantOperation>(&self) -> Result<Authorized<Op>> {
        require::<Op>(self.permissions)?;
        Ok(Authorized {
            principal: self.principal,
            organization: self.organization,
            epoch: self.epoch,
            permissions: self.permissions,
            operation: PhantomData,
        })
    }
}

/// One of the operator's staff who acts on the whole installation: authenticated, with their permissions.
#[derive(Clone, Debug)]
pub struct OperatorCaller {
    user: UserId,
    session: SessionId,
    permissions: PermissionSet,
}

impl OperatorCaller {
    /// The caller of a request. To be called by the request path alone, after it has authenticated the user as one
    /// of the operator's staff. Whatever isn't for operators is left out of the permissions.
    #[must_use]
    pub const fn authenticated(user: UserId, session: SessionId, permissions: PermissionSet) -> Self {
        Self { user, session, permissions: permissions.intersection(own::OPERATOR) }
    }

    /// Who acts.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        Principal::Operator { user: self.user, session: self.session }
    }

    /// All they may do.
    #[must_use]
    pub const fn permissions(&self) -> PermissionSet {
        self.permissions
    }

    /// The proof that the caller may do this.
    ///
    /// # Errors
    ///
    /// `access.denied` (403), naming the permission that is missing.
    pub fn authorize<Op: OperatorOperation>(&self) -> Result<AuthorizedOperator<Op>> {
        require::<Op>(self.permissions)?;
        Ok(AuthorizedOperator { principal: self.principal(), operation: PhantomData })
    }
}

fn require<Op: Operation>(permissions: PermissionSet) -> Result<()> {
    if permissions.contains(Op::PERMISSION) { Ok(()) } else { Err(denied(Op::PERMISSION)) }
}

fn denied(permission: PermissionId) -> Error {
    // Operations need permissions of Insula's own, which all have names.
    let name = own::name(permission).unwrap_or("another permission");
    let detail =
        format!("This needs the permission `{name}`. Ask an administrator of the organization for it.");
    Error::new(ErrorKind::Forbidden, "access.denied", detail)
}

/// The proof that a principal may do `Op` in an organization. It can be neither made nor copied elsewhere:
///
/// ```compile_fail,E0599
/// fn twice(proof: insula_access::Authorized<insula_access::CreateKey>) {
///     drop((proof.clone(), proof));
/// }
/// ```
#[must_use = "a proof is for the store whose data it opens"]
pub struct Authorized<Op: TenantOperation> {
    principal: Principal,
    organization: OrgId,
    epoch: Epoch,
    permissions: PermissionSet,
    operation: PhantomData<fn() -> Op>,
}

impl<Op: TenantOperation> Authorized<Op> {
    /// Who acts.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        self.principal
    }

    /// As of when; once the organization's epoch is later, the proof is stale.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// All the principal may do in the organization: what it may give to others.
    #[must_use]
    pub const fn permissions(&self) -> PermissionSet {
        self.permissions
    }
}

impl<Op: TenantOperation> Scope for Authorized<Op> {
    fn organization(&self) -> OrgId {
        self.organization
    }
}

impl<Op: TenantOperation> fmt::Debug for Authorized<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} in {}", Op::NAME, self.principal, self.organization)
    }
}

/// The proof that one of the operator's staff may do `Op` on the whole installation. It opens
/// stores across tenants, so each operation that takes one says which rows it touches.
#[must_use = "a proof is for the store whose data it opens"]
pub struct AuthorizedOperator<Op: OperatorOperation> {
    principal: Principal,
    operation: PhantomData<fn() -> Op>,
}

impl<Op: OperatorOperation> AuthorizedOperator<Op> {
    /// Who acts.
    #[must_use]
    pub const fn principal(&self) -> Principal {
        self.principal
    }
}

impl<Op: OperatorOperation> PlatformScope for AuthorizedOperator<Op> {
    fn authority(&self) -> &'static str {
        Op::NAME
    }
}

impl<Op: OperatorOperation> fmt::Debug for AuthorizedOperator<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", Op::NAME, self.principal)
    }
}
