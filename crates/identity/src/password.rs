//! Passwords: hashed slowly, in a bounded pool of threads of their own.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use insula_kernel::{Env, Error, ErrorKind, FieldError, Result, Secret, Span};
use std::sync::{Arc, mpsc};
use tokio::sync::oneshot;

/// The least and the greatest number of characters (NIST SP 800-63B-4, section 3.1.1.2: at least 15 where the password
/// is the only factor is the goal, 8 the floor with a second factor; we ask for 10 and meter guesses).
const LENGTHS: std::ops::RangeInclusive<usize> = 10..=256;
/// 19 MiB, two passes, one lane: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes that may wait; beyond it a sign-in is told to come back.
const QUEUE: usize = 2_048;

/// Passwords that everyone tries first.
const COMMON: &[&str] = &[
    "password12",
    "password123",
    "password1234",
    "1234567890",
    "0123456789",
    "12345678910",
    "qwertyuiop",
    "qwerty1234",
    "qwerty12345",
    "iloveyou12",
    "letmein123",
    "welcome123",
    "admin12345",
    "administrator",
    "changeme123",
    "passw0rd123",
    "abcdefghij",
    "aaaaaaaaaa",
    "1111111111",
    "0000000000",
    "1q2w3e4r5t",
];

/// A password that may be used.
pub struct Password(Secret<String>);

impl Password {
    /// Checks a new password. Any characters are welcome; length is what counts.
    pub fn check(text: Secret<String>, pointer: &str, email: &str) -> Result<Self, FieldError> {
        let refuse = |code, detail: String| Err(FieldError { pointer: pointer.to_owned(), code, detail });
        let length = text.expose().chars().count();
        if !LENGTHS.contains(&length) {
            let detail = format!(
                "A password has {} to {} characters; this one has {length}.",
                LENGTHS.start(),
                LENGTHS.end()
            );
            return refuse("length", detail);
        }
        let folded = text.expose().to_lowercase();
        if COMMON.contains(&folded.as_str()) || folded == email.to_lowercase() {
            return refuse(
                "too_common",
                "This password is among the first that are guessed; choose another.".into(),
            );
        }
        Ok(Self(text))
    }
}

enum Job {
    Hash { password: Secret<String>, salt: [u8; 16], reply: oneshot::Sender<String> },
    Verify { password: Secret<String>, stored: Option<String>, reply: oneshot::Sender<bool> },
}

/// The pool that hashes passwords, so that a flood of sign-ins takes neither the memory nor the threads of others.
#[derive(Clone)]
pub struct PasswordHasher {
    jobs: mpsc::SyncSender<Job>,
    env: Env,
}

impl PasswordHasher {
    /// Starts a pool of so many threads, each with 19 MiB of its own.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a process that can't start a thread at its start can't serve")]
    pub fn start(threads: usize, env: Env) -> Self {
        let (jobs, queue) = mpsc::sync_channel::<Job>(QUEUE);
        let queue = Arc::new(std::sync::Mutex::new(queue));
        for number in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&queue))
                .expect("a thread for hashing passwords");
        }
        Self { jobs, env }
    }

    /// The hash to store of a password, in PHC string format.
    pub async fn hash(&self, password: Password) -> Result<String> {
        let mut salt = [0u8; 16];
        self.env.rng.fill(&mut salt);
        let (reply, result) = oneshot::channel();
        self.send(Job::Hash { password: password.0, salt, reply })?;
        result.await.map_err(|_| Error::internal("the password pool is gone"))
    }

    /// Whether a password is the one of which `stored` is the hash. Without a hash it takes as long and is false, so
    /// that time doesn't tell which accounts exist.
    pub async fn verify(&self, password: Secret<String>, stored: Option<String>) -> Result<bool> {
        let (reply, result) = oneshot::channel();
        self.send(Job::Verify { password, stored, reply })?;
        result.await.map_err(|_| Error::internal("the password pool is gone"))
    }

    fn send(&self, job: Job) -> Result<()> {
        self.jobs.try_send(job).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "identity.busy", "Too many sign-ins at the moment; try again.")
                .retry_after(Span::from_secs(2))
        })
    }
}

#[expect(clippy::expect_used, reason = "the parameters are constants within argon2's bounds")]
fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("valid parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[expect(clippy::expect_used, reason = "the parameters and the salt are of valid size")]
fn hash(password: &str, salt: &[u8]) -> String {
    argon2().hash_password_with_salt(password.as_bytes(), salt).expect("a hash").to_string()
}

fn verify(password: &str, stored: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    argon2().verify_password(password.as_bytes(), &stored).is_ok()
}

fn work(queue: &std::sync::Mutex<mpsc::Receiver<Job>>) {
    let nobody = hash("nobody has this password", &[0; 16]);
    loop {
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        // Who has gone away doesn't need the answer.
        match job {
            Ok(Job::Hash { password, salt, reply }) if !reply.is_closed() => {
                let _ = reply.send(hash(password.expose(), &salt));
            }
            Ok(Job::Verify { password, stored, reply }) if !reply.is_closed() => {
                let matches = verify(password.expose(), stored.as_ref().unwrap_or(&nobody));
                let _ = reply.send(matches && stored.is_some());
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Password, FieldError> {
        Password::check(Secret::new(text.into()), "/password", "ada@example.com")
    }

    #[test]
    fn a_password_is_long_enough_and_not_the_first_guess() {
        assert!(check("correct horse").is_ok());
        assert!(check("パスワードは十文字以上").is_ok());
        assert_eq!(check("short").err().map(|error| error.code), Some("length"));
        assert_eq!(check(&"x".repeat(300)).err().map(|error| error.code), Some("length"));
        assert_eq!(check("Password123").err().map(|error| error.code), Some("too_common"));
        assert_eq!(check("Ada@example.com").err().map(|error| error.code), Some("too_common"));
    }

    #[tokio::test]
    async fn only_the_same_password_matches_its_hash() {
        let hasher = PasswordHasher::start(1, Env::system());
        let stored = hasher.hash(check("correct horse").unwrap()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = |text: &str, stored| hasher.verify(Secret::new(text.to_owned()), stored);
        assert!(verify("correct horse", Some(stored.clone())).await.unwrap());
        assert!(!verify("correct house", Some(stored)).await.unwrap());
        assert!(!verify("nobody has this password", None).await.unwrap());
    }
}
