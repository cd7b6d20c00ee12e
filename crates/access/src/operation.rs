//! Insula's own operations, each a type, with the one permission it needs.
//!
//! A handler asks for the proof of its operation by type, so the permission can't be forgotten or mistaken for
//! another. The traits are sealed: an operation exists only if it stands here.

use insula_blueprint::{PermissionId, own};

mod sealed {
    pub trait Sealed {}
}

/// One of Insula's own operations.
pub trait Operation: sealed::Sealed + 'static {
    /// Its id in the OpenAPI document.
    const NAME: &'static str;
    /// What a caller needs.
    const PERMISSION: PermissionId;
}

/// An operation within one organization.
pub trait TenantOperation: Operation {}

/// An operation of the operator's staff over the whole installation.
pub trait OperatorOperation: Operation {}

/// An operation as data: for the reference and for tests that go through all of them.
#[derive(Clone, Copy, Debug)]
pub struct OperationInfo {
    /// Its id in the OpenAPI document.
    pub name: &'static str,
    /// What a caller needs.
    pub permission: PermissionId,
}

macro_rules! operations {
    ($kind:ident in $list:ident: $(#[$list_doc:meta])* {
        $($(#[$doc:meta])* $operation:ident = $name:literal needs $permission:ident;)+
    }) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $operation {}
            impl sealed::Sealed for $operation {}
            impl Operation for $operation {
                const NAME: &'static str = $name;
                const PERMISSION: PermissionId = own::$permission;
            }
            impl $kind for $operation {}
        )+

        $(#[$list_doc])*
        pub const $list: &[OperationInfo] =
            &[$(OperationInfo { name: $name, permission: own::$permission }),+];
    };
}

operations! {
    TenantOperation in OPERATIONS:
    /// Every operation within one organization.
    {
        /// See the organization and its settings.
        ReadOrganization = "readOrganization" needs ORG_READ;
        /// Change the organization and its settings.
        UpdateOrganization = "updateOrganization" needs ORG_UPDATE;
        /// See who is in the organization.
        ListMembers = "listMembers" needs MEMBERS_READ;
        /// Give a member another role.
        UpdateMember = "updateMember" needs MEMBERS_MANAGE;
        /// End a membership.
        RemoveMember = "removeMember" needs MEMBERS_MANAGE;
        /// End one's own membership.
        LeaveOrganization = "leaveOrganization" needs ORG_READ;
        /// See who was invited and hasn't answered.
        ListInvitations = "listInvitations" needs MEMBERS_READ;
        /// Invite someone, or send an invitation again.
        InviteMember = "inviteMember" needs MEMBERS_MANAGE;
        /// Take back an invitation.
        CancelInvitation = "cancelInvitation" needs MEMBERS_MANAGE;
        /// See the roles that members can have.
        ListRoles = "listRoles" needs ROLES_READ;
        /// See teams and who is in them.
        ListTeams = "listTeams" needs TEAMS_READ;
        /// Make a team.
        CreateTeam = "createTeam" needs TEAMS_MANAGE;
        /// Change a team, or who is in it.
        UpdateTeam = "updateTeam" needs TEAMS_MANAGE;
        /// Delete a team.
        DeleteTeam = "deleteTeam" needs TEAMS_MANAGE;
        /// See projects.
        ListProjects = "listProjects" needs PROJECTS_READ;
        /// Make a project.
        CreateProject = "createProject" needs PROJECTS_MANAGE;
        /// Change a project.
        UpdateProject = "updateProject" needs PROJECTS_MANAGE;
        /// Take a project out of use, with its API keys.
        ArchiveProject = "archiveProject" needs PROJECTS_MANAGE;
        /// See the API keys, without their secrets.
        ListKeys = "listKeys" needs KEYS_READ;
        /// Make an API key.
        CreateKey = "createKey" needs KEYS_MANAGE;
        /// Change what an API key may do, or until when.
        UpdateKey = "updateKey" needs KEYS_MANAGE;
        /// Replace the secret of an API key.
        RotateKey = "rotateKey" needs KEYS_MANAGE;
        /// End an API key.
        RevokeKey = "revokeKey" needs KEYS_MANAGE;
        /// See what was used.
        ReadUsage = "readUsage" needs USAGE_READ;
        /// Report usage, and hold what is used at once.
        IngestUsage = "ingestUsage" needs USAGE_INGEST;
        /// See why a request was let through or refused, and what it cost.
        ExplainRequest = "explainRequest" needs USAGE_READ;
        /// See the plan the organization is on.
        ReadSubscription = "readSubscription" needs BILLING_READ;
        /// Change the terms of the subscription.
        ChangeSubscription = "changeSubscription" needs BILLING_MANAGE;
        /// See invoices, down to the events behind their lines.
        ReadInvoices = "readInvoices" needs BILLING_READ;
        /// Say who is billed.
        UpdateBillingProfile = "updateBillingProfile" needs BILLING_MANAGE;
        /// See what the operator was asked for and has offered.
        ReadOffers = "readOffers" needs BILLING_READ;
        /// Ask the operator for a plan of the organization's own.
        RequestOffer = "requestOffer" needs BILLING_MANAGE;
        /// Accept or decline what the operator offers.
        AnswerOffer = "answerOffer" needs BILLING_MANAGE;
        /// See every limit with what is used of it.
        ReadLimits = "readLimits" needs USAGE_READ;
    }
}

operations! {
    OperatorOperation in OPERATOR_OPERATIONS:
    /// Every operation of the operator's staff.
    {
        /// See every organization.
        ListOrganizations = "listOrganizations" needs OPERATOR_READ;
        /// See everything about one organization.
        ReadOrganizationOf = "readOrganizationOf" needs OPERATOR_READ;
        /// Make an organization for its owner to take over.
        CreateOrganization = "createOrganization" needs OPERATOR_MANAGE;
        /// Change an organization's name, address or plan.
        UpdateOrganizationOf = "updateOrganizationOf" needs OPERATOR_MANAGE;
        /// Close an organization.
        DeactivateOrganization = "deactivateOrganization" needs OPERATOR_MANAGE;
        /// Invite someone to be an owner of an organization.
        InviteOwner = "inviteOwner" needs OPERATOR_MANAGE;
        /// See what all organizations used together.
        ReadUsageOfAll = "readUsageOfAll" needs OPERATOR_READ;
        /// Revoke API keys of any organizations.
        RevokeKeysEverywhere = "revokeKeysEverywhere" needs OPERATOR_MANAGE;
        /// See everyone who has an account.
        ListUsers = "listUsers" needs OPERATOR_READ;
        /// See how the installation stands as a whole.
        ReadOverview = "readOverview" needs OPERATOR_READ;
        /// Compare what was charged with what was admitted.
        CheckLedger = "checkLedger" needs OPERATOR_READ;
        /// See how the installation does.
        ReadHealth = "readHealth" needs OPERATOR_READ;
        /// See the blueprint that is in place.
        ReadBlueprint = "readBlueprint" needs OPERATOR_READ;
        /// See what another version of the blueprint would change.
        PlanBlueprint = "planBlueprint" needs OPERATOR_READ;
        /// Put another version of the blueprint in place.
        ApplyBlueprint = "applyBlueprint" needs BLUEPRINT_APPLY;
        /// Set how far a limit goes for one organization.
        OverrideLimits = "overrideLimits" needs OPERATOR_MANAGE;
        /// See what organizations are charged.
        ReadBilling = "readBilling" needs OPERATOR_READ;
        /// Change what organizations are charged: pay, void and credit invoices, add items, move subscribers.
        ManageBilling = "manageBilling" needs OPERATOR_MANAGE;
        /// Make, quote and withdraw offers.
        ManageOffers = "manageOffers" needs OPERATOR_MANAGE;
        /// Move the clock of an organization that has a test clock.
        AdvanceClock = "advanceClock" needs OPERATOR_MANAGE;
        /// Stop an organization's traffic.
        SuspendOrganization = "suspendOrganization" needs OPERATOR_MANAGE;
        /// See what upstreams authenticate with, without the secrets.
        ListServices = "listServices" needs OPERATOR_READ;
        /// Issue a credential for an upstream.
        CreateService = "createService" needs OPERATOR_MANAGE;
        /// End the credential of an upstream.
        RevokeService = "revokeService" needs OPERATOR_MANAGE;
    }
}
