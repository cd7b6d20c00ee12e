//! Who calls: extractors that hand a handler a proof of authorization, or end the request.

use crate::Failure;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, RawPathParams};
use http::request::Parts;
use insula_access::{
    Authorized, AuthorizedOperator, Caller, OperatorCaller, OperatorOperation, Principal, TenantOperation,
};
use insula_kernel::{Error, ErrorKind, OrgId, RequestId, Result, SessionId, UserId};
use insula_storage::journal::Actor;
use std::{net::IpAddr, sync::Arc};

/// Who a request's credential proved to be. Absent where the request carried none.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    /// Who.
    pub principal: Principal,
    /// The organization that the credential is for; an access token may be for none.
    pub organization: Option<OrgId>,
}

/// What is known of a request apart from what it asks.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The request.
    pub id: RequestId,
    /// The address it came from.
    pub address: IpAddr,
    /// What the client calls itself.
    pub user_agent: Option<Arc<str>>,
}

impl RequestInfo {
    /// The request's maker, for the audit log.
    #[must_use]
    pub fn actor(&self, principal: Principal) -> Actor {
        Actor { name: principal.to_string(), address: Some(self.address.to_string()), request: Some(self.id) }
    }
}

/// The door of the API: knows, at this moment, who belongs where and may do what.
pub trait Entrance: Send + Sync {
    /// The caller in the organization that an id or a slug names. An organization that the caller doesn't belong to
    /// looks like one that doesn't exist.
    fn caller(&self, credential: &Credential, organization: &str) -> Result<Caller>;

    /// The caller as one of the operator's staff.
    fn operator(&self, credential: &Credential) -> Result<OperatorCaller>;
}

fn credential(parts: &Parts) -> Result<Credential> {
    parts.extensions.get::<Credential>().copied().ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "access.unauthenticated",
            "This needs an access token or an API key: `Authorization: Bearer …` or `X-Api-Key: …`.",
        )
    })
}

fn entrance(parts: &Parts) -> Result<Arc<dyn Entrance>> {
    parts
        .extensions
        .get::<Arc<dyn Entrance>>()
        .cloned()
        .ok_or_else(|| Error::internal("the API was mounted without an entrance"))
}

/// The proof that the caller may do `Op` in the organization that the path's `{org}` names.
pub struct In<Op: TenantOperation>(pub Authorized<Op>);

impl<Op: TenantOperation, S: Send + Sync> FromRequestParts<S> for In<Op> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let credential = credential(parts)?;
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::not_found("place"))?;
        let organization = params.iter().find(|(name, _)| *name == "org").map(|(_, value)| value.to_owned());
        let organization = organization.ok_or_else(|| Error::internal("the path has no {org}"))?;
        Ok(Self(entrance(parts)?.caller(&credential, &organization)?.authorize()?))
    }
}

/// The proof that the caller, one of the operator's staff, may do `Op`.
pub struct Operator<Op: OperatorOperation>(pub AuthorizedOperator<Op>);

impl<Op: OperatorOperation, S: Send + Sync> FromRequestParts<S> for Operator<Op> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let credential = credential(parts)?;
        Ok(Self(entrance(parts)?.operator(&credential)?.authorize()?))
    }
}

/// A person who is signed in, in whatever organization.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The organization that the access token is for.
    pub organization: Option<OrgId>,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let credential = credential(parts)?;
        match credential.principal {
            Principal::User { user, session } | Principal::Operator { user, session } => {
                Ok(Self { user, session, organization: credential.organization })
            }
            Principal::Key { .. } | Principal::Service { .. } => Err(Error::new(
                ErrorKind::Forbidden,
                "access.people_only",
                "This is for people: sign in and use the access token. An API key acts for an organization.",
            )
            .into()),
        }
    }
}

/// A person who is signed in, or nobody who says who they are.
impl<S: Send + Sync> OptionalFromRequestParts<S> for SignedIn {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Failure> {
        if parts.extensions.get::<Credential>().is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let info = parts.extensions.get::<Self>().cloned();
        info.ok_or_else(|| Error::internal("the request came without its particulars").into())
    }
}
