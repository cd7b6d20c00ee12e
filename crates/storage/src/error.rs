//! What can go wrong with a store, and what of it the caller of a domain may do something about.

use insula_kernel::{Error, ErrorKind, Span};
use std::fmt;

/// The result of a statement.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a statement or a store failed.
#[derive(Debug)]
pub enum StoreError {
    /// A row with these values exists. `what` is the constraint's name (PostgreSQL) or its columns (SQLite).
    Unique {
        /// The constraint as the engine names it.
        what: String,
    },
    /// A row that this one refers to doesn't exist, or is still referred to.
    ForeignKey,
    /// The store can't be reached or didn't answer in time: another try may succeed.
    Unavailable(sqlx::Error),
    /// No space is left, or the place may not be written.
    Unwritable(sqlx::Error),
    /// A database that must not be used as it is: why, and what to do.
    Refused(String),
    /// Anything else: a mistake of ours.
    Failed(String),
}

impl StoreError {
    /// Whether a row with the same values in these columns of this table exists.
    #[must_use]
    pub fn violates_unique(&self, table: &str, columns: &[&str]) -> bool {
        let Self::Unique { what } = self else { return false };
        let postgres = format!("{table}_{}_key", columns.join("_"));
        let sqlite = columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ");
        // A primary key's constraint is named after its table alone.
        *what == postgres || *what == sqlite || *what == format!("{table}_pkey")
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                if database.is_unique_violation() {
                    let what = database
                        .constraint()
                        .or_else(|| database.message().strip_prefix("UNIQUE constraint failed: "))
                        .unwrap_or_default()
                        .to_owned();
                    return Self::Unique { what };
                }
                if database.is_foreign_key_violation() {
                    return Self::ForeignKey;
                }
                let code = database.code().unwrap_or_default().into_owned();
                if unavailable_code(&code) {
                    Self::Unavailable(error)
                } else if unwritable_code(&code) {
                    Self::Unwritable(error)
                } else {
                    Self::Failed(format!("{error} (code {code})"))
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// SQLite: BUSY, LOCKED and their extended forms. PostgreSQL: connection and shutdown classes, too many connections, a
/// database closed to connections, lost races.
fn unavailable_code(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 5 | 6),
        _ => {
            code.starts_with("08")
                || code.starts_with("57P")
                || code.starts_with("40")
                || code == "53300"
                || code == "55000"
        }
    }
}

/// SQLite: READONLY, IOERR, FULL, CANTOPEN. PostgreSQL: disk full, read-only transaction.
fn unwritable_code(code: &str) -> bool {
    match code.parse::<u32>() {
        Ok(sqlite) if code.len() < 5 => matches!(sqlite & 0xff, 8 | 10 | 13 | 14),
        _ => code == "53100" || code == "25006",
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unique { what } => write!(f, "a row with the same {what} exists"),
            Self::ForeignKey => f.write_str("a row that is referred to doesn't exist"),
            Self::Unavailable(error) => write!(f, "the database can't be reached: {error}"),
            Self::Unwritable(error) => write!(f, "the database can't be written: {error}"),
            Self::Refused(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(error) | Self::Unwritable(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::new(
                ErrorKind::Unavailable,
                "storage.unavailable",
                "The database can't be reached at the moment; nothing was changed. Try again.",
            )
            .retry_after(Span::from_secs(2))
            .caused_by(error),
            StoreError::Unwritable(_) => Self::new(
                ErrorKind::Unavailable,
                "storage.unwritable",
                "Nothing can be written at the moment; nothing was changed. Try again later.",
            )
            .retry_after(Span::from_secs(30))
            .caused_by(error),
            other => Self::internal(other.to_string()),
        }
    }
}
