//! What the request path knows of organizations and their projects.

use crate::ProjectStatus;
use insula_kernel::{Epoch, LiveMap, OrgId, ProjectId, TeamId};
use std::{fmt, str::FromStr, sync::Arc};
use tokio::sync::{Mutex, MutexGuard};

/// How many organizations can be changed at once; more wait for their turn.
const TURNS: usize = 256;

/// Where an organization stands.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, not yet opened.
    Pending,
    /// In service.
    Active,
    /// Out of service; its people can still sign in, pay and export.
    Suspended,
    /// Closed; nobody enters.
    Deactivated,
    /// Gone, with its data.
    Erased,
}

impl Status {
    /// The word for it, in stores and replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Deactivated => "deactivated",
            Self::Erased => "erased",
        }
    }

    /// Whether its traffic is served.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether its people may enter.
    #[must_use]
    pub const fn enters(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Active, Self::Suspended, Self::Deactivated, Self::Erased]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| format!("unknown status of an organization: {text}"))
    }
}

/// An organization, as far as requests need it.
#[derive(Clone, Debug)]
pub struct LiveOrganization {
    /// Which.
    pub id: OrgId,
    /// Its name in addresses.
    pub slug: Arc<str>,
    /// Where it stands.
    pub status: Status,
    /// How often it, or what its principals may do, has changed.
    pub epoch: Epoch,
}

/// A project, as far as requests need it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveProject {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub org: OrgId,
    /// Its name in addresses.
    pub slug: Arc<str>,
    /// The team it belongs to.
    pub team: Option<TeamId>,
    /// Where it stands.
    pub status: ProjectStatus,
}

/// Every organization with its projects, in memory: changed as changes commit, read by every request.
pub struct Live {
    organizations: LiveMap<OrgId, Arc<LiveOrganization>>,
    slugs: LiveMap<Arc<str>, OrgId>,
    projects: LiveMap<ProjectId, Arc<LiveProject>>,
    turns: Box<[Mutex<()>]>,
}

impl Default for Live {
    fn default() -> Self {
        Self::load(Vec::new())
    }
}

/// The turn to change something of an organization that requests know of.
pub struct Turn<'l>(#[expect(dead_code, reason = "it is held, not used")] MutexGuard<'l, ()>);

impl Live {
    /// All of these organizations.
    #[must_use]
    pub fn load(all: Vec<LiveOrganization>) -> Self {
        Self {
            slugs: LiveMap::load(all.iter().map(|organization| (organization.slug.clone(), organization.id))),
            organizations: LiveMap::load(
                all.into_iter().map(|organization| (organization.id, Arc::new(organization))),
            ),
            projects: LiveMap::default(),
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
        }
    }

    /// With these projects.
    #[must_use]
    pub fn with_projects(self, all: Vec<LiveProject>) -> Self {
        let projects = LiveMap::load(all.into_iter().map(|project| (project.id, Arc::new(project))));
        Self { projects, ..self }
    }

    /// Waits for the turn to change something of this organization. Held from before the transaction until requests know
    /// of the change, so that they learn of changes in the order in which those were committed.
    pub async fn turn(&self, org: OrgId) -> Turn<'_> {
        // The last bits of an id are random.
        let [.., low] = *org.uuid().as_bytes();
        Turn(self.turns[usize::from(low) % TURNS].lock().await)
    }

    /// The project of this id.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<Arc<LiveProject>> {
        self.projects.get(&id)
    }

    /// Takes in a project that was committed, new or changed.
    pub fn put_project(&self, project: LiveProject) {
        self.projects.insert(&project.id.clone(), &Arc::new(project));
    }

    /// The organization of this id.
    #[must_use]
    pub fn get(&self, id: OrgId) -> Option<Arc<LiveOrganization>> {
        self.organizations.get(&id)
    }

    /// The organization of this slug.
    #[must_use]
    pub fn by_slug(&self, slug: &str) -> Option<OrgId> {
        self.slugs.get(&Arc::from(slug))
    }

    /// The organization that an id or a slug names.
    #[must_use]
    pub fn find(&self, id_or_slug: &str) -> Option<Arc<LiveOrganization>> {
        let id = id_or_slug.parse().ok().or_else(|| self.by_slug(id_or_slug))?;
        self.get(id)
    }

    /// Takes in an organization that was committed, new or changed.
    pub fn put(&self, organization: LiveOrganization) {
        self.slugs.insert(&organization.slug.clone(), &organization.id);
        self.organizations.insert(&organization.id.clone(), &Arc::new(organization));
    }

    /// Lets an organization be found by another slug, and no longer by the one it had.
    pub fn rename(&self, id: OrgId, slug: &str) {
        let Some(before) = self.get(id).filter(|before| &*before.slug != slug) else { return };
        let slug: Arc<str> = slug.into();
        self.slugs.insert(&slug, &id);
        self.change(id, |organization| organization.slug = Arc::clone(&slug));
        // Unless another organization took it meanwhile.
        if self.by_slug(&before.slug) == Some(id) {
            self.slugs.remove(&before.slug);
        }
    }

    /// Changes what requests know of an organization, and its epoch with it.
    pub fn change(&self, id: OrgId, change: impl Fn(&mut LiveOrganization)) {
        self.organizations.update(&id, |organization| {
            let mut changed = LiveOrganization::clone(organization);
            change(&mut changed);
            changed.epoch.0 += 1;
            *organization = Arc::new(changed);
        });
    }
}
