//! Rows of either engine, read by position.

use crate::{StoreError, StoreResult};
use insula_kernel as kernel;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

/// A row that a statement returned.
pub struct Row(pub(crate) RowInner);

pub(crate) enum RowInner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The value in a column, counted from 0.
    pub fn get<T: FromColumn>(&self, column: usize) -> StoreResult<T> {
        T::from_column(self, column)
    }

    fn decode<T>(&self, column: usize) -> StoreResult<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite>
            + sqlx::Type<sqlx::Sqlite>
            + for<'r> sqlx::Decode<'r, sqlx::Postgres>
            + sqlx::Type<sqlx::Postgres>,
    {
        match &self.0 {
            RowInner::Sqlite(row) => row.try_get(column),
            RowInner::Postgres(row) => row.try_get(column),
        }
        .map_err(StoreError::from)
    }
}

/// A type that a column can be read as.
pub trait FromColumn: Sized + Send + Unpin {
    /// Reads the column.
    fn from_column(row: &Row, column: usize) -> StoreResult<Self>;
}

macro_rules! columns {
    ($($target:ty: $stored:ty, |$v:ident| $convert:expr;)+) => {$(
        impl FromColumn for $target {
            fn from_column(row: &Row, column: usize) -> StoreResult<Self> {
                row.decode::<$stored>(column).map(|$v| $convert)
            }
        }
        impl FromColumn for Option<$target> {
            fn from_column(row: &Row, column: usize) -> StoreResult<Self> {
                row.decode::<Option<$stored>>(column).map(|option| option.map(|$v| $convert))
            }
        }
    )+};
}

columns! {
    i64: i64, |v| v;
    bool: bool, |v| v;
    String: String, |v| v;
    Vec<u8>: Vec<u8>, |v| v;
    Uuid: Uuid, |v| v;
    kernel::OrgId: Uuid, |v| kernel::OrgId::from_uuid(v);
    kernel::UserId: Uuid, |v| kernel::UserId::from_uuid(v);
    kernel::SessionId: Uuid, |v| kernel::SessionId::from_uuid(v);
    kernel::KeyId: Uuid, |v| kernel::KeyId::from_uuid(v);
    kernel::RequestId: Uuid, |v| kernel::RequestId::from_uuid(v);
    kernel::AdmissionId: Uuid, |v| kernel::AdmissionId::from_uuid(v);
    kernel::InvitationId: Uuid, |v| kernel::InvitationId::from_uuid(v);
    kernel::SubscriptionId: Uuid, |v| kernel::SubscriptionId::from_uuid(v);
    kernel::AuditId: Uuid, |v| kernel::AuditId::from_uuid(v);
    kernel::MessageId: Uuid, |v| kernel::MessageId::from_uuid(v);
    kernel::DueId: Uuid, |v| kernel::DueId::from_uuid(v);
    kernel::BlueprintVersionId: Uuid, |v| kernel::BlueprintVersionId::from_uuid(v);
    kernel::SigningKeyId: Uuid, |v| kernel::SigningKeyId::from_uuid(v);
    kernel::ProjectId: Uuid, |v| kernel::ProjectId::from_uuid(v);
    kernel::TeamId: Uuid, |v| kernel::TeamId::from_uuid(v);
    kernel::HoldId: Uuid, |v| kernel::HoldId::from_uuid(v);
    kernel::ServiceId: Uuid, |v| kernel::ServiceId::from_uuid(v);
    kernel::EventId: Uuid, |v| kernel::EventId::from_uuid(v);
    kernel::ItemId: Uuid, |v| kernel::ItemId::from_uuid(v);
    kernel::InvoiceId: Uuid, |v| kernel::InvoiceId::from_uuid(v);
    kernel::CreditNoteId: Uuid, |v| kernel::CreditNoteId::from_uuid(v);
    kernel::BalanceId: Uuid, |v| kernel::BalanceId::from_uuid(v);
    kernel::OneOffId: Uuid, |v| kernel::OneOffId::from_uuid(v);
    kernel::OfferId: Uuid, |v| kernel::OfferId::from_uuid(v);
    kernel::Instant: i64, |v| kernel::Instant::from_micros(v);
    kernel::Quantity: i64, |v| kernel::Quantity::from_units(v);
}

/// A type that a whole row can be read as.
pub trait FromRow: Sized + Send + Unpin {
    /// Reads the row.
    fn from_row(row: &Row) -> StoreResult<Self>;
}

macro_rules! tuple_rows {
    ($($name:ident $at:tt),+) => {
        impl<$($name: FromColumn),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row) -> StoreResult<Self> {
                Ok(($(row.get::<$name>($at)?,)+))
            }
        }
    };
}

tuple_rows!(A 0);
tuple_rows!(A 0, B 1);
tuple_rows!(A 0, B 1, C 2);
tuple_rows!(A 0, B 1, C 2, D 3);
tuple_rows!(A 0, B 1, C 2, D 3, E 4);
tuple_rows!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Declares a struct that is read from a row, its fields in the order of the statement's columns.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $kind:ty,)+ }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $kind,)+ }

        impl $crate::FromRow for $name {
            fn from_row(row: &$crate::Row) -> $crate::StoreResult<Self> {
                let mut column = 0..;
                $(let $field = row.get::<$kind>(column.next().unwrap_or(usize::MAX))?;)+
                Ok(Self { $($field,)+ })
            }
        }
    };
}
