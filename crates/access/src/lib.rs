//! Who may do what.
//!
//! What must always hold: a proof of authorization ([`Authorized`], [`AuthorizedOperator`]) comes only from a caller
//! whose permissions contain what its operation needs, it can't be copied, and its organization is the caller's. It
//! is the one thing in the system that is a [`insula_kernel::Scope`], so no store opens a tenant's data without.
//! Nobody gives what they lack. No I/O, no clock: who the caller is was settled before.

mod caller;
mod explain;
mod grant;
mod operation;
mod principal;

pub use caller::{Authorized, AuthorizedOperator, Caller, OperatorCaller};
pub use explain::{Explanation, Reason, explain};
pub use grant::{Grant, GrantedOn, effective_permissions, ensure_grantable};
pub use operation::{
    AdvanceClock, AnswerOffer, ApplyBlueprint, ArchiveProject, CancelInvitation, ChangeSubscription,
    CheckLedger, CreateKey, CreateOrganization, CreateProject, CreateService, CreateTeam,
    DeactivateOrganization, DeleteTeam, ExplainRequest, IngestUsage, InviteMember, InviteOwner,
    LeaveOrganization, ListInvitations, ListKeys, ListMembers, ListOrganizations, ListProjects, ListRoles,
    ListServices, ListTeams, ListUsers, ManageBilling, ManageOffers, OPERATIONS, OPERATOR_OPERATIONS,
    Operation, OperationInfo, OperatorOperation, OverrideLimits, PlanBlueprint, ReadBilling, ReadBlueprint,
    ReadHealth, ReadInvoices, ReadLimits, ReadOffers, ReadOrganization, ReadOrganizationOf, ReadOverview,
    ReadSubscription, ReadUsage, ReadUsageOfAll, RemoveMember, RequestOffer, RevokeKey, RevokeKeysEverywhere,
    RevokeService, RotateKey, SuspendOrganization, TenantOperation, UpdateBillingProfile, UpdateKey,
    UpdateMember, UpdateOrganization, UpdateOrganizationOf, UpdateProject, UpdateTeam,
};
pub use principal::Principal;
