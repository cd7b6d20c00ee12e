//! How the service is run: by its environment, or by options of the same meaning.

use crate::{Places, address::Network, address::Policy, fetch::Bounds};
use clap::Parser;
use std::{path::PathBuf, time::Duration};

/// The service behind the scraper blueprint. It fetches pages politely, picks out what CSS selectors say, and reports to
/// Insula what it took. Requests come through Insula alone: `insula up` starts it.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub struct Config {
    /// Where it listens.
    #[arg(long, env = "INSULA_LISTEN", default_value = "127.0.0.1:7101")]
    pub(crate) listen: String,
    /// Where Insula is, by HTTP.
    #[arg(long, env = "INSULA_URL")]
    pub(crate) insula_url: String,
    /// The credential that Insula issued for this service.
    #[arg(long, env = "INSULA_TOKEN", hide_env_values = true)]
    pub(crate) insula_token: String,
    /// The folder that jobs and results are kept in.
    #[arg(long, env = "INSULA_DATA", default_value = "scraper-data")]
    pub(crate) data: PathBuf,
    /// How many jobs run at once.
    #[arg(long, env = "SCRAPER_JOBS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs: u16,
    /// How many jobs of one organization run at once; a quarter of all if not said. The others wait.
    #[arg(long, env = "SCRAPER_JOBS_OF_ORGANIZATION", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) jobs_of_organization: Option<u16>,
    /// Networks that are fetched from though they aren't the public internet, such as 127.0.0.0/8, with commas between.
    #[arg(long, env = "SCRAPER_ALLOW_NETWORKS", value_delimiter = ',')]
    pub(crate) allow_networks: Vec<Network>,
    /// Milliseconds between two requests to one site, which may ask for more in its robots.txt.
    #[arg(long, env = "SCRAPER_PAUSE_MS", default_value_t = 1_000)]
    pub(crate) pause_ms: u64,
    /// Seconds that a page may take, from the connection to its last byte.
    #[arg(long, env = "SCRAPER_PAGE_SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub(crate) page_seconds: u64,
    /// The largest page, in bytes.
    #[arg(long, env = "SCRAPER_PAGE_BYTES", default_value_t = 5_000_000)]
    pub(crate) page_bytes: usize,
    /// Whom it says it is to sites. What stands before the `/` is its name in a robots.txt.
    #[arg(
        long,
        env = "SCRAPER_USER_AGENT",
        default_value = concat!("InsulaScraper/", env!("CARGO_PKG_VERSION"), " (fetches pages its users ask for)")
    )]
    pub(crate) user_agent: String,
    /// For how many seconds the route that submits jobs holds a place for each: the `ttl` there. Places of jobs that take
    /// longer are renewed when a third of it is left.
    #[arg(long, env = "SCRAPER_HELD_SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) held_seconds: u64,
    /// After how many days jobs that ended are forgotten, with what they found.
    #[arg(long, env = "SCRAPER_KEEP_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) keep_days: u64,
    /// Whether the log is written as JSON.
    #[arg(long, env = "SCRAPER_LOG_JSON")]
    pub log_json: bool,
}

impl Config {
    pub(crate) fn places(&self) -> Places {
        let of_organization = self.jobs_of_organization.unwrap_or_else(|| self.jobs.div_ceil(4));
        Places { most: self.jobs.into(), of_organization: of_organization.into() }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            policy: Policy::allowing(&self.allow_networks),
            user_agent: self.user_agent.clone(),
            timeout: Duration::from_secs(self.page_seconds),
            max_bytes: self.page_bytes,
            pause: Duration::from_millis(self.pause_ms),
        }
    }

    pub(crate) const fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_days * 86_400)
    }
}
