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
/// has row locks) and `{rows}` (the place where many rows of values stand).
pub struct Statement<S> {
    name: &'static str,
    home: Home,
    text: &'static str,
    params: &'static [Type],
    sqlite: OnceLock<String>,
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
            sqlite: OnceLock::new(),
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
        self.sqlite.get_or_init(|| self.text.replace(LOCK, ""))
    }

    pub(crate) fn postgres(&'static self) -> &'static str {
        self.postgres.get_or_init(|| self.text.replace(LOCK, "FOR UPDATE"))
    }
}

const LOCK: &str = "{lock}";
const ROWS: &str = "{rows}";

/// Puts the placeholders of so many rows in the place of `{rows}`. SQLite finds a numbered placeholder by searching all
/// those before it, so there they go without numbers.
pub(crate) fn expand_rows(sql: &str, columns: usize, rows: usize, numbered: bool) -> String {
    let mut values = String::with_capacity(rows * columns * 6);
    for row in 0..rows {
        values.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            if column > 0 {
                values.push_str(", ");
            }
            if numbered {
                values.push('$');
                values.push_str(&(row * columns + column + 1).to_string());
            } else {
                values.push('?');
            }
        }
        values.push(')');
    }
    sql.replace(ROWS, &values)
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
