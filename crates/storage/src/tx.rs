//! Transactions. A connection is never handed out: what runs is a catalogued statement with typed values.

use crate::{
    FromRow, Platform, Row, Statement, Store, StoreError, StoreResult, Tenant, Type, Value, row::RowInner,
    statement::expand_rows,
};
use insula_kernel::OrgId;
use sqlx::{
    Arguments as _, AssertSqlSafe, Postgres, SqlStr, Sqlite, Transaction,
    postgres::{PgArguments, PgTypeInfo},
    sqlite::SqliteArguments,
};

/// How many rows one statement carries at most: few enough for every engine's limit on placeholders.
const ROWS_PER_STATEMENT: usize = 250;

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

    const fn numbers(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    async fn execute(&mut self, sql: SqlStr, values: Vec<Value>) -> StoreResult<u64> {
        let bound = self.bind(values)?;
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
        match (self, bound) {
            (Self::Sqlite(tx), Bound::Sqlite(arguments)) => {
                let rows = sqlx::query_with::<Sqlite, _>(sql, arguments).fetch_all(&mut **tx).await?;
                rows.into_iter().map(|row| T::from_row(&Row(RowInner::Sqlite(row)))).collect()
            }
            (Self::Postgres(tx), Bound::Postgres(arguments)) => {
                let rows = sqlx::query_with::<Postgres, _>(sql, arguments).fetch_all(&mut **tx).await?;
                rows.into_iter().map(|row| T::from_row(&Row(RowInner::Postgres(row)))).collect()
            }
            _ => Err(StoreError::Failed("values of one engine were bound for the other".into())),
        }
    }

    async fn fetch_rows<S, T: FromRow>(
        &mut self,
        statement: &'static Statement<S>,
        store: Store,
        mut rows: Vec<Vec<Value>>,
    ) -> StoreResult<Vec<T>> {
        let mut returned = Vec::new();
        while !rows.is_empty() {
            let chunk: Vec<_> = rows.drain(..rows.len().min(ROWS_PER_STATEMENT)).collect();
            for row in &chunk {
                check(statement, store, row)?;
            }
            let sql =
                expand_rows(self.text(statement), statement.params().len(), chunk.len(), self.numbers());
            let values = chunk.into_iter().flatten().collect();
            // The text is a catalogued statement; only numbered placeholders were added to it.
            returned.extend(self.fetch(sqlx::SqlSafeStr::into_sql_str(AssertSqlSafe(sql)), values).await?);
        }
        Ok(returned)
    }

    /// Has the engine parse and plan the statement, with the types of its placeholders.
    pub(crate) async fn prepare<S>(mut self, statement: &'static Statement<S>) -> StoreResult<()> {
        use sqlx::{Executor as _, SqlSafeStr as _, Statement as _};
        let text = expand_rows(self.text(statement), statement.params().len(), 2, self.numbers());
        let text = AssertSqlSafe(text).into_sql_str();
        let wanted = statement.params().len() * if statement.takes_rows() { 2 } else { 1 };
        let found = match &mut self {
            Self::Sqlite(tx) => tx.prepare(text).await?.parameters().map(|p| p.right_or(0)),
            Self::Postgres(tx) => {
                let types = statement.params().iter().cycle().take(wanted).map(|kind| postgres_type(*kind));
                let types: Vec<PgTypeInfo> = types.collect();
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

    /// Runs a statement that takes many rows, in as few round trips as the engines allow, and reads what it returns.
    pub async fn fetch_rows<T: FromRow>(
        &mut self,
        statement: &'static Statement<Platform>,
        rows: Vec<Vec<Value>>,
    ) -> StoreResult<Vec<T>> {
        debug_assert!(statement.takes_rows(), "{} has no place for rows", statement.name());
        self.tx.fetch_rows(statement, self.store, rows).await
    }

    transaction_methods!(Platform);
}
