//! The versions of the blueprint that were put in place.

use crate::store::{self, BlueprintRow};
use insula_blueprint::Compiled;
use insula_kernel::{BlueprintVersionId, Env, Instant, Result};
use insula_storage::PlatformTx;

/// What became of a blueprint that was applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlueprintApplied {
    /// Its number. The first has 1.
    pub number: i64,
    /// Whether it is another one than before.
    pub changed: bool,
}

/// The blueprint that was put in place last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentBlueprint {
    /// Its number.
    pub number: i64,
    /// The digest of its text, in hexadecimal.
    pub digest: String,
    /// Its text.
    pub source: String,
    /// When it was put in place.
    pub applied_at: Instant,
}

/// Notes that a blueprint is put in place, unless it is in place already. `source` is the text it was compiled from; `by`
/// names who did it, as the audit log does.
///
/// Two applied at once get the same number, of which the store takes one: the other transaction fails.
pub async fn apply_blueprint(
    tx: &mut PlatformTx,
    env: &Env,
    source: &str,
    blueprint: &Compiled,
    by: &str,
) -> Result<BlueprintApplied> {
    let digest = blueprint.digest().to_string();
    let latest = store::latest_blueprint(tx).await?;
    let number = latest.as_ref().map_or(0, |latest| latest.number);
    if latest.is_some_and(|latest| latest.digest == digest) {
        return Ok(BlueprintApplied { number, changed: false });
    }
    let row = BlueprintRow { number: number + 1, digest, source: source.to_owned(), applied_at: env.now() };
    store::insert_blueprint(tx, BlueprintVersionId::generate(env), &row, by).await?;
    Ok(BlueprintApplied { number: row.number, changed: true })
}

/// The blueprint that was put in place last; `None` if none ever was.
pub async fn current_blueprint(tx: &mut PlatformTx) -> Result<Option<CurrentBlueprint>> {
    let found = store::latest_blueprint(tx).await?;
    Ok(found.map(|BlueprintRow { number, digest, source, applied_at }| CurrentBlueprint {
        number,
        digest,
        source,
        applied_at,
    }))
}
