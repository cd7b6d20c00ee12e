//! Whom a limit counts for.

use insula_kernel::{KeyId, OrgId, ProjectId, TeamId, UserId};

/// Someone or something that a limit counts for by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// An organization as a whole.
    Organization(OrgId),
    /// A team.
    Team(TeamId),
    /// A project.
    Project(ProjectId),
    /// An API key.
    Key(KeyId),
    /// A person, as a member of an organization.
    Member(OrgId, UserId),
}

/// Everyone that a request counts for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subjects {
    /// The organization.
    pub org: OrgId,
    /// The team of the project, if there is one.
    pub team: Option<TeamId>,
    /// The project, if one was named.
    pub project: Option<ProjectId>,
    /// The credential; none where an upstream speaks for nobody in particular.
    pub credential: Option<Subject>,
}

impl Subjects {
    /// An organization and nobody in particular.
    #[must_use]
    pub const fn organization(org: OrgId) -> Self {
        Self { org, team: None, project: None, credential: None }
    }
}
