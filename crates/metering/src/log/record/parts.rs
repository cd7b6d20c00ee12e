//! What records are made of: names, lists, and the way they are written and read.

use super::{CHARGES_MAX, CHECKS_MAX, GROUPS_MAX, NAME_MAX, TooLong};
use insula_kernel::Instant;
use uuid::Uuid;

/// The most bytes the value of a group may have.
pub const GROUP_MAX: usize = 256;

/// How a quantity goes together with those of other events in the same window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fold {
    /// They add up.
    Add,
    /// The greatest counts.
    Max,
    /// The latest counts.
    Last,
    /// Different values are counted, each once: what stands here is the digest of one. The quantity is not looked at.
    Unique([u8; 16]),
}

/// A quantity of a meter, in its smallest units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge<'a> {
    /// The meter's name in the blueprint.
    pub meter: &'a str,
    /// How much.
    pub quantity: i64,
    /// How it goes together with others.
    pub fold: Fold,
}

impl<'a> Charge<'a> {
    /// The most bytes one takes.
    pub(super) const BYTES: usize = 1 + NAME_MAX + 1 + 16 + 8;

    /// A quantity that adds up with others.
    #[must_use]
    pub const fn add(meter: &'a str, quantity: i64) -> Self {
        Self { meter, quantity, fold: Fold::Add }
    }

    fn put(self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        put_name(self.meter, buffer)?;
        match self.fold {
            Fold::Add => buffer.push(0),
            Fold::Max => buffer.push(1),
            Fold::Last => buffer.push(2),
            Fold::Unique(member) => {
                buffer.push(3);
                buffer.extend_from_slice(&member);
            }
        }
        buffer.extend_from_slice(&self.quantity.to_le_bytes());
        Ok(())
    }

    fn take(cursor: &mut Cursor<'a>) -> Option<Self> {
        let meter = cursor.name()?;
        let fold = match cursor.u8()? {
            0 => Fold::Add,
            1 => Fold::Max,
            2 => Fold::Last,
            3 => Fold::Unique(cursor.take()?),
            _ => return None,
        };
        Some(Self { meter, quantity: cursor.i64()?, fold })
    }
}

/// Where a limit stood when a request was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Check {
    /// The limit's position in the blueprint that decided.
    pub limit: u16,
    /// What was asked of it, in words of the gate.
    pub kind: u8,
    /// What was consumed and reserved of it, this request included.
    pub used: i64,
    /// How far it went; `None` is unlimited.
    pub bound: Option<i64>,
}

impl Check {
    /// The bytes one takes.
    pub(super) const BYTES: usize = 2 + 1 + 8 + 8;
    /// What is written for no bound.
    const UNLIMITED: i64 = i64::MIN;

    fn put(self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        buffer.extend_from_slice(&self.limit.to_le_bytes());
        buffer.push(self.kind);
        buffer.extend_from_slice(&self.used.to_le_bytes());
        buffer.extend_from_slice(&self.bound.unwrap_or(Self::UNLIMITED).to_le_bytes());
        Ok(())
    }

    fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            limit: u16::from_le_bytes(cursor.take()?),
            kind: cursor.u8()?,
            used: cursor.i64()?,
            bound: Some(cursor.i64()?).filter(|bound| *bound != Self::UNLIMITED),
        })
    }
}

/// A property by which usage can be told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group<'a> {
    /// The property, as the blueprint declares it.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
}

impl<'a> Group<'a> {
    /// The most bytes one takes.
    pub(super) const BYTES: usize = 1 + NAME_MAX + 2 + GROUP_MAX;

    fn put(self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
        put_name(self.name, buffer)?;
        put_text(self.value, GROUP_MAX, buffer)
    }

    fn take(cursor: &mut Cursor<'a>) -> Option<Self> {
        Some(Self { name: cursor.name()?, value: cursor.text()? })
    }
}

/// What a list adds to its elements: their number and their length.
pub(super) const LIST_OVERHEAD: usize = 1 + 2;

macro_rules! list {
    ($(#[$doc:meta])* $list:ident<$life:lifetime> of $element:ty, at most $max:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $list<$life> {
            slice: &$life [$element],
            /// Checked when it was decoded.
            encoded: &$life [u8],
        }

        impl<$life> From<&$life [$element]> for $list<$life> {
            fn from(slice: &$life [$element]) -> Self {
                Self { slice, encoded: &[] }
            }
        }

        impl<$life, const N: usize> From<&$life [$element; N]> for $list<$life> {
            fn from(slice: &$life [$element; N]) -> Self {
                Self { slice, encoded: &[] }
            }
        }

        impl<$life> $list<$life> {
            /// The empty list.
            pub const NONE: Self = Self { slice: &[], encoded: &[] };

            /// What it consists of, in order.
            pub fn iter(self) -> impl Iterator<Item = $element> {
                let mut cursor = Cursor(self.encoded);
                self.slice.iter().copied().chain(std::iter::from_fn(move || <$element>::take(&mut cursor)))
            }

            /// Whether there is nothing in it.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.slice.is_empty() && self.encoded.is_empty()
            }

            pub(super) fn put(self, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
                let head = buffer.len();
                buffer.extend_from_slice(&[0; LIST_OVERHEAD]);
                let mut count = 0;
                for element in self.iter() {
                    if usize::from(count) == $max {
                        return Err(TooLong);
                    }
                    count += 1;
                    element.put(buffer)?;
                }
                let length = u16::try_from(buffer.len() - head - LIST_OVERHEAD).map_err(|_| TooLong)?;
                buffer[head] = count;
                buffer[head + 1..head + LIST_OVERHEAD].copy_from_slice(&length.to_le_bytes());
                Ok(())
            }

            pub(super) fn take(cursor: &mut Cursor<$life>) -> Option<Self> {
                let count = usize::from(cursor.u8()?);
                let length = u16::from_le_bytes(cursor.take()?);
                let encoded = cursor.bytes(length.into())?;
                let mut elements = Cursor(encoded);
                for _ in 0..count {
                    <$element>::take(&mut elements)?;
                }
                (count <= $max && elements.0.is_empty()).then_some(Self { slice: &[], encoded })
            }
        }

        impl PartialEq for $list<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.iter().eq(other.iter())
            }
        }

        impl Eq for $list<'_> {}

        impl std::fmt::Debug for $list<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_list().entries(self.iter()).finish()
            }
        }
    };
}

list! {
    /// At most [`CHARGES_MAX`] charges: a slice on the way in, encoded bytes on the way out.
    Charges<'a> of Charge<'a>, at most CHARGES_MAX
}
list! {
    /// At most [`CHECKS_MAX`] checks: a slice on the way in, encoded bytes on the way out.
    Checks<'a> of Check, at most CHECKS_MAX
}
list! {
    /// At most [`GROUPS_MAX`] groups: a slice on the way in, encoded bytes on the way out.
    Groups<'a> of Group<'a>, at most GROUPS_MAX
}

impl<'a> Charges<'a> {
    /// The bytes that say the same where they were read from the log; empty for no charges.
    pub(crate) const fn encoded(self) -> &'a [u8] {
        self.encoded
    }
}

impl<'a> Checks<'a> {
    /// The bytes that say the same where they were read from the log; empty for no checks.
    #[must_use]
    pub const fn encoded(self) -> &'a [u8] {
        self.encoded
    }

    /// The checks that these bytes say; `None` for bytes that are none of ours.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Vec<Check>> {
        let mut cursor = Cursor(bytes);
        let mut checks = Vec::with_capacity(bytes.len() / Check::BYTES);
        while !cursor.0.is_empty() {
            checks.push(Check::take(&mut cursor)?);
        }
        Some(checks)
    }
}

pub(super) fn put_id(id: Option<Uuid>, buffer: &mut Vec<u8>) {
    if let Some(id) = id {
        buffer.extend_from_slice(id.as_bytes());
    }
}

pub(super) fn put_instant(at: Instant, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&at.as_micros().to_le_bytes());
}

pub(super) fn put_name(name: &str, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
    if name.len() > NAME_MAX {
        return Err(TooLong);
    }
    buffer.push(u8::try_from(name.len()).map_err(|_| TooLong)?);
    buffer.extend_from_slice(name.as_bytes());
    Ok(())
}

pub(super) fn put_text(text: &str, max: usize, buffer: &mut Vec<u8>) -> Result<(), TooLong> {
    if text.len() > max {
        return Err(TooLong);
    }
    buffer.extend_from_slice(&u16::try_from(text.len()).map_err(|_| TooLong)?.to_le_bytes());
    buffer.extend_from_slice(text.as_bytes());
    Ok(())
}

/// One bit for each of these that is there, the first in the lowest.
pub(super) fn flags(present: impl IntoIterator<Item = bool>) -> u8 {
    present.into_iter().enumerate().fold(0, |flags, (bit, present)| flags | u8::from(present) << bit)
}

/// Reads from the front of some bytes; `None` where they end too early.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    pub(super) fn instant(&mut self) -> Option<Instant> {
        self.i64().map(Instant::from_micros)
    }

    pub(super) fn name(&mut self) -> Option<&'a str> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = u16::from_le_bytes(self.take()?);
        std::str::from_utf8(self.bytes(length.into())?).ok()
    }

    /// What `read` reads where the flags have this bit; `Some(None)` where they don't.
    pub(super) fn when<T>(
        &mut self,
        flags: u8,
        bit: u8,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if flags & 1 << bit == 0 { Some(None) } else { read(self).map(Some) }
    }

    /// Nothing, if everything was read.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
