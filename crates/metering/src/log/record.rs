//! What the log records, and how it is written: little endian, by hand, without allocation.

use super::frame;
use insula_kernel::{AdmissionId, Instant, KeyId, OrgId, UserId};
use uuid::Uuid;

/// The most bytes a meter's or route's name may have.
pub const NAME_MAX: usize = 64;
/// The most meters one record may charge.
pub const CHARGES_MAX: usize = 16;

/// The kind of frame an intent is.
pub(super) const INTENT: u8 = 1;
/// The kind of frame a settlement is.
pub(super) const SETTLEMENT: u8 = 2;

const CHARGES_BYTES: usize = 1 + CHARGES_MAX * (1 + NAME_MAX + 8);
/// The most bytes a settlement can take in a segment: what is kept free for each open intent.
pub(super) const SETTLEMENT_MAX: usize = frame::OVERHEAD + 16 + 8 + 2 + 1 + 8 + 8 + 8 + CHARGES_BYTES;
/// The most bytes an intent can take in a segment.
pub(super) const INTENT_MAX: usize =
    frame::OVERHEAD + 16 + 16 + 1 + 16 + 16 + 8 + 1 + NAME_MAX + CHARGES_BYTES;

const _: () = assert!(SETTLEMENT_MAX <= frame::MAX && INTENT_MAX <= frame::MAX);

/// A quantity of a meter, in its smallest units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge<'a> {
    /// The meter's name in the blueprint.
    pub meter: &'a str,
    /// How much.
    pub quantity: i64,
}

/// At most [`CHARGES_MAX`] charges: a slice on the way in, encoded bytes on the way out.
#[derive(Clone, Copy)]
pub struct Charges<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    Slice(&'a [Charge<'a>]),
    /// Checked when it was decoded.
    Encoded(&'a [u8]),
}

impl<'a> From<&'a [Charge<'a>]> for Charges<'a> {
    fn from(charges: &'a [Charge<'a>]) -> Self {
        Self(Repr::Slice(charges))
    }
}

impl<'a, const N: usize> From<&'a [Charge<'a>; N]> for Charges<'a> {
    fn from(charges: &'a [Charge<'a>; N]) -> Self {
        Self(Repr::Slice(charges))
    }
}

impl Charges<'_> {
    /// No charges.
    pub const NONE: Self = Self(Repr::Slice(&[]));
}

impl<'a> Charges<'a> {
    /// The charges in their order.
    pub fn iter(self) -> impl Iterator<Item = Charge<'a>> {
        let (slice, encoded) = match self.0 {
            Repr::Slice(slice) => (slice, &[][..]),
            Repr::Encoded(bytes) => (&[][..], bytes),
        };
        let mut cursor = Cursor(encoded);
        slice.iter().copied().chain(std::iter::from_fn(move || cursor.charge()))
    }
}

impl PartialEq for Charges<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Charges<'_> {}

impl std::fmt::Debug for Charges<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|charge| (charge.meter, charge.quantity))).finish()
    }
}

/// A request that is about to be forwarded, and what it may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Intent<'a> {
    /// The admission; also the id of the usage event it becomes.
    pub admission: AdmissionId,
    /// Who is charged.
    pub org: OrgId,
    /// The API key that was used, if one was.
    pub key: Option<KeyId>,
    /// The person who acted, if one did.
    pub user: Option<UserId>,
    /// The route's name in the blueprint.
    pub route: &'a str,
    /// When it was admitted; decides the window it counts in.
    pub at: Instant,
    /// What is charged if no settlement follows.
    pub reserved: Charges<'a>,
}

/// How an admitted request ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The upstream answered and the whole answer went out.
    Completed,
    /// Nothing reached the upstream: nothing is charged.
    Released,
    /// The client went away before the end.
    ClientGone,
    /// The upstream broke off, or its answer couldn't be understood.
    UpstreamFailed,
    /// The upstream took too long.
    TimedOut,
}

impl Outcome {
    const fn code(self) -> u8 {
        match self {
            Self::Completed => 1,
            Self::Released => 2,
            Self::ClientGone => 3,
            Self::UpstreamFailed => 4,
            Self::TimedOut => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Completed,
            2 => Self::Released,
            3 => Self::ClientGone,
            4 => Self::UpstreamFailed,
            5 => Self::TimedOut,
            _ => return None,
        })
    }
}

/// What an admitted request really used. Whose it is says the intent it is paired with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settlement<'a> {
    /// When it ended.
    pub at: Instant,
    /// The HTTP status that went to the client; 0 if none did.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the reply's body.
    pub bytes_out: u64,
    /// From admission to the end, in microseconds.
    pub duration_us: u64,
    /// What is charged.
    pub used: Charges<'a>,
}

/// A record with more charges than [`CHARGES_MAX`], or a name longer than [`NAME_MAX`]. A blueprint that could
/// lead here should be refused when it is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record holds at most {CHARGES_MAX} charges and names of {NAME_MAX} bytes")]
pub struct TooLong;

impl<'a> Intent<'a> {
    /// Replaces what is in the buffer by the frame of this intent.
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, INTENT);
        buffer.extend_from_slice(self.admission.uuid().as_bytes());
        buffer.extend_from_slice(self.org.uuid().as_bytes());
        buffer.push(u8::from(self.key.is_some()) | u8::from(self.user.is_some()) << 1);
        if let Some(key) = self.key {
            buffer.extend_from_slice(key.uuid().as_bytes());
        }
        if let Some(user) = self.user {
            buffer.extend_from_slice(user.uuid().as_bytes());
        }
        buffer.extend_from_slice(&self.at.as_micros().to_le_bytes());
        put_name(self.route, buffer)?;
        put_charges(self.reserved, buffer)?;
        frame::finish(buffer);
        Ok(())
    }

    pub(super) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor(payload);
        let admission = AdmissionId::from_uuid(cursor.uuid()?);
        let org = OrgId::from_uuid(cursor.uuid()?);
        let flags = cursor.u8()?;
        let key = if flags & 1 != 0 { Some(KeyId::from_uuid(cursor.uuid()?)) } else { None };
        let user = if flags & 2 != 0 { Some(UserId::from_uuid(cursor.uuid()?)) } else { None };
        let at = cursor.instant()?;
        let route = cursor.name()?;
        let reserved = cursor.charges()?;
        Some(Self { admission, org, key, user, route, at, reserved })
    }
}

impl<'a> Settlement<'a> {
    /// Replaces what is in the buffer by the frame of this settlement.
    pub(super) fn encode(&self, admission: AdmissionId, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        frame::begin(buffer, SETTLEMENT);
        buffer.extend_from_slice(admission.uuid().as_bytes());
        buffer.extend_from_slice(&self.at.as_micros().to_le_bytes());
        buffer.extend_from_slice(&self.status.to_le_bytes());
        buffer.push(self.outcome.code());
        buffer.extend_from_slice(&self.bytes_in.to_le_bytes());
        buffer.extend_from_slice(&self.bytes_out.to_le_bytes());
        buffer.extend_from_slice(&self.duration_us.to_le_bytes());
        put_charges(self.used, buffer)?;
        frame::finish(buffer);
        Ok(())
    }

    pub(super) fn decode(payload: &'a [u8]) -> Option<(AdmissionId, Self)> {
        let mut cursor = Cursor(payload);
        let admission = AdmissionId::from_uuid(cursor.uuid()?);
        let settlement = Self {
            at: cursor.instant()?,
            status: u16::from_le_bytes(cursor.take()?),
            outcome: Outcome::from_code(cursor.u8()?)?,
            bytes_in: u64::from_le_bytes(cursor.take()?),
            bytes_out: u64::from_le_bytes(cursor.take()?),
            duration_us: u64::from_le_bytes(cursor.take()?),
            used: cursor.charges()?,
        };
        Some((admission, settlement))
    }
}

fn put_name(name: &str, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
    if name.len() > NAME_MAX {
        return Err(TooLong);
    }
    buffer.push(u8::try_from(name.len()).map_err(|_| TooLong)?);
    buffer.extend_from_slice(name.as_bytes());
    Ok(())
}

fn put_charges(charges: Charges<'_>, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
    let count_at = buffer.len();
    buffer.push(0);
    let mut count = 0;
    for charge in charges.iter() {
        if usize::from(count) == CHARGES_MAX {
            return Err(TooLong);
        }
        count += 1;
        put_name(charge.meter, buffer)?;
        buffer.extend_from_slice(&charge.quantity.to_le_bytes());
    }
    buffer[count_at] = count;
    Ok(())
}

/// Reads from the front of some bytes; `None` where they end too early.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    fn instant(&mut self) -> Option<Instant> {
        self.take().map(|bytes| Instant::from_micros(i64::from_le_bytes(bytes)))
    }

    fn name(&mut self) -> Option<&'a str> {
        let length = usize::from(self.u8()?);
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(name).ok()
    }

    fn charge(&mut self) -> Option<Charge<'a>> {
        Some(Charge { meter: self.name()?, quantity: i64::from_le_bytes(self.take()?) })
    }

    /// The charges, which are the last thing in a record.
    fn charges(&mut self) -> Option<Charges<'a>> {
        let count = usize::from(self.u8()?);
        let encoded = self.0;
        for _ in 0..count {
            self.charge()?;
        }
        (count <= CHARGES_MAX && self.0.is_empty()).then_some(Charges(Repr::Encoded(encoded)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frame::Parsed;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn the_largest_records_fit_in_what_is_reserved_for_them() {
        let name = "m".repeat(NAME_MAX);
        let charges = [Charge { meter: &name, quantity: i64::MIN }; CHARGES_MAX];
        let intent = Intent {
            admission: AdmissionId::from_uuid(id(1)),
            org: OrgId::from_uuid(id(2)),
            key: Some(KeyId::from_uuid(id(3))),
            user: Some(UserId::from_uuid(id(4))),
            route: &name,
            at: Instant::from_secs(5),
            reserved: (&charges).into(),
        };
        let settlement = Settlement {
            at: Instant::from_secs(6),
            status: 599,
            outcome: Outcome::TimedOut,
            bytes_in: u64::MAX,
            bytes_out: u64::MAX,
            duration_us: u64::MAX,
            used: (&charges).into(),
        };
        let mut buffer = Vec::new();
        intent.encode(&mut buffer).unwrap();
        assert_eq!(buffer.len(), INTENT_MAX);
        let Parsed::Frame { kind: INTENT, payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Intent::decode(payload), Some(intent));

        settlement.encode(intent.admission, &mut buffer).unwrap();
        assert_eq!(buffer.len(), SETTLEMENT_MAX);
        let Parsed::Frame { kind: SETTLEMENT, payload, .. } = frame::parse(&buffer) else { panic!() };
        assert_eq!(Settlement::decode(payload), Some((intent.admission, settlement)));

        let long = "m".repeat(NAME_MAX + 1);
        assert_eq!(Intent { route: &long, ..intent }.encode(&mut buffer), Err(TooLong));
        let many = [Charge { meter: "m", quantity: 1 }; CHARGES_MAX + 1];
        assert_eq!(Intent { reserved: (&many).into(), ..intent }.encode(&mut buffer), Err(TooLong));
    }
}
