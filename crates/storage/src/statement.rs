//! The catalogue: every statement that may run, with the types of its placeholders.

use std::{marker::PhantomData, sync::OnceLock};

use crate::Store;

/// The store that a statement runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    /// The directory.
    Directory,
    /// The ledger.
    Ledger,
    /// A tenant's own store.
    Tenant,
    /// Any of the three: the journal's tables stand in each.
    Every,
}

impl Home {
    /// The stores it stands for.
    #[must_use]
    pub const fn stores(self) -> &'static [Store] {
        match self {
            Self::Directory => &[Store::Directory],
            Self::Ledger => &[Store::Ledger],
            Self::Tenant => &[Store::Tenant],
            Self::Every => &Store::ALL,
        }
    }
}

/// The type of a placeholder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// An id.
    Id,
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// True or false.
    Bool,
}

/// Marks statements that run inside one tenant: their `$1` is the tenant, bound by the transaction itself.
#[derive(Debug)]
pub enum Tenant {}

/// Marks statements that may touch rows of many tenants.
#[derive(Debug)]
pub enum Platform {}

/// A statement that may run. Made by [`statements!`](crate::statements) only.
///
/// Its text is the same for both engines, apart from the tokens `{lock}` (takes the rows for writing where an engine
/// has row locks) and `{rows}`, which follows the word `VALUES` (the place where many rows of values stand).
pub struct Statement<S> {
    name: &'static str,
    home: Home,
    text: &'static str,
    params: &'static [Type],
    /// The texts for an engine, those that take rows by the number of rows.
    sqlite: [OnceLock<String>; PIECES.len()],
    postgres: OnceLock<String>,
    scope: PhantomData<fn() -> S>,
}

impl<S> Statement<S> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, home: Home, text: &'static str, params: &'static [Type]) -> Self {
        Self {
            name,
            home,
            text,
            params,
            sqlite: [const { OnceLock::new() }; PIECES.len()],
            postgres: OnceLock::new(),
            scope: PhantomData,
        }
    }

    /// What the statement is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where it runs.
    #[must_use]
    pub const fn home(&self) -> Home {
        self.home
    }

    /// The text as it was written.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The types of its placeholders; of one row where the statement takes many.
    #[must_use]
    pub const fn params(&self) -> &'static [Type] {
        self.params
    }

    pub(crate) fn takes_rows(&self) -> bool {
        self.text.contains(ROWS)
    }

    pub(crate) fn sqlite(&'static self) -> &'static str {
        self.sqlite_piece(0)
    }

    /// The text for as many rows as the piece of this number has.
    pub(crate) fn sqlite_piece(&'static self, piece: usize) -> &'static str {
        let text = || with_placeholders(&self.text.replace(LOCK, ""), self.params.len(), PIECES[piece]);
        self.sqlite[piece].get_or_init(text)
    }

    /// The text; where it takes rows, each of its parameters is an array.
    pub(crate) fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| with_arrays(&self.text.replace(LOCK, "FOR UPDATE"), self.params))
    }
}

const LOCK: &str = "{lock}";
const ROWS: &str = "VALUES {rows}";

/// `VALUES` with this many rows, where an engine takes rows as placeholders of their own. Few different numbers, since each
/// makes a statement of its own that the engine keeps prepared.
pub(crate) const PIECES: [usize; 8] = [128, 64, 32, 16, 8, 4, 2, 1];

/// The text for so many rows, each of whose values has a placeholder. Without numbers: SQLite finds a numbered one by
/// searching all those before it.
fn with_placeholders(sql: &str, columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    sql.replace(ROWS, &format!("VALUES {}", vec![row.as_str(); rows].join(", ")))
}

/// The text for any number of rows, each of whose columns comes as one array.
fn with_arrays(sql: &str, columns: &[Type]) -> String {
    let array = |(column, kind): (usize, &Type)| {
        let kind = match kind {
            Type::Id => "uuid",
            Type::Int => "bigint",
            Type::Text => "text",
            Type::Bytes => "bytea",
            Type::Bool => "boolean",
        };
        format!("${}::{kind}[]", column + 1)
    };
    let arrays: Vec<_> = columns.iter().enumerate().map(array).collect();
    sql.replace(ROWS, &format!("SELECT * FROM UNNEST({})", arrays.join(", ")))
}

/// Declares the statements of a domain and a catalogue that lists them.
///
/// ```ignore
/// statements! {
///     catalogue TENANT_STATEMENTS of Tenant;
///     Directory LIST_MEMBERS(after: Id, limit: Int) = "SELECT … WHERE tenant_id = $1 AND user_id > $2 … LIMIT $3";
/// }
/// ```
#[macro_export]
macro_rules! statements {
    (catalogue $catalogue:ident of $scope:ident; $($store:ident $name:ident($($param:ident: $type:ident),* $(,)?) = $sql:expr;)+) => {
        $(pub(crate) static $name: $crate::Statement<$crate::$scope> = $crate::Statement::new(
            stringify!($name),
            $crate::Home::$store,
            $sql,
            &[$($crate::Type::$type),*],
        );)+

        /// Every statement of this kind in this domain.
        pub static $catalogue: &[&$crate::Statement<$crate::$scope>] = &[$(&$name),+];
    };
}
