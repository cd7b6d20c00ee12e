//! The configuration of an installation: one TOML file for `insula serve`, defaults for `insula up`.

use insula_kernel::Secret;
use insula_storage::{Engine, PostgresUrls};
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Everything that an installation needs to be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen at.
    pub listen: SocketAddr,
    /// The address at which Prometheus finds `/metrics`; nowhere if `None`. Whoever reaches it may read it.
    pub metrics_listen: Option<SocketAddr>,
    /// How people reach the platform: `https://console.example.com`.
    pub public_url: String,
    /// Host names that serve Insula alone; empty where one bare address serves everything (development).
    pub platform_hosts: Vec<String>,
    /// The folder for the write-ahead log, and for the embedded store.
    pub data: PathBuf,
    /// Where the data lives.
    pub engine: Engine,
    /// The master secret.
    pub secret: Secret<[u8; 32]>,
    /// The operator to add if there is none yet.
    pub operator: Option<FirstOperator>,
    /// Core threads; as many as processors if `None`.
    pub cores: Option<usize>,
    /// How long requests may go on after the order to stop, in seconds.
    pub drain_seconds: u32,
}

/// The first of the operator's staff.
#[derive(Clone, Debug)]
pub struct FirstOperator {
    /// Their address.
    pub email: String,
    /// Their password, until they change it.
    pub password: Secret<String>,
}

/// The file of `insula serve`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    public_url: String,
    #[serde(default)]
    platform_hosts: Vec<String>,
    data: PathBuf,
    blueprint: Option<PathBuf>,
    secret_file: PathBuf,
    postgres: Option<PostgresSection>,
    operator: Option<OperatorSection>,
    cores: Option<usize>,
    #[serde(default = "default_drain")]
    drain_seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostgresSection {
    migrate_url: Secret<String>,
    tenant_url: Secret<String>,
    platform_url: Secret<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorSection {
    email: String,
    password_file: PathBuf,
}

const fn default_drain() -> u32 {
    30
}

impl Config {
    /// Reads a configuration file, and where it names the blueprint. Paths in it count from its own folder.
    pub fn read(path: &Path) -> Result<(Self, Option<PathBuf>), String> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name} can't be read: {error}"))?;
        let file: File =
            toml::from_str(&text).map_err(|error| format!("{name} is not as it must be:\n{error}"))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let data = folder.join(&file.data);
        let engine = match file.postgres {
            None => Engine::Sqlite { folder: data.clone() },
            Some(urls) => Engine::Postgres(PostgresUrls {
                migrate: urls.migrate_url,
                tenant: urls.tenant_url,
                platform: urls.platform_url,
            }),
        };
        let operator = file.operator.map(|section| {
            let password = read_line(&folder.join(section.password_file))?;
            Ok::<_, String>(FirstOperator { email: section.email, password: Secret::new(password) })
        });
        let config = Self {
            listen: file.listen,
            metrics_listen: file.metrics_listen,
            public_url: file.public_url.trim_end_matches('/').to_owned(),
            platform_hosts: file.platform_hosts,
            data,
            engine,
            secret: read_secret(&folder.join(file.secret_file))?,
            operator: operator.transpose()?,
            cores: file.cores,
            drain_seconds: file.drain_seconds,
        };
        if !config.public_url.starts_with("http://") && !config.public_url.starts_with("https://") {
            return Err(format!(
                "{name}: `public_url` must begin with https:// (or http:// for trying things out)"
            ));
        }
        Ok((config, file.blueprint.map(|blueprint| folder.join(blueprint))))
    }
}

fn read_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a master secret: 64 hexadecimal digits.
pub fn read_secret(path: &Path) -> Result<Secret<[u8; 32]>, String> {
    let text = read_line(path)?;
    let mut secret = [0u8; 32];
    let digits = text.trim().as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        let make = "make one with `insula doctor --new-secret > FILE`";
        return Err(format!("{} must hold 64 hexadecimal digits: {make}", path.display()));
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|error| error.to_string())?;
    }
    Ok(Secret::new(secret))
}
