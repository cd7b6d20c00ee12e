//! Typed ids: `Copy`, UUIDv7 inside (RFC 9562, section 5.7), `<prefix>_<26 characters>` outside.
//!
//! The text form is Crockford's base 32 in lower case, most significant digit first, so ids sort as their
//! creation times do, in both forms.

use crate::{Env, Instant};
use std::{fmt, str::FromStr};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const INVALID: u8 = 0xff;
/// Digits of a 128-bit number in base 32.
const DIGITS: usize = 26;

const VALUES: [u8; 256] = {
    let mut table = [INVALID; 256];
    let mut i = 0u8;
    while i < 32 {
        table[ALPHABET[i as usize] as usize] = i;
        i += 1;
    }
    table
};

/// Encodes bits, most significant first, as lower-case Crockford base 32; a last partial group is padded with zero bits.
#[must_use]
pub fn base32_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
    }
    text
}

/// Decodes what [`base32_encode`] wrote into exactly `N` bytes; `None` for any other text.
#[must_use]
pub fn base32_decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let mut out = [0u8; N];
    let (mut buffer, mut bits, mut at) = (0u32, 0u32, 0usize);
    for &digit in text {
        let value = VALUES[digit as usize];
        if value == INVALID {
            return None;
        }
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *out.get_mut(at)? = (buffer >> bits).to_le_bytes()[0];
            at += 1;
        }
    }
    // Bits left over are padding and must be zero, so that one value has one text.
    (at == N && buffer & ((1 << bits) - 1) == 0).then_some(out)
}

fn encode_uuid(uuid: Uuid) -> [u8; DIGITS] {
    let mut value = uuid.as_u128();
    let mut out = [0u8; DIGITS];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    out
}

fn decode_uuid(text: &[u8]) -> Option<Uuid> {
    // 26 digits hold 130 bits: the first may only carry three.
    if text.len() != DIGITS || VALUES[text[0] as usize] > 7 {
        return None;
    }
    let mut value = 0u128;
    for &digit in text {
        let digit = VALUES[digit as usize];
        if digit == INVALID {
            return None;
        }
        value = value << 5 | u128::from(digit);
    }
    Some(Uuid::from_u128(value))
}

fn uuid_v7(at: Instant, env: &Env) -> Uuid {
    let mut random = [0u8; 10];
    env.rng.fill(&mut random);
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError {
    prefix: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an id of the form {}_ followed by 26 characters", self.prefix)
    }
}

impl std::error::Error for IdError {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id that sorts before all others; none is made like it.
            pub const MIN: Self = Self(Uuid::nil());

            /// The id that sorts after all others; none is made like it.
            pub const MAX: Self = Self(Uuid::max());

            /// Makes a fresh id that sorts after those made at earlier instants.
            #[must_use]
            pub fn generate(env: &Env) -> Self {
                Self(uuid_v7(env.now(), env))
            }

            /// The id with these bits.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bits of the id.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The 26 characters after the prefix.
            #[must_use]
            pub fn digits(self) -> String {
                encode_uuid(self.0).iter().map(|&b| char::from(b)).collect()
            }

            /// Reads the 26 characters after the prefix.
            #[must_use]
            pub fn from_digits(digits: &[u8]) -> Option<Self> {
                decode_uuid(digits).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = encode_uuid(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|digits| decode_uuid(digits.as_bytes()))
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
                })
            }
        }
    )+};
}

ids! {
    /// An organization: the tenant.
    OrgId = "org";
    /// A person who can sign in.
    UserId = "usr";
    /// A signed-in session of a user.
    SessionId = "ses";
    /// An API key; outside it carries the blueprint's prefix instead of this one.
    KeyId = "key";
    /// One request, as its reply's `X-Request-Id` names it.
    RequestId = "req";
    /// The decision on one request; the usage event it settles into has the same id.
    AdmissionId = "adm";
    /// A subscription of an organization to a plan version.
    SubscriptionId = "sub";
    /// An entry of the audit log.
    AuditId = "aud";
    /// A message in an outbox.
    MessageId = "msg";
    /// A piece of due work.
    DueId = "due";
    /// An applied version of the blueprint.
    BlueprintVersionId = "bpv";
    /// A key that signs tokens.
    SigningKeyId = "sig";
    /// An invitation to an organization.
    InvitationId = "ivt";
    /// A version of a plan that a subscription was on for a while.
    ItemId = "si";
    /// An invoice, or a statement of usage that cost nothing.
    InvoiceId = "inv";
    /// What was given back of an invoice.
    CreditNoteId = "cn";
    /// An entry of what stands to a customer's credit.
    BalanceId = "bal";
    /// What the operator adds to an invoice.
    OneOffId = "ii";
    /// A plan of an organization's own: asked for, offered, accepted.
    OfferId = "off";
    /// An entry in the feed of changes.
    ChangeId = "chg";
    /// A project of an organization.
    ProjectId = "prj";
    /// A team of an organization.
    TeamId = "team";
    /// A reservation that outlives its request.
    HoldId = "hold";
    /// The credential of an upstream.
    ServiceId = "svc";
    /// A usage event that an upstream reported.
    EventId = "evt";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, SeededRng};
    use std::sync::Arc;

    fn env() -> Env {
        Env {
            clock: Arc::new(ManualClock::at(Instant::from_micros(1_700_000_000_000_000))),
            rng: Arc::new(SeededRng::new(7)),
        }
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = OrgId::generate(&env());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(OrgId::from_digits(id.digits().as_bytes()), Some(id));
    }

    #[test]
    fn another_kind_of_id_is_refused() {
        let text = UserId::generate(&env()).to_string();
        assert!(text.parse::<OrgId>().is_err());
        for bad in [
            "",
            "org_",
            "org_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "org_0000000000000000000000000!",
            "ORG_00000000000000000000000000",
        ] {
            assert!(bad.parse::<OrgId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_sort_by_creation_in_both_forms() {
        let clock = Arc::new(ManualClock::at(Instant::from_micros(1_000_000)));
        let env = Env { clock: clock.clone(), rng: Arc::new(SeededRng::new(1)) };
        let earlier = OrgId::generate(&env);
        clock.advance(crate::Span::from_secs(1));
        let later = OrgId::generate(&env);
        assert!(earlier < later && earlier.to_string() < later.to_string());
    }

    #[test]
    fn base32_has_one_text_for_one_value() {
        for bytes in [[0u8; 4], [255; 4], [1, 2, 3, 4]] {
            let text = base32_encode(&bytes);
            assert_eq!(base32_decode::<4>(text.as_bytes()), Some(bytes));
        }
        // 4 bytes are 32 bits in 7 digits of 5: three padding bits, which must be zero.
        assert_eq!(base32_decode::<4>(b"0000001"), None);
        assert_eq!(base32_decode::<4>(b"000000"), None);
        assert_eq!(base32_decode::<4>(b"00000u0"), None);
    }
}
