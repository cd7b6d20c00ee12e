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
    AdvanceClock, AnswerOffer, ApplyBlueprint, ArchiveProject, ChangeSubscription, CheckLedger, CreateKey,
    CreateProject, CreateService, CreateTeam, DeleteTeam, ExplainRequest, IngestUsage, ListKeys, ListMembers,
    ListOrganizations, ListProjects, ListServices, ListTeams, ManageBilling, ManageOffers, OPERATIONS,
    OPERATOR_OPERATIONS, Operation, OperationInfo, OperatorOperation, OverrideLimits, PlanBlueprint,
    ReadBilling, ReadBlueprint, ReadHealth, ReadInvoices, ReadLimits, ReadOffers, ReadOrganization,
    ReadSubscription, ReadUsage, RequestOffer, RevokeKey, RevokeService, RotateKey, SuspendOrganization,
    TenantOperation, UpdateBillingProfile, UpdateKey, UpdateOrganization, UpdateProject, UpdateTeam,
};
pub use principal::Principal;
