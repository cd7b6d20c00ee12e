//! The project that a request is for.

use super::Identified;
use crate::{errors, headers::X_PROJECT_ID};
use http::HeaderMap;
use insula_kernel::{OrgId, ProjectId, Result, TeamId};
use insula_tenancy::{Live, ProjectStatus};

/// The project of a request and that project's team. A key's project is the key's; a person may name one of the
/// organization's. A header that names another than the key's is refused.
pub(super) fn named_project(
    organizations: &Live,
    org: OrgId,
    identified: &Identified,
    headers: &HeaderMap,
) -> Result<(Option<ProjectId>, Option<TeamId>)> {
    let mut named = headers.get_all(X_PROJECT_ID).iter();
    let claim = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(claim), None) => Some(claim.to_str().ok().and_then(|text| text.parse::<ProjectId>().ok())),
        (Some(_), Some(_)) => return Err(errors::project_mismatch()),
    };
    if let Some(key) = &identified.key {
        return match claim {
            Some(claim) if claim != key.project => Err(errors::project_mismatch()),
            _ => Ok((key.project, key.team)),
        };
    }
    let Some(claim) = claim else { return Ok((None, None)) };
    let project = claim.and_then(|id| organizations.project(id)).ok_or_else(errors::project_mismatch)?;
    if project.org != org || project.status != ProjectStatus::Active {
        return Err(errors::project_mismatch());
    }
    Ok((Some(project.id), project.team))
}
