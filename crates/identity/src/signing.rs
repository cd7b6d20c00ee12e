//! The keys that sign tokens, sealed in the directory.

use crate::{
    SigningKey,
    store::{ALL_SIGNING_KEYS, INSERT_SIGNING_KEY},
};
use insula_kernel::{Env, Error, ErrorKind, Keyring, Result, SigningKeyId};
use insula_storage::{PlatformTx, args};

/// The installation's signing keys, the newest first; the first start makes one.
pub async fn signing_keys(tx: &mut PlatformTx, env: &Env, keyring: &Keyring) -> Result<Vec<SigningKey>> {
    let seal = keyring.derive("signing-keys");
    let stored: Vec<(SigningKeyId, Vec<u8>)> = tx.fetch_all(&ALL_SIGNING_KEYS, args![]).await?;
    if stored.is_empty() {
        let key = SigningKey::generate(env);
        let sealed = seal.seal(env, key.id().uuid().as_bytes(), key.seed().expose());
        tx.execute(&INSERT_SIGNING_KEY, args![key.id(), &key.public()[..], sealed, env.now()]).await?;
        return Ok(vec![key]);
    }
    stored
        .into_iter()
        .map(|(id, sealed)| {
            let seed = seal.open(id.uuid().as_bytes(), &sealed).and_then(|seed| seed.try_into().ok());
            seed.map(|seed| SigningKey::from_seed(id, &seed)).ok_or_else(|| {
                let detail = "The master secret is not the one this data was written with.";
                Error::new(ErrorKind::Internal, "secret.wrong", detail)
            })
        })
        .collect()
}
