//! Users: people who can sign in.

use crate::{
    PasswordHasher,
    store::{
        ALL_OPERATORS, COUNT_ALL, COUNT_OPERATORS, FIND_CREDENTIALS, FIND_USER, INSERT_USER, LIST_USERS,
        LOCK_USER, RENAME_USER, SIGN_IN_FAILED, SIGNED_IN,
    },
};
use insula_access::{AuthorizedOperator, ListUsers, ReadOverview};
use insula_kernel::{
    Env, Error, ErrorKind, FieldError, Instant, Page, PageRequest, Result, Secret, Span, UserId,
};
use insula_storage::{PlatformTx, Storage, Store, Worker, args, row};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Wrong passwords in a row before an account is locked.
const FREE_ATTEMPTS: i64 = 5;
/// How long the first lock holds; each further wrong password doubles it.
const FIRST_LOCK: Span = Span::from_secs(30);
const LONGEST_LOCK: Span = Span::from_hours(1);

row! {
    /// A user.
    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    pub struct User {
        /// Their id.
        pub id: UserId,
        /// Their e-mail address, as they wrote it.
        pub email: String,
        /// What others see.
        pub display_name: String,
        /// Whether they are one of the operator's staff.
        pub is_operator: bool,
        /// Since when they have an account.
        pub created_at: Instant,
        /// When they last signed in.
        pub last_sign_in_at: Option<Instant>,
    }
}

row! {
    struct Credentials {
        id: UserId,
        password_hash: String,
        failed_sign_ins: i64,
        locked_until: Option<Instant>,
    }
}

/// An e-mail address that mail can be sent to; what it is compared by is folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    text: String,
    folded: String,
}

impl Email {
    /// Checks the form of an address: enough to catch mistakes, the rest is proved by mail (RFC 5321, section 4.5.3.1).
    pub fn check(text: &str, pointer: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let valid = text.split_once('@').is_some_and(|(local, domain)| {
            let label =
                |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
            (1..=64).contains(&local.len())
                && domain.len() <= 253
                && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c))
                && !domain.contains('@')
                && domain.split('.').all(label)
        });
        if !valid {
            let detail = "An e-mail address looks like ada@example.com.".to_owned();
            return Err(FieldError { pointer: pointer.to_owned(), code: "malformed", detail });
        }
        Ok(Self { folded: text.to_lowercase(), text: text.to_owned() })
    }

    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it is compared by.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// A new user.
pub struct NewUser {
    /// Their address.
    pub email: Email,
    /// What others see.
    pub display_name: String,
    /// The hash of their password.
    pub password_hash: String,
    /// Whether they are one of the operator's staff.
    pub is_operator: bool,
}

/// Adds a user.
pub async fn create(tx: &mut PlatformTx, env: &Env, new: &NewUser) -> Result<User> {
    let (id, now) = (UserId::generate(env), env.now());
    let values = args![
        id,
        new.email.text.as_str(),
        new.email.folded.as_str(),
        new.display_name.as_str(),
        new.password_hash.as_str(),
        new.is_operator,
        now
    ];
    tx.execute(&INSERT_USER, values).await.map_err(|error| {
        if error.violates_unique("user_account", &["email_folded"]) { email_taken() } else { error.into() }
    })?;
    get(tx, id).await
}

/// The error for an address that has an account.
#[must_use]
pub fn email_taken() -> Error {
    let detail = "This address has an account already; sign in with it.";
    Error::conflict_at("/owner/email", "identity.email_taken", detail)
}

/// Whether an address has an account.
pub async fn exists(tx: &mut PlatformTx, email: &Email) -> Result<bool> {
    let found: Option<Credentials> =
        tx.fetch_optional(&FIND_CREDENTIALS, args![email.folded.as_str()]).await?;
    Ok(found.is_some())
}

/// A page of everyone who has an account and whose address or name contains a text.
pub async fn list(
    tx: &mut PlatformTx,
    _proof: &AuthorizedOperator<ListUsers>,
    contains: &str,
    page: PageRequest,
) -> Result<Page<User>> {
    let after = page.after.map_or(UserId::MIN, |cursor| UserId::from_uuid(cursor.id()));
    let rows =
        tx.fetch_all(&LIST_USERS, args![after, insula_tenancy::pattern(contains), page.limit + 1]).await?;
    Ok(Page::cut(rows, page, |user: &User| user.id.uuid()))
}

/// How many accounts there are, and how many API keys in use.
pub async fn count_all(
    tx: &mut PlatformTx,
    now: Instant,
    _proof: &AuthorizedOperator<ReadOverview>,
) -> Result<(i64, i64)> {
    Ok(tx.fetch_one(&COUNT_ALL, args![now]).await?)
}

/// A user.
pub async fn get(tx: &mut PlatformTx, id: UserId) -> Result<User> {
    tx.fetch_optional(&FIND_USER, args![id]).await?.ok_or_else(|| Error::not_found("user"))
}

/// Changes what others see of a user.
pub async fn rename(tx: &mut PlatformTx, env: &Env, id: UserId, display_name: &str) -> Result<User> {
    tx.execute(&RENAME_USER, args![id, display_name, env.now()]).await?;
    get(tx, id).await
}

/// Whether anyone of the operator's staff has an account.
pub async fn has_operators(tx: &mut PlatformTx) -> Result<bool> {
    let (count,): (i64,) = tx.fetch_one(&COUNT_OPERATORS, args![]).await?;
    Ok(count > 0)
}

/// Everyone of the operator's staff.
pub async fn operators(tx: &mut PlatformTx) -> Result<Vec<UserId>> {
    let rows: Vec<(UserId,)> = tx.fetch_all(&ALL_OPERATORS, args![]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Checks an address and a password. Wrong ones are answered alike, whether the address has an account or not, and in
/// the same time; after some in a row the account is locked for a growing while.
pub async fn authenticate(
    storage: &Storage,
    env: &Env,
    hasher: &PasswordHasher,
    email: &Email,
    password: Secret<String>,
) -> Result<User> {
    let mut tx = storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    let found: Option<Credentials> =
        tx.fetch_optional(&FIND_CREDENTIALS, args![email.folded.as_str()]).await?;
    // The hash takes long: no transaction waits for it.
    drop(tx);
    if let Some(until) =
        found.as_ref().and_then(|found| found.locked_until).filter(|until| *until > env.now())
    {
        return Err(locked(until.saturating_since(env.now())));
    }
    let stored = found.as_ref().map(|found| found.password_hash.clone());
    let matches = hasher.verify(password, stored).await?;
    let Some(found) = found else { return Err(wrong()) };
    let mut tx = storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    if !matches {
        let (failed,): (i64,) = tx.fetch_one(&SIGN_IN_FAILED, args![found.id]).await?;
        if failed >= FREE_ATTEMPTS {
            tx.execute(&LOCK_USER, args![found.id, env.now() + lock_span(failed)]).await?;
        }
        tx.commit().await?;
        tracing::info!(user = %found.id, failed = failed.max(found.failed_sign_ins), "sign-in refused");
        return Err(wrong());
    }
    tx.execute(&SIGNED_IN, args![found.id, env.now()]).await?;
    let user = get(&mut tx, found.id).await?;
    tx.commit().await?;
    Ok(user)
}

fn lock_span(failed: i64) -> Span {
    let doublings = u32::try_from(failed - FREE_ATTEMPTS).unwrap_or(0).min(20);
    Span::from_micros(FIRST_LOCK.as_micros() << doublings).min(LONGEST_LOCK)
}

fn wrong() -> Error {
    let detail = "The e-mail address or the password is wrong.";
    Error::new(ErrorKind::Unauthenticated, "identity.credentials_wrong", detail)
}

fn locked(wait: Span) -> Error {
    let detail = format!("Too many wrong passwords; try again in {} seconds.", wait.ceil_secs());
    Error::new(ErrorKind::TooManyRequests, "identity.locked", detail).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_form_of_one() {
        for good in ["ada@example.com", "ada.l+x@mail.example.co.uk", "ada@localhost", "あだ@例え.jp"] {
            assert!(Email::check(good, "/email").is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "a da@example.com",
            "ada@exa mple.com",
            "ada@@example.com",
            "ada@ex..com",
            "<ada@example.com>",
            "ada\0@example.com",
        ] {
            assert!(Email::check(bad, "/email").is_err(), "{bad:?}");
        }
        assert_eq!(Email::check("Ada@Example.com", "").unwrap().folded, "ada@example.com");
    }

    #[test]
    fn locks_grow_up_to_an_hour() {
        assert_eq!(lock_span(5), Span::from_secs(30));
        assert_eq!(lock_span(6), Span::from_secs(60));
        assert_eq!(lock_span(5_000), Span::from_hours(1));
    }
}
