//! The schema: migrations written once, forward only, applied under a lock.
//!
//! A migration is SQL with a few tokens (`{id}`, `{int}`, `{bool}`, `{bytes}`, `{instant}`, `{strict}`, and `{clustered}` in
//! the place of `{strict}` for small rows that are best kept in their primary key) and directives:
//!
//! - `--@ tenant <table>(<tenant column>): <verbs>` puts the table under row-level security and lets `insula_tenant`
//!   use the verbs on the current tenant's rows;
//! - `--@ platform <table>: <verbs>` lets `insula_platform` use the verbs, by a policy each where the table has
//!   row-level security;
//! - `--@postgres <statement>` stands for what has no counterpart on SQLite.

use crate::Store;
use std::{
    fmt::Write as _,
    hash::{Hash as _, Hasher as _},
};

/// The roles of an installation on PostgreSQL, in one script for a database administrator to run once.
pub const POSTGRES_ROLES: &str = include_str!("../migrations/postgres-roles.sql");

/// One step of a store's schema.
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    text: &'static str,
}

const JOURNAL: &str = include_str!("../migrations/journal.sql");

macro_rules! migrations {
    ($folder:literal: $($version:literal $name:literal),+) => {
        &[
            Migration { version: 0, name: "journal", text: JOURNAL },
            $(Migration { version: $version, name: $name, text: include_str!(concat!("../migrations/", $folder, "/", $name, ".sql")) },)+
        ]
    };
}

pub(crate) const fn migrations(store: Store) -> &'static [Migration] {
    match store {
        Store::Directory => migrations!("directory":
            1 "0001_accounts_organizations_keys",
            2 "0002_projects_teams_services",
            3 "0003_invitations"
        ),
        Store::Ledger => migrations!("ledger":
            1 "0001_plans_subscriptions_usage",
            2 "0002_metering",
            3 "0003_overage",
            4 "0004_forget_holds",
            5 "0005_billing",
            6 "0006_packs"
        ),
        Store::Tenant => migrations!("tenant": 1 "0001_tenant_store"),
    }
}

/// A number that changes whenever the schema does.
#[must_use]
pub fn schema_fingerprint() -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for migration in Store::ALL.into_iter().flat_map(migrations) {
        migration.postgres().hash(&mut hasher);
    }
    hasher.finish()
}

/// Every table with rows of tenants, with the column that names the tenant.
#[must_use]
pub fn tenant_tables(store: Store) -> Vec<(&'static str, &'static str)> {
    let directives =
        migrations(store).iter().flat_map(|migration| migration.text.lines()).filter_map(Directive::parse);
    directives
        .filter_map(|directive| match directive {
            Directive::Tenant { table, column, .. } => Some((table, column)),
            _ => None,
        })
        .collect()
}

enum Directive<'a> {
    Tenant { table: &'a str, column: &'a str, verbs: &'a str },
    Platform { table: &'a str, verbs: &'a str },
    Postgres(&'a str),
}

impl<'a> Directive<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        if let Some(statement) = line.strip_prefix("--@postgres ") {
            return Some(Self::Postgres(statement));
        }
        let (kind, rest) = line.strip_prefix("--@ ")?.split_once(' ')?;
        let (subject, verbs) = rest.split_once(':')?;
        match kind {
            "tenant" => {
                let (table, column) = subject.strip_suffix(')')?.split_once('(')?;
                Some(Self::Tenant { table, column, verbs })
            }
            "platform" => Some(Self::Platform { table: subject, verbs }),
            _ => None,
        }
    }
}

impl Migration {
    pub(crate) fn sqlite(&self) -> String {
        let plain: String =
            self.text.lines().filter(|line| !line.starts_with("--@")).flat_map(|line| [line, "\n"]).collect();
        replace(
            &plain,
            &[
                ("{id}", "BLOB"),
                ("{int}", "INTEGER"),
                ("{bool}", "INTEGER"),
                ("{bytes}", "BLOB"),
                ("{instant}", "INTEGER"),
                ("{strict}", " STRICT"),
                ("{clustered}", " STRICT, WITHOUT ROWID"),
            ],
        )
    }

    pub(crate) fn postgres(&self) -> String {
        let secured: Vec<&str> = self
            .text
            .lines()
            .filter_map(|line| match Directive::parse(line) {
                Some(Directive::Tenant { table, .. }) => Some(table),
                _ => None,
            })
            .collect();
        let mut out = String::new();
        for line in self.text.lines() {
            match Directive::parse(line) {
                None => out.extend([line, "\n"]),
                Some(Directive::Postgres(statement)) => out.extend([statement, "\n"]),
                Some(Directive::Tenant { table, column, verbs }) => secure(&mut out, table, column, verbs),
                Some(Directive::Platform { table, verbs }) => {
                    grant(&mut out, table, verbs, secured.contains(&table));
                }
            }
        }
        replace(
            &out,
            &[
                ("{id}", "UUID"),
                ("{int}", "BIGINT"),
                ("{bool}", "BOOLEAN"),
                ("{bytes}", "BYTEA"),
                ("{instant}", "BIGINT"),
                ("{strict}", ""),
                ("{clustered}", ""),
            ],
        )
    }
}

fn replace(text: &str, tokens: &[(&str, &str)]) -> String {
    tokens.iter().fold(text.to_owned(), |text, (token, with)| text.replace(token, with))
}

/// Row-level security for a tenant's table: forced for its owner too, and closed where no tenant is set.
fn secure(out: &mut String, table: &str, column: &str, verbs: &str) {
    // After a commit a transaction's own setting reads as '', not as NULL.
    let own = format!("{column} = (SELECT NULLIF(current_setting('insula.tenant', true), '')::uuid)");
    let _ = writeln!(
        out,
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n\
         ALTER TABLE {table} FORCE ROW LEVEL SECURITY;\n\
         CREATE POLICY {table}_tenant ON {table} TO insula_tenant USING ({own}) WITH CHECK ({own});\n\
         GRANT {verbs} ON {table} TO insula_tenant;",
        verbs = verbs.trim().to_uppercase(),
    );
}

fn grant(out: &mut String, table: &str, verbs: &str, secured: bool) {
    let verbs: Vec<String> = verbs.split(',').map(|verb| verb.trim().to_uppercase()).collect();
    let _ = writeln!(out, "GRANT {} ON {table} TO insula_platform;", verbs.join(", "));
    for verb in verbs.iter().filter(|_| secured) {
        let rule = match verb.as_str() {
            "INSERT" => "WITH CHECK (true)",
            "UPDATE" => "USING (true) WITH CHECK (true)",
            _ => "USING (true)",
        };
        let name = verb.to_lowercase();
        let _ = writeln!(
            out,
            "CREATE POLICY {table}_platform_{name} ON {table} FOR {verb} TO insula_platform {rule};"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_directive() {
        for store in Store::ALL {
            for migration in migrations(store) {
                for line in migration.text.lines().filter_map(|line| line.strip_prefix("CREATE TABLE ")) {
                    let table = line.trim_end_matches(" (");
                    assert!(
                        migration.text.contains(&format!("--@ platform {table}:")),
                        "{table} of {}",
                        store.name()
                    );
                }
            }
        }
    }

    #[test]
    fn every_line_that_looks_like_a_directive_is_one() {
        for migration in Store::ALL.into_iter().flat_map(migrations) {
            for line in migration.text.lines().filter(|line| line.starts_with("--@")) {
                assert!(Directive::parse(line).is_some(), "{}: {line}", migration.name);
            }
        }
    }
}
