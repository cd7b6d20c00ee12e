//! Transactions. A connection is never handed out: what runs is a catalogued statement with typed values.

use crate::{
    FromRow, Platform, Row, Statement, Store, StoreError, StoreResult, Tenant, Type, Value, row::RowInner,
    statement::PIECES,
};
use insula_kernel::OrgId;
use sqlx::{
    Arguments as _, Postgres, SqlStr, Sqlite, Transaction,
    postgres::{PgArguments, PgTypeInfo},
    sqlite::SqliteArguments,
};
use std::sync::Arc;

/// How many rows one statement carries at most where they come as arrays: enough that a round trip doesn't count.
const ROWS_PER_ARRAY: usize = 8_192;

/// A transaction on either engine. Dropped without [`commit`](TenantTx::commit), it leaves no trace.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

enum Bound {
    Sqlite(SqliteArguments),
    Postgres(PgArguments),
}

impl Tx {
    fn bind(&self, values: Vec<Value>) -> StoreResult<Bound> {
        fn failed(error: impl std::fmt::Display) -> StoreError {
            StoreError::Failed(format!("a value can't be bound: {error}"))
        }
        macro_rules! bind_all {
            ($arguments:expr) => {{
                let mut arguments = $arguments;
                for value in values {
                    match value {
                        Value::Id(v) => arguments.add(v),
                        Value::Int(v) => arguments.add(v),
                        Value::Text(v) => arguments.add(v),
                        Value::Bytes(v) => arguments.add(v),
                        Value::Bool(v) => arguments.add(v),
                    }
                    .map_err(failed)?;
                }
                arguments
            }};
        }
        Ok(match self {
            Self::Sqlite(_) => Bound::Sqlite(bind_all!(SqliteArguments::default())),
            Self::Postgres(_) => Bound::Postgres(bind_all!(PgArguments::default())),
        })
    }

    fn text<S>(&self, statement: &'static Statement<S>) -> &'static str {
        match self {
            Self::Sqlite(_) => statement.sqlite(),
            Self::Postgres(_) => statement.postgres(),
        }
    }

    async fn execute(&mut self, sql: SqlStr, values: Vec<Value>) -> StoreResult<u64> {
        let bound = self.bind(values)?;
        self.execute_bound(sql, bound).await
    }

    async fn execute_bound(&mut self, sql: SqlStr, bound: Bound) -> StoreResult<u64> {
        match (self, bound) {
            (Self::Sqlite(tx), Bound::Sqlite(arguments)) => {
                let done = sqlx::query_with::<Sqlite, _>(sql, arguments).execute(&mut **tx).await?;
                Ok(done.rows_affected())
            }
            (Self::Postgres(tx), Bound::Postgres(arguments)) => {
                let done = sqlx::query_with::<Postgres, _>(sql, arguments).execute(&mut **tx).await?;
                Ok(done.rows_affected())
            }
            _ => Err(StoreError::Failed("values of one engine were bound for the other".into())),
        }
    }

    async fn fetch<T: FromRow>(&mut self, sql: SqlStr, values: Vec<Value>) -> StoreResult<Vec<T>> {
        let bound = self.bind(values)?;
        self.fetch_bound(sql, bound).await
    }

    /// Each row is read as it comes: as the engine hands them over, rows take several times the room of what is in them.
    async fn fetch_bound<T: FromRow>(&mut self, sql: SqlStr, bound: Bound) -> StoreResult<Vec<T>> {
        let read: Vec<StoreResult<T>> = match (self, bound) {
            (Self::Sqlite(tx), Bound::Sqlite(arguments)) => {
                let query = sqlx::query_with::<Sqlite, _>(sql, arguments);
                query.map(|row| T::from_row(&Row(RowInner::Sqlite(row)))).fetch_all(&mut **tx).await?
            }
            (Self::Postgres(tx), Bound::Postgres(arguments)) => {
                let query = sqlx::query_with::<Postgres, _>(sql, arguments);
                query.map(|row| T::from_row(&Row(RowInner::Postgres(row)))).fetch_all(&mut **tx).await?
            }
            _ => return Err(StoreError::Failed("values of one engine were bound for the other".into())),
        };
        read.into_iter().collect()
    }

    /// Splits rows into as many as one statement takes.
    fn pieces<S>(
        &self,
        statement: &'static Statement<S>,
        store: Store,
        values: Vec<Value>,
    ) -> StoreResult<Vec<(&'static str, Bound)>> {
        let columns = statement.params().len().max(1);
        if !values.len().is_multiple_of(columns) {
            return Err(StoreError::Failed(format!("{} takes whole rows", statement.name())));
        }
        let mut left = values.len() / columns;
        let mut values = values.into_iter();
        let mut pieces = Vec::new();
        while left > 0 {
            let (rows, text) = match self {
                Self::Sqlite(_) => {
                    let piece = PIECES.iter().position(|rows| *rows <= left).unwrap_or(PIECES.len() - 1);
                    (PIECES[piece], statement.sqlite_piece(piece))
                }
                Self::Postgres(_) => (left.min(ROWS_PER_ARRAY), statement.postgres()),
            };
            left -= rows;
            let piece: Vec<Value> = values.by_ref().take(rows * columns).collect();
            for row in piece.chunks_exact(columns) {
                check(statement, store, row)?;
            }
            let bound = match self {
                Self::Sqlite(_) => self.bind(piece)?,
                Self::Postgres(_) => Bound::Postgres(arrays(statement.params(), piece)?),
            };
            pieces.push((text, bound));
        }
        Ok(pieces)
    }

    async fn fetch_rows<S, T: FromRow>(
        &mut self,
        statement: &'static Statement<S>,
        store: Store,
        values: Vec<Value>,
    ) -> StoreResult<Vec<T>> {
        let mut returned = Vec::new();
        for (text, bound) in self.pieces(statement, store, values)? {
            returned.extend(self.fetch_bound(sql(text), bound).await?);
        }
        Ok(returned)
    }

    async fn execute_rows<S>(
        &mut self,
        statement: &'static Statement<S>,
        store: Store,
        values: Vec<Value>,
    ) -> StoreResult<u64> {
        let mut touched = 0;
        for (text, bound) in self.pieces(statement, store, values)? {
            touched += self.execute_bound(sql(text), bound).await?;
        }
        Ok(touched)
    }

    /// Has the engine parse and plan the statement, with the types of its placeholders.
    pub(crate) async fn prepare<S>(mut self, statement: &'static Statement<S>) -> StoreResult<()> {
        use sqlx::{Executor as _, Statement as _};
        let text = sql(self.text(statement));
        let mut wanted = statement.params().len();
        let found = match &mut self {
            Self::Sqlite(tx) => {
                wanted *= if statement.takes_rows() { PIECES[0] } else { 1 };
                tx.prepare(text).await?.parameters().map(|p| p.right_or(0))
            }
            Self::Postgres(tx) => {
                // Arrays say their types in the text.
                let types = statement.params().iter().map(|kind| postgres_type(*kind));
                let types: Vec<PgTypeInfo> =
                    if statement.takes_rows() { Vec::new() } else { types.collect() };
                tx.prepare_with(text, &types).await?.parameters().map(|p| p.right_or_else(<[_]>::len))
            }
        };
        if found != Some(wanted) {
            return Err(StoreError::Failed(format!(
                "{} has {found:?} placeholders, declares {wanted}",
                statement.name()
            )));
        }
        Ok(())
    }

    async fn commit(self) -> StoreResult<()> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

fn check<S>(statement: &Statement<S>, store: Store, values: &[Value]) -> StoreResult<()> {
    if !statement.home().stores().contains(&store) {
        return Err(StoreError::Failed(format!(
            "{} doesn't run in the {} store",
            statement.name(),
            store.name()
        )));
    }
    if statement.params().iter().copied().eq(values.iter().map(Value::kind)) {
        return Ok(());
    }
    let given: Vec<_> = values.iter().map(Value::kind).collect();
    Err(StoreError::Failed(format!("{} takes {:?}, not {given:?}", statement.name(), statement.params())))
}

fn postgres_type(kind: Type) -> PgTypeInfo {
    match kind {
        Type::Id => <uuid::Uuid as sqlx::Type<Postgres>>::type_info(),
        Type::Int => <i64 as sqlx::Type<Postgres>>::type_info(),
        Type::Text => <String as sqlx::Type<Postgres>>::type_info(),
        Type::Bytes => <Vec<u8> as sqlx::Type<Postgres>>::type_info(),
        Type::Bool => <bool as sqlx::Type<Postgres>>::type_info(),
    }
}

/// The columns of these rows, each as one array.
fn arrays(columns: &[Type], rows: Vec<Value>) -> StoreResult<PgArguments> {
    let count = rows.len() / columns.len().max(1);
    let mut arrays: Vec<Array> = columns.iter().map(|kind| Array::with_capacity(*kind, count)).collect();
    for (at, value) in rows.into_iter().enumerate() {
        match (&mut arrays[at % columns.len()], value) {
            (Array::Id(array), Value::Id(value)) => array.push(value),
            (Array::Int(array), Value::Int(value)) => array.push(value),
            (Array::Text(array), Value::Text(value)) => array.push(value),
            (Array::Bytes(array), Value::Bytes(value)) => array.push(value),
            (Array::Bool(array), Value::Bool(value)) => array.push(value),
            _ => return Err(StoreError::Failed("a value has another type than its column".into())),
        }
    }
    let mut arguments = PgArguments::default();
    for array in arrays {
        match array {
            Array::Id(array) => arguments.add(array),
            Array::Int(array) => arguments.add(array),
            Array::Text(array) => {
                let texts: Vec<Option<&str>> = array.iter().map(Option::as_deref).collect();
                arguments.add(texts)
            }
            Array::Bytes(array) => arguments.add(array),
            Array::Bool(array) => arguments.add(array),
        }
        .map_err(|error| StoreError::Failed(format!("a column can't be bound: {error}")))?;
    }
    Ok(arguments)
}

/// The values of one column.
enum Array {
    Id(Vec<Option<uuid::Uuid>>),
    Int(Vec<Option<i64>>),
    Text(Vec<Option<Arc<str>>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Bool(Vec<Option<bool>>),
}

impl Array {
    fn with_capacity(kind: Type, count: usize) -> Self {
        match kind {
            Type::Id => Self::Id(Vec::with_capacity(count)),
            Type::Int => Self::Int(Vec::with_capacity(count)),
            Type::Text => Self::Text(Vec::with_capacity(count)),
            Type::Bytes => Self::Bytes(Vec::with_capacity(count)),
            Type::Bool => Self::Bool(Vec::with_capacity(count)),
        }
    }
}

fn sql(text: &'static str) -> SqlStr {
    sqlx::SqlSafeStr::into_sql_str(text)
}

macro_rules! transaction_methods {
    ($scope:ident) => {
        /// Runs a statement and says how many rows it touched.
        pub async fn execute(
            &mut self,
            statement: &'static Statement<$scope>,
            values: Vec<Value>,
        ) -> StoreResult<u64> {
            let values = self.complete(statement, values)?;
            let text = sql(self.tx.text(statement));
            self.tx.execute(text, values).await
        }

        /// Runs a statement and reads every row it returns.
        pub async fn fetch_all<T: FromRow>(
            &mut self,
            statement: &'static Statement<$scope>,
            values: Vec<Value>,
        ) -> StoreResult<Vec<T>> {
            let values = self.complete(statement, values)?;
            let text = sql(self.tx.text(statement));
            self.tx.fetch(text, values).await
        }

        /// Runs a statement that returns at most one row.
        pub async fn fetch_optional<T: FromRow>(
            &mut self,
            statement: &'static Statement<$scope>,
            values: Vec<Value>,
        ) -> StoreResult<Option<T>> {
            Ok(self.fetch_all(statement, values).await?.into_iter().next())
        }

        /// Runs a statement that returns exactly one row.
        pub async fn fetch_one<T: FromRow>(
            &mut self,
            statement: &'static Statement<$scope>,
            values: Vec<Value>,
        ) -> StoreResult<T> {
            self.fetch_optional(statement, values)
                .await?
                .ok_or_else(|| StoreError::Failed(format!("{} returned no row", statement.name())))
        }

        /// Makes everything that the transaction did permanent.
        pub async fn commit(self) -> StoreResult<()> {
            self.tx.commit().await
        }
    };
}

/// A transaction inside one tenant. `$1` of each of its statements is the tenant, bound here and nowhere else.
pub struct TenantTx {
    tx: Tx,
    store: Store,
    org: OrgId,
}

impl TenantTx {
    pub(crate) const fn new(tx: Tx, store: Store, org: OrgId) -> Self {
        Self { tx, store, org }
    }

    /// The tenant.
    #[must_use]
    pub const fn org(&self) -> OrgId {
        self.org
    }

    fn complete(&self, statement: &Statement<Tenant>, rest: Vec<Value>) -> StoreResult<Vec<Value>> {
        let mut values = Vec::with_capacity(rest.len() + 1);
        values.push(Value::from(self.org));
        values.extend(rest);
        check(statement, self.store, &values)?;
        Ok(values)
    }

    transaction_methods!(Tenant);
}

/// A transaction across tenants, for operators and the platform's own workers.
pub struct PlatformTx {
    tx: Tx,
    store: Store,
}

impl PlatformTx {
    pub(crate) const fn new(tx: Tx, store: Store) -> Self {
        Self { tx, store }
    }

    fn complete(&self, statement: &Statement<Platform>, values: Vec<Value>) -> StoreResult<Vec<Value>> {
        check(statement, self.store, &values)?;
        Ok(values)
    }

    /// Runs a statement that takes many rows, in as few round trips as the engines allow, and reads what it returns. The
    /// values stand row after row. Rows with the same values in a unique key must not meet where a conflict updates.
    pub async fn fetch_rows<T: FromRow>(
        &mut self,
        statement: &'static Statement<Platform>,
        values: Vec<Value>,
    ) -> StoreResult<Vec<T>> {
        debug_assert!(statement.takes_rows(), "{} has no place for rows", statement.name());
        self.tx.fetch_rows(statement, self.store, values).await
    }

    /// The same for a statement that returns nothing; says how many rows it touched.
    pub async fn execute_rows(
        &mut self,
        statement: &'static Statement<Platform>,
        values: Vec<Value>,
    ) -> StoreResult<u64> {
        debug_assert!(statement.takes_rows(), "{} has no place for rows", statement.name());
        self.tx.execute_rows(statement, self.store, values).await
    }

    transaction_methods!(Platform);
}
