//! Who calls.

use crate::{Service, problem::Problem};
use axum::extract::FromRequestParts;
use http::{StatusCode, request::Parts};
use insula_client::{Error, Identity};
use std::sync::Arc;

/// What each endpoint needs. Insula's routes say so too; whoever gets past them is caught here.
pub(super) const CREATE: &str = "scraping:create";
pub(super) const READ: &str = "scraping:read";
pub(super) const CANCEL: &str = "scraping:cancel";

/// The caller, by the signed header `Insula-Identity`.
pub(super) struct Caller(Identity);

impl Caller {
    /// The caller, if it may do this.
    pub(super) fn who_may(self, permission: &str) -> Result<Identity, Problem> {
        if self.0.may(permission) {
            return Ok(self.0);
        }
        let detail = format!("This needs the permission `{permission}`.");
        Err(Problem::new(StatusCode::FORBIDDEN, "access.denied", detail))
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let unknown = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "identity.unknown", detail);
        let mut headers = parts.headers.get_all("insula-identity").iter();
        let token = match (headers.next().and_then(|token| token.to_str().ok()), headers.next()) {
            (Some(token), None) => token,
            _ => return Err(unknown("Requests come through Insula, which says who calls.")),
        };
        match service.verifier.verify(token).await {
            Ok(identity) => Ok(Self(identity)),
            Err(Error::Identity(why)) => {
                tracing::warn!(why, "a caller isn't believed");
                Err(unknown("Insula's word on who calls can't be believed."))
            }
            Err(error) => {
                tracing::error!(%error, "callers can't be verified");
                let detail = "Who calls can't be verified now. Try again.";
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "identity.unavailable", detail))
            }
        }
    }
}
