//! Pages of lists: a stable order, a bounded size, an opaque cursor.

use crate::{Error, Result, base32_decode, base32_encode};
use uuid::Uuid;

/// What is asked of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// How many items at most: 1 to 200.
    pub limit: u32,
    /// Where the page starts: after this cursor, or at the beginning.
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// Items on a page when the caller doesn't say.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Items on a page at most.
    pub const MAX_LIMIT: u32 = 200;

    /// Checks what a caller asked for.
    pub fn new(limit: Option<u32>, cursor: Option<&str>) -> Result<Self> {
        let limit = limit.unwrap_or(Self::DEFAULT_LIMIT);
        if !(1..=Self::MAX_LIMIT).contains(&limit) {
            let detail = format!("`limit` must be 1 to {}.", Self::MAX_LIMIT);
            return Err(Error::invalid_field("?limit", "out_of_range", detail));
        }
        let after = cursor.map(Cursor::parse).transpose()?;
        Ok(Self { limit, after })
    }
}

/// The place of an item in a list ordered by id. Opaque to callers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor(Uuid);

impl Cursor {
    /// The cursor just behind the item with this id.
    #[must_use]
    pub const fn after(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of the item before the page.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }

    /// Reads a cursor that [`Page::next_cursor`] gave.
    pub fn parse(text: &str) -> Result<Self> {
        base32_decode::<16>(text.as_bytes()).map(|bytes| Self(Uuid::from_bytes(bytes))).ok_or_else(|| {
            Error::invalid_field(
                "?cursor",
                "malformed",
                "`cursor` must be a `next_cursor` of an earlier page.",
            )
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&base32_encode(self.0.as_bytes()))
    }
}

/// A page of a list.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to pass as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page from `limit + 1` fetched items; `id` gives an item's place in the order.
    #[must_use]
    pub fn cut(mut fetched: Vec<T>, request: PageRequest, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = request.limit as usize;
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        let next_cursor = fetched.last().filter(|_| more).map(|last| Cursor::after(id(last)).to_string());
        Self { items: fetched, next_cursor }
    }

    /// The same page with other items.
    #[must_use]
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next_cursor: self.next_cursor }
    }
}
