//! The counters of everyone but organizations: keys, members, projects, teams, network addresses.
//!
//! What must always hold: who is counted has one counter for the same thing whatever the blueprint calls its limits, so
//! no change of blueprint or plan gives anyone a burst for nothing, or forgets what was used.

use insula_blueprint::{Per, QuotaWindow};
use insula_kernel::{Instant, LiveMap, Span};
use insula_limits::{Quota, Rate, RatePolicy, RateState, Subject};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

/// How many parts the table of addresses has, and how many addresses each remembers.
const SHARDS: usize = 64;
const ADDRESSES: usize = 4_096;

/// What a counter counts. The number of each is given once and never changes.
#[derive(PartialEq, Eq, Hash)]
enum Title {
    /// A meter over a window of this name.
    Quota(Box<str>, &'static str),
    /// Requests to these routes.
    Rate(Per, Box<[Box<str>]>),
}

/// Every counter but those of organizations.
pub(crate) struct Books {
    numbers: Mutex<HashMap<Title, u32>>,
    quotas: LiveMap<(Subject, u32), Arc<Quota>>,
    rates: LiveMap<(Subject, u32), Arc<Rates>>,
    addresses: Box<[Mutex<Addresses>]>,
    hasher: RandomState,
    /// Held to make counters for someone new, so that two don't make them at once; never to count.
    making: Mutex<()>,
}

/// Rates over both windows.
#[derive(Default)]
pub(crate) struct Rates {
    pub(crate) second: Rate,
    pub(crate) minute: Rate,
}

/// Rates of network addresses. Anyone can come from a new one, so the table has a size.
#[derive(Default)]
struct Addresses {
    known: HashMap<(IpAddr, u32), AddressRates>,
    /// Counts everyone else together while there is no room for one of their own.
    others: HashMap<u32, AddressRates>,
}

/// The rates of an address, and when it was last counted.
#[derive(Default)]
struct AddressRates {
    rates: Rates,
    idle_from: Option<Instant>,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            numbers: Mutex::default(),
            quotas: LiveMap::default(),
            rates: LiveMap::default(),
            addresses: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            making: Mutex::new(()),
        }
    }
}

impl Books {
    /// The number of counters of a meter over a window.
    pub(crate) fn quota(&self, meter: &str, window: QuotaWindow) -> u32 {
        self.number(Title::Quota(meter.into(), window.name()))
    }

    /// The number of counters of these routes.
    pub(crate) fn rate(&self, per: Per, routes: &[&str]) -> u32 {
        self.number(Title::Rate(per, routes.iter().map(|route| (*route).into()).collect()))
    }

    fn number(&self, title: Title) -> u32 {
        let mut numbers = self.numbers.lock();
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(title).or_insert(next)
    }

    /// Someone's counter of a quota.
    pub(crate) fn quota_of(&self, subject: Subject, book: u32) -> Arc<Quota> {
        self.of(&self.quotas, (subject, book))
    }

    /// Makes the counters of all of these that have none yet.
    pub(crate) fn make_quotas(&self, places: impl Iterator<Item = (Subject, u32)>) {
        let _alone = self.making.lock();
        let missing = places.filter(|place| self.quotas.read(place, |_| ()).is_none());
        self.quotas.extend(missing.map(|place| (place, Arc::default())));
    }

    /// Someone's counters of rates.
    pub(crate) fn rates_of(&self, subject: Subject, book: u32) -> Arc<Rates> {
        self.of(&self.rates, (subject, book))
    }

    fn of<T: Default>(&self, map: &LiveMap<(Subject, u32), Arc<T>>, place: (Subject, u32)) -> Arc<T> {
        if let Some(counter) = map.get(&place) {
            return counter;
        }
        let _alone = self.making.lock();
        map.get(&place).unwrap_or_else(|| {
            let counter = Arc::default();
            map.insert(&place, &counter);
            counter
        })
    }

    /// Counts a request of an address, or says how long it has to wait. All addresses of one IPv6 network of 64 bits
    /// count as one, since whoever has one of them has them all.
    pub(crate) fn count_address(
        &self,
        address: IpAddr,
        book: u32,
        is_minute: bool,
        now: Instant,
        policy: &RatePolicy,
    ) -> Result<RateState, Span> {
        let address = network(address);
        let place = (address, book);
        let shard = usize::try_from(self.hasher.hash_one(place) % SHARDS as u64).unwrap_or(0);
        let mut addresses = self.addresses[shard].lock();
        let Addresses { known, others } = &mut *addresses;
        if known.len() >= ADDRESSES && !known.contains_key(&place) {
            known.retain(|_, counted| counted.idle_from.is_some_and(|idle| idle > now));
        }
        let counted = if known.len() < ADDRESSES || known.contains_key(&place) {
            known.entry(place).or_default()
        } else {
            others.entry(book).or_default()
        };
        let rate = if is_minute { &counted.rates.minute } else { &counted.rates.second };
        let state = rate.check(now, policy).map_err(|limited| limited.retry_after)?;
        counted.idle_from = counted.idle_from.max(Some(now + state.reset_after));
        Ok(state)
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_addresses_counts_as_one_and_a_flood_of_them_stays_bounded() {
        let books = Books::default();
        let (now, policy) =
            (Instant::from_secs(1_700_000_000), RatePolicy::new(1, Span::from_secs(1), 1).unwrap());
        let count =
            |address: &str| books.count_address(address.parse().unwrap(), 0, false, now, &policy).is_ok();
        assert!(count("2001:db8::1"));
        assert!(!count("2001:db8::2"));
        assert!(count("2001:db8:0:1::1"));
        assert!(count("192.0.2.1") && !count("::ffff:192.0.2.1"));
        for number in 0..400_000u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
            let _ = books.count_address(address, 0, false, now, &policy);
        }
        let known: usize = books.addresses.iter().map(|shard| shard.lock().known.len()).sum();
        assert!(known <= SHARDS * ADDRESSES);
    }
}
