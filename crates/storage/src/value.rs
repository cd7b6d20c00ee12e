//! Values bound to statements. Each knows its type, so that NULL has one too.

use crate::Type;
use insula_kernel as kernel;
use std::sync::Arc;
use uuid::Uuid;

/// A value for a placeholder of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An id.
    Id(Option<Uuid>),
    /// A whole number: a count, a quantity, minor units of money, microseconds of an instant.
    Int(Option<i64>),
    /// Text, JSON included.
    Text(Option<Arc<str>>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// True or false.
    Bool(Option<bool>),
}

impl Value {
    /// The type of the value.
    #[must_use]
    pub const fn kind(&self) -> Type {
        match self {
            Self::Id(_) => Type::Id,
            Self::Int(_) => Type::Int,
            Self::Text(_) => Type::Text,
            Self::Bytes(_) => Type::Bytes,
            Self::Bool(_) => Type::Bool,
        }
    }
}

macro_rules! value_from {
    ($($source:ty => $variant:ident, |$v:ident| $convert:expr;)+) => {$(
        impl From<$source> for Value {
            fn from($v: $source) -> Self {
                Self::$variant(Some($convert))
            }
        }
        impl From<Option<$source>> for Value {
            fn from(option: Option<$source>) -> Self {
                Self::$variant(option.map(|$v| $convert))
            }
        }
    )+};
}

value_from! {
    Uuid => Id, |v| v;
    kernel::OrgId => Id, |v| v.uuid();
    kernel::UserId => Id, |v| v.uuid();
    kernel::SessionId => Id, |v| v.uuid();
    kernel::KeyId => Id, |v| v.uuid();
    kernel::RequestId => Id, |v| v.uuid();
    kernel::AdmissionId => Id, |v| v.uuid();
    kernel::InvitationId => Id, |v| v.uuid();
    kernel::SubscriptionId => Id, |v| v.uuid();
    kernel::AuditId => Id, |v| v.uuid();
    kernel::MessageId => Id, |v| v.uuid();
    kernel::DueId => Id, |v| v.uuid();
    kernel::BlueprintVersionId => Id, |v| v.uuid();
    kernel::SigningKeyId => Id, |v| v.uuid();
    kernel::ProjectId => Id, |v| v.uuid();
    kernel::TeamId => Id, |v| v.uuid();
    kernel::HoldId => Id, |v| v.uuid();
    kernel::ServiceId => Id, |v| v.uuid();
    kernel::EventId => Id, |v| v.uuid();
    kernel::ItemId => Id, |v| v.uuid();
    kernel::InvoiceId => Id, |v| v.uuid();
    kernel::CreditNoteId => Id, |v| v.uuid();
    kernel::BalanceId => Id, |v| v.uuid();
    kernel::OneOffId => Id, |v| v.uuid();
    kernel::OfferId => Id, |v| v.uuid();
    i64 => Int, |v| v;
    u32 => Int, |v| i64::from(v);
    kernel::Instant => Int, |v| v.as_micros();
    kernel::Quantity => Int, |v| v.units();
    String => Text, |v| v.into();
    &str => Text, |v| v.into();
    Arc<str> => Text, |v| v;
    Vec<u8> => Bytes, |v| v;
    &[u8] => Bytes, |v| v.to_vec();
    bool => Bool, |v| v;
}

/// The values for a statement's placeholders, in order.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::Value::from($value)),*] };
}
