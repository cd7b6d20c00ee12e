//! Fetches pages: politely, within bounds, and from the public internet alone.
//!
//! What must always hold: nothing but a robots.txt is fetched from a site before its robots.txt allows it; every hop of a
//! redirect is checked as the first address was; no reply is kept beyond its bound, nor waited for beyond its time.

mod page;

use crate::{
    address::{Policy, Refused},
    job::JobError,
    meter::Meter,
    robots::{self, Robots},
    sites::{Sites, Turn},
};
pub(crate) use page::Page;
use reqwest::{Client, Response, Url, header, redirect};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How many redirects are followed (RFC 9309, section 2.3.1.2, wants at least five for a robots.txt).
const HOPS: usize = 5;
/// How long what a site's robots.txt said is believed (RFC 9309, section 2.4: at most 24 hours), and for how long that
/// there was no answer.
const BELIEVED: Duration = Duration::from_secs(3_600);
const UNREACHABLE_FOR: Duration = Duration::from_secs(60);
/// How many sites' rules are remembered.
const REMEMBERED: usize = 2_048;
/// The longest pause that a site's robots.txt can ask for.
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// The bounds of fetching.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// What may be connected to.
    pub(crate) policy: Policy,
    /// Who we say we are. Its front, up to a `/`, is what a robots.txt calls us.
    pub(crate) user_agent: String,
    /// How long one reply may take, from the connection to its last byte.
    pub(crate) timeout: Duration,
    /// The largest page, in bytes after decompression.
    pub(crate) max_bytes: usize,
    /// The pause between two requests to one site.
    pub(crate) pause: Duration,
}

/// What a site's robots.txt says, as far as we know.
#[derive(Clone, Debug)]
enum Rules {
    Known(Arc<Robots>),
    /// It couldn't be had, which forbids everything (RFC 9309, section 2.3.1.4).
    Unreachable,
}

/// Fetches pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Fetcher(Arc<Inner>);

struct Inner {
    http: Client,
    bounds: Bounds,
    sites: Sites,
    rules: Mutex<HashMap<String, (Instant, Rules)>>,
}

/// A reply to one request.
enum Answer {
    Page(Page),
    Redirect(Url),
}

impl Fetcher {
    /// # Errors
    ///
    /// Where the HTTP client can't be built.
    pub(crate) fn new(bounds: Bounds) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(&bounds.user_agent)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names itself, out of reach of the check.
            .no_proxy()
            .dns_resolver(Arc::new(bounds.policy.clone()))
            .connect_timeout(bounds.timeout.min(Duration::from_secs(10)))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self(Arc::new(Inner { http, bounds, sites: Sites::default(), rules: Mutex::default() })))
    }

    /// The page at an address, or where it redirects to, on behalf of an organization.
    ///
    /// # Errors
    ///
    /// Why the job fails.
    pub(crate) async fn page(&self, url: &Url, org: &str, meter: &Meter) -> Result<Page, JobError> {
        let mut url = url.clone();
        for _ in 0..=HOPS {
            let mut turn = self.0.sites.enter(&site_of(&url), org).await;
            turn.pause(self.0.bounds.pause);
            self.check_robots(&url, &mut turn, meter).await?;
            match self.ask(&url, meter).await? {
                Answer::Page(page) => return Ok(page),
                Answer::Redirect(to) => url = to,
            }
        }
        Err(JobError::new("page.redirects", format!("More than {HOPS} redirects; the last led to {url}.")))
    }

    async fn ask(&self, url: &Url, meter: &Meter) -> Result<Answer, JobError> {
        let _computing = meter.computing();
        let bounds = &self.0.bounds;
        let answered = timeout(bounds.timeout, async {
            let response = self.get(url, meter).await?;
            let status = response.status();
            if let Some(to) = redirect_of(&response, url)? {
                return Ok(Answer::Redirect(to));
            }
            if !status.is_success() {
                return Err(JobError::new("page.status", format!("{url} answered {status}.")));
            }
            let head = page::head(&response, url)?;
            let body = read(response, bounds.max_bytes, meter).await.map_err(|cut| cut.of(url, bounds))?;
            Ok(Answer::Page(Page::new(head, &body)))
        });
        let late =
            |_| Err(JobError::new("page.timeout", format!("{url} took longer than {:?}.", bounds.timeout)));
        answered.await.unwrap_or_else(late)
    }

    /// One request. Addresses in the URL itself are checked here, those of names by the resolver.
    async fn get(&self, url: &Url, meter: &Meter) -> Result<Response, JobError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(JobError::new(
                "url.scheme",
                format!("{url} begins with neither http:// nor https://."),
            ));
        }
        let refused = |why: &Refused| JobError::new("url.address_refused", format!("{url}: {why}"));
        self.0.bounds.policy.check_url(url).map_err(|why| refused(&why))?;
        meter.fetched();
        let request = self
            .0
            .http
            .get(url.clone())
            .header(header::ACCEPT, "text/html, application/xhtml+xml, */*;q=0.1");
        request.send().await.map_err(|error| match refusal(&error) {
            Some(why) => refused(why),
            None => JobError::new("page.unreachable", format!("{url} can't be reached: {}.", causes(&error))),
        })
    }

    /// Refuses what the site's robots.txt forbids, and takes over the pause that it wants.
    async fn check_robots(&self, url: &Url, turn: &mut Turn, meter: &Meter) -> Result<(), JobError> {
        let origin = url.origin().ascii_serialization();
        let rules = match self.known(&origin) {
            Some(rules) => rules,
            None => {
                let rules = self.ask_robots(url, meter).await?;
                self.remember(origin, rules.clone());
                rules
            }
        };
        let Rules::Known(robots) = rules else {
            let detail =
                format!("The robots.txt of {} can't be had, so nothing is fetched from there.", site_of(url));
            return Err(JobError::new("robots.unreachable", detail));
        };
        turn.pause(robots.delay.unwrap_or_default().min(LONGEST_DELAY));
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        if robots.allows(&path) {
            return Ok(());
        }
        Err(JobError::new("robots.disallowed", format!("The site's robots.txt forbids {url}.")))
    }

    fn known(&self, origin: &str) -> Option<Rules> {
        let rules = self.0.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, known) = rules.get(origin)?;
        (*until > Instant::now()).then(|| known.clone())
    }

    fn remember(&self, origin: String, known: Rules) {
        let now = Instant::now();
        let until = now + if matches!(known, Rules::Known(_)) { BELIEVED } else { UNREACHABLE_FOR };
        let mut rules = self.0.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.len() >= REMEMBERED {
            rules.retain(|_, (until, _)| *until > now);
        }
        let oldest = || rules.iter().min_by_key(|(_, (until, _))| *until).map(|(origin, _)| origin.clone());
        if rules.len() >= REMEMBERED
            && let Some(oldest) = oldest()
        {
            rules.remove(&oldest);
        }
        rules.insert(origin, (until, known));
    }

    /// Asks a site for its robots.txt. An address that may not be connected to is an error, not a site without one.
    async fn ask_robots(&self, page: &Url, meter: &Meter) -> Result<Rules, JobError> {
        let _computing = meter.computing();
        let mut url = page.clone();
        url.set_path("/robots.txt");
        url.set_query(None);
        url.set_fragment(None);
        let asked = timeout(self.0.bounds.timeout, async {
            for _ in 0..=HOPS {
                let response = self.get(&url, meter).await?;
                let status = response.status();
                match redirect_of(&response, &url) {
                    Ok(Some(to)) => url = to,
                    Err(_) => break,
                    Ok(None) if status.is_success() => return Ok(self.read_robots(response, meter).await),
                    Ok(None) if status.is_client_error() => break,
                    Ok(None) => return Ok(Rules::Unreachable),
                }
            }
            // There is none (RFC 9309, sections 2.3.1.2 and 2.3.1.3).
            Ok::<_, JobError>(Rules::Known(Arc::default()))
        });
        match asked.await {
            Ok(Err(error)) if error.code == "page.unreachable" => Ok(Rules::Unreachable),
            Ok(answered) => answered,
            Err(_) => Ok(Rules::Unreachable),
        }
    }

    async fn read_robots(&self, response: Response, meter: &Meter) -> Rules {
        let body = match read(response, robots::MAX_BYTES, meter).await {
            Ok(body) => body,
            // What comes beyond the bound is passed over.
            Err(Cut::TooLarge(body)) => body,
            Err(Cut::Broken(_)) => return Rules::Unreachable,
        };
        let agent = self.0.bounds.user_agent.split('/').next().unwrap_or_default();
        Rules::Known(Arc::new(Robots::read(&String::from_utf8_lossy(&body), agent)))
    }
}

/// What counts as one site: a host and port.
fn site_of(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// Where a reply sends us, if it does.
fn redirect_of(response: &Response, from: &Url) -> Result<Option<Url>, JobError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong = || JobError::new("page.redirects", format!("{from} redirects to nowhere."));
    let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).ok_or_else(wrong)?;
    let mut to = from.join(to).map_err(|_| wrong())?;
    // What one site put into an address is no password for another.
    let _ = to.set_username("");
    let _ = to.set_password(None);
    Ok(Some(to))
}

/// Why a body isn't whole.
enum Cut {
    TooLarge(Vec<u8>),
    Broken(reqwest::Error),
}

impl Cut {
    fn of(&self, url: &Url, bounds: &Bounds) -> JobError {
        match self {
            Self::TooLarge(_) => {
                JobError::new("page.too_large", format!("{url} has more than {} bytes.", bounds.max_bytes))
            }
            Self::Broken(error) => {
                JobError::new("page.unreachable", format!("{url} broke off: {}.", causes(error)))
            }
        }
    }
}

async fn read(mut response: Response, most: usize, meter: &Meter) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(Cut::Broken)? {
        meter.received(part.len());
        let room = most - body.len();
        body.extend_from_slice(part.get(..room).unwrap_or(&part));
        if part.len() > room {
            return Err(Cut::TooLarge(body));
        }
    }
    Ok(body)
}

/// The refusal of an address among the causes of an error.
fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}

/// What caused an error, without the address, which stands beside it.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "the connection failed".to_owned() } else { text }
}
