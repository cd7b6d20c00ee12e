//! The start and the end of an installation.
//!
//! The order matters: the address is taken before anything is touched; what an earlier run left in the write-ahead log
//! is in the ledger before counters begin with what the ledger knows; requests are let in last.

use crate::{
    config::{Config, FirstOperator},
    live::{Reports, Warnings},
    metrics::{Metrics, Sources},
    platform::Platform,
    restore::restore,
    server,
    sign_up::SlugQueue,
    workers::{self, Workers},
};
use arc_swap::ArcSwap;
use insula_billing::subscription;
use insula_blueprint::Compiled;
use insula_gateway::{Control, Gate, GateParts, Gateway, GatewayParts, HostRules, Running, Settings};
use insula_identity::{
    InvitationLinks, Password, PasswordHasher, TokenSigner, TokenVerifier, api_key, member, service, session,
    signing_keys,
    user::{self, Email, NewUser},
};
use insula_kernel::{Env, Error, Keyring, OrgId, Result, Span};
use insula_limits::Entitlement;
use insula_metering::{
    Settler,
    ingest::Ingest,
    log::{Log, Options},
};
use insula_storage::{Storage, Store, Worker};
use std::{
    fmt,
    fs::{DirBuilder, File, TryLockError},
    net::SocketAddr,
    num::NonZeroUsize,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::Arc,
};
use tokio::runtime::Handle;

/// A running installation.
pub struct Insula {
    platform: Platform,
    gateway: Running,
    metrics: Option<Metrics>,
    workers: Workers,
    drain: Span,
    /// Says that the data folder is in use; released with the process.
    _lock: File,
}

/// Why an installation doesn't start: for whoever started it.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl<E: fmt::Display> From<(&'static str, E)> for StartError {
    fn from((what, why): (&'static str, E)) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl Insula {
    /// Starts an installation with this blueprint, or with the one that was last put in force. Says which operator it
    /// added, if there was none.
    pub async fn start(
        config: Config,
        blueprint: Option<(Compiled, String)>,
        env: Env,
    ) -> Result<(Self, Option<FirstOperator>), StartError> {
        let bound = Gateway::bind(config.listen).map_err(|error| taken(config.listen, &error))?;
        let metrics = config
            .metrics_listen
            .map(|address| std::net::TcpListener::bind(address).map_err(|error| taken(address, &error)));
        let metrics = metrics.transpose()?;
        let lock = lock_folder(&config.data)?;
        let storage =
            Storage::open(&config.engine).await.map_err(|error| ("the store doesn't open", error))?;
        let keyring = Keyring::new(config.secret.clone());
        let hasher = PasswordHasher::start(processors(), env.clone());

        let (compiled, number) = in_force(&storage, &env, blueprint).await?;
        let unsettled = config.data.join("wal");
        let opened = Log::open(&unsettled, Options::default(), env.clone());
        let (log, tail) = opened.map_err(|error| ("the write-ahead log can't be opened", error))?;
        let warnings = Arc::new(Warnings::default());
        let settler = Settler::new(storage.clone(), tail, env.clone());
        let mut settler = settler.with_thresholds(warnings.clone());
        let inherited = settler.catch_up().await;
        let inherited = inherited.map_err(|error| ("what an earlier run left can't be settled", error))?;
        let inherited = inherited.events + inherited.duplicates;
        let settler = settler.start();

        let first = first_operator(&storage, &env, &hasher, config.operator.as_ref()).await?;
        let parts = Parts { storage, env, keyring, hasher, compiled, number, settler };
        let secure = config.public_url.starts_with("https://");
        let loaded = load(parts, &config, secure).await;
        let Loaded { platform, organizations, own } = loaded.map_err(|error| ("the start failed", error))?;
        let restored = restore(&platform, &organizations, &own).await;
        restored.map_err(|error| ("what was used can't be read", error))?;
        warnings.of(platform.gate.clone());
        workers::round(&platform).await.map_err(|error| ("background work failed", error))?;

        let base_domain = platform.blueprint.load().product().base_domain.clone();
        let reports = Reports {
            gate: platform.gate.clone(),
            blueprint: platform.blueprint.clone(),
            organizations: platform.organizations.clone(),
            identity: platform.identity.clone(),
            env: platform.env.clone(),
        };
        let Platform { storage, env, settler, .. } = platform.clone();
        let ingest = Arc::new(Ingest::new(storage, env, log.clone(), settler, Box::new(reports)));
        let router = server::router(&platform, &ingest);
        let sources = Sources { platform: platform.clone(), ingest, log: log.clone(), inherited };
        let gateway = bound.serve(GatewayParts {
            gate: platform.gate.clone(),
            log,
            hosts: HostRules::new(config.platform_hosts.clone(), base_domain),
            control: Control { runtime: Handle::current(), router },
            settings: Settings { cores: config.cores.and_then(NonZeroUsize::new), ..Settings::default() },
        });
        let gateway = gateway.map_err(|error| ("the gateway doesn't start", error))?;
        let metrics = metrics.map(|listener| Metrics::start(listener, sources)).transpose();
        let metrics = metrics.map_err(|error| ("metrics can't be served", error))?;
        let workers = Workers::start(platform.clone());
        let drain = Span::from_secs(config.drain_seconds.into());
        Ok((Self { platform, gateway, metrics, workers, drain, _lock: lock }, first))
    }

    /// The address it listens at.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.gateway.local_addr()
    }

    /// The address at which Prometheus finds `/metrics`, if that was asked for.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Metrics::local_addr)
    }

    /// Finishes the requests that are under way, settles what they used, and closes the stores.
    pub async fn shutdown(self) {
        let Self { platform, gateway, metrics, workers, drain, .. } = self;
        let drained = tokio::task::spawn_blocking(move || gateway.shutdown(drain)).await;
        if let Err(error) = drained {
            tracing::error!(%error, "the gateway didn't end as it should");
        }
        workers.stop().await;
        if let Some(metrics) = metrics {
            metrics.stop().await;
        }
        if let Err(error) = platform.settler.shutdown().await {
            tracing::warn!(%error, "usage stays in the write-ahead log until the next start");
        }
        platform.storage.close().await;
    }
}

fn taken(address: SocketAddr, error: &std::io::Error) -> StartError {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; stop it, or choose another address",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose another one",
        _ => "choose an address of this machine",
    };
    StartError(format!("can't listen at {address}: {error} ({hint})"))
}

/// Makes sure that no other process uses the folder: two would count the same quotas apart.
fn lock_folder(folder: &Path) -> Result<File, StartError> {
    let unusable = |error: std::io::Error| {
        StartError(format!("the data folder {} can't be used: {error}", folder.display()))
    };
    // What is in it is for nobody else on the machine.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let lock = File::create(folder.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError(format!(
            "another Insula runs on the data folder {}: stop it first",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Puts a blueprint in force, or finds the one that is.
async fn in_force(
    storage: &Storage,
    env: &Env,
    given: Option<(Compiled, String)>,
) -> Result<(Compiled, u32), StartError> {
    let failed = |error: Error| StartError(format!("the blueprint can't be put in force: {error}"));
    let store = |error: insula_storage::StoreError| failed(error.into());
    let mut tx = storage.platform_write(Store::Ledger, &Worker::Start).await.map_err(store)?;
    if let Some((compiled, source)) = given {
        let by = "worker:start";
        let applied =
            insula_billing::apply_blueprint(&mut tx, env, &source, &compiled, by).await.map_err(failed)?;
        tx.commit().await.map_err(store)?;
        return Ok((compiled, u32::try_from(applied.number).unwrap_or(u32::MAX)));
    }
    let kept = insula_billing::current_blueprint(&mut tx).await.map_err(failed)?;
    let kept =
        kept.ok_or_else(|| StartError("no blueprint is in force: name one in the configuration".to_owned()))?;
    let checked = crate::operations().check(insula_blueprint::FILE_NAME, &kept.source);
    let number = u32::try_from(kept.number).unwrap_or(u32::MAX);
    checked.map(|blueprint| (blueprint.compile(), number)).map_err(|mistakes| {
        StartError(format!("this release doesn't understand the blueprint in force:\n\n{mistakes}"))
    })
}

async fn first_operator(
    storage: &Storage,
    env: &Env,
    hasher: &PasswordHasher,
    wanted: Option<&FirstOperator>,
) -> Result<Option<FirstOperator>, StartError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let add = async {
        let mut tx = storage.platform_read(Store::Directory, &Worker::Start).await?;
        if user::has_operators(&mut tx).await? {
            return Ok(false);
        }
        drop(tx);
        let wrong = |field| Error::invalid(vec![field]);
        let email = Email::check(&wanted.email, "/operator/email").map_err(wrong)?;
        let password =
            Password::check(wanted.password.clone(), "/operator/password", &wanted.email).map_err(wrong)?;
        let password_hash = hasher.hash(password).await?;
        let new = NewUser { email, display_name: "Operator".to_owned(), password_hash, is_operator: true };
        let mut tx = storage.platform_write(Store::Directory, &Worker::Start).await?;
        user::create(&mut tx, env, &new).await?;
        tx.commit().await?;
        Ok::<_, Error>(true)
    };
    let added =
        add.await.map_err(|error| StartError(format!("the operator can't be added: {}", error.detail())))?;
    Ok(added.then(|| wanted.clone()))
}

/// What a platform is loaded from.
struct Parts {
    storage: Storage,
    env: Env,
    keyring: Keyring,
    hasher: PasswordHasher,
    compiled: Compiled,
    number: u32,
    settler: insula_metering::SettlerHandle,
}

/// A platform whose counters are still to begin.
struct Loaded {
    platform: Platform,
    organizations: Vec<(OrgId, Arc<Entitlement>)>,
    /// The organizations that have keys with limits of their own.
    own: Vec<OrgId>,
}

/// Loads what requests are decided with.
async fn load(parts: Parts, config: &Config, secure_cookies: bool) -> Result<Loaded> {
    let public_url = &config.public_url;
    let Parts { storage, env, keyring, hasher, compiled, number, settler } = parts;
    let now = env.now();
    let mut tx = storage.platform_write(Store::Directory, &Worker::Start).await?;
    let keys = signing_keys(&mut tx, &env, &keyring).await?;
    tx.commit().await?;
    let newest = keys.first().cloned().ok_or_else(|| Error::internal("there is no signing key"))?;
    let verifier = TokenVerifier::new(public_url.clone(), keys.iter().map(|key| (key.id(), key.public())));
    let signer = TokenSigner::new(public_url.clone(), newest);

    let mut tx = storage.platform_read(Store::Directory, &Worker::Snapshot).await?;
    let organizations = insula_tenancy::Live::load(insula_tenancy::load(&mut tx).await?)
        .with_projects(insula_tenancy::project::load(&mut tx).await?);
    let organizations = Arc::new(organizations);
    let keys = api_key::load(&mut tx, now, &compiled, &organizations).await?;
    let mut own: Vec<OrgId> = keys.iter().filter(|key| !key.limits.is_empty()).map(|key| key.org).collect();
    own.sort_unstable();
    own.dedup();
    let identity = insula_identity::Live::load(
        keys,
        member::load(&mut tx).await?,
        session::lately_ended(&mut tx, now).await?,
    );
    for operator in user::operators(&mut tx).await? {
        identity.put_operator(operator);
    }
    for credential in service::load(&mut tx).await? {
        identity.put_service(credential);
    }
    drop(tx);
    let identity = Arc::new(identity);
    let mut tx = storage.platform_read(Store::Ledger, &Worker::Snapshot).await?;
    let entitlements = subscription::entitlements(&mut tx, &compiled).await?;
    drop(tx);
    let entitlements: Vec<_> =
        entitlements.into_iter().map(|(org, entitlement)| (org, Arc::new(entitlement))).collect();
    let gate = Gate::new(GateParts {
        env: env.clone(),
        blueprint: (compiled.clone(), number),
        organizations: organizations.clone(),
        identities: identity.clone(),
        keyring: keyring.clone(),
        verifier: verifier.clone(),
        signer: signer.clone(),
        entitlements: entitlements.clone(),
    });
    let platform = Platform {
        env,
        storage,
        refresh_tokens: session::RefreshTokens::new(&keyring),
        invitations: InvitationLinks::new(&keyring, public_url),
        keyring,
        blueprint: Arc::new(ArcSwap::from_pointee(compiled)),
        organizations,
        identity,
        hasher,
        signer,
        verifier,
        gate: Arc::new(gate),
        settler,
        books: Arc::default(),
        slugs: SlugQueue::default(),
        secure_cookies,
        is_development: config.platform_hosts.is_empty(),
        applying: Arc::default(),
    };
    Ok(Loaded { platform, organizations: entitlements, own })
}
