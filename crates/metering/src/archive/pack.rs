//! The body of a pack: events column by column, as JSON, compressed (zlib, RFC 1950).
//!
//! What must always hold: what is read is what was written, or reading fails. A body is self-describing, so that whoever
//! has lost the program still gets at the events with `zlib` and a reader of JSON.

use crate::{settle::DIGEST_MASK, settle::digest, store::EventRow};
use insula_kernel::{Instant, KeyId, ProjectId, ServiceId, TeamId, UserId, sha256};
use insula_storage::{StoreError, StoreResult};
use miniz_oxide::{deflate::compress_to_vec_zlib, inflate::decompress_to_vec_zlib_with_limit};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// How hard is tried to make it small: twice as hard takes twice as long and saves a few percent.
const LEVEL: u8 = 6;
/// A body comes to far less; what comes to more isn't ours.
const LARGEST_BYTES: usize = 1 << 28;

/// What a column holds, as JSON.
trait Cell: Sized {
    fn to_json(&self) -> Json;
    fn from_json(value: Json) -> Option<Self>;
}

impl Cell for i64 {
    fn to_json(&self) -> Json {
        (*self).into()
    }

    fn from_json(value: Json) -> Option<Self> {
        value.as_i64()
    }
}

impl Cell for bool {
    fn to_json(&self) -> Json {
        (*self).into()
    }

    fn from_json(value: Json) -> Option<Self> {
        value.as_bool()
    }
}

impl Cell for String {
    fn to_json(&self) -> Json {
        self.as_str().into()
    }

    fn from_json(value: Json) -> Option<Self> {
        match value {
            Json::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Cell for Instant {
    fn to_json(&self) -> Json {
        self.as_micros().into()
    }

    fn from_json(value: Json) -> Option<Self> {
        value.as_i64().map(Self::from_micros)
    }
}

impl Cell for Uuid {
    fn to_json(&self) -> Json {
        self.simple().to_string().into()
    }

    fn from_json(value: Json) -> Option<Self> {
        Self::try_parse(value.as_str()?).ok()
    }
}

/// Bytes, two digits each.
impl Cell for Vec<u8> {
    fn to_json(&self) -> Json {
        self.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
    }

    fn from_json(value: Json) -> Option<Self> {
        let text = value.as_str().filter(|text| text.is_ascii() && text.len().is_multiple_of(2))?;
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
    }
}

impl<T: Cell> Cell for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, Cell::to_json)
    }

    fn from_json(value: Json) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_json(value).map(Some) }
    }
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Cell for $id {
            fn to_json(&self) -> Json {
                self.uuid().to_json()
            }

            fn from_json(value: Json) -> Option<Self> {
                Uuid::from_json(value).map(Self::from_uuid)
            }
        }
    )+};
}

ids!(ProjectId, TeamId, KeyId, UserId, ServiceId);

macro_rules! columns {
    ($($column:ident,)+) => {
        fn to_columns(events: &[EventRow]) -> Map<String, Json> {
            let mut columns = Map::new();
            $(
                let cells = events.iter().map(|event| event.$column.to_json()).collect();
                columns.insert(stringify!($column).to_owned(), Json::Array(cells));
            )+
            columns
        }

        fn from_columns(mut columns: Map<String, Json>, events: usize) -> Option<Vec<EventRow>> {
            $(
                let mut $column = match columns.remove(stringify!($column))? {
                    Json::Array(cells) if cells.len() == events => cells.into_iter(),
                    _ => return None,
                };
            )+
            (0..events)
                .map(|_| Some(EventRow { $($column: Cell::from_json($column.next()?)?,)+ }))
                .collect()
        }
    };
}

columns! {
    id, at, received_at, kind, operation, source, subject, project, team, key, user, service, environment, quantities,
    groups, data, reserved, checks, blueprint, status, outcome, recovered, bytes_in, bytes_out, duration_us, settled,
}

/// What tells whether a body is the one that was written.
pub(crate) fn checksum(body: &[u8]) -> [u8; 16] {
    let mut checksum = [0; 16];
    checksum.copy_from_slice(&sha256(body)[..16]);
    checksum
}

/// The digest of these events as a set.
pub(super) fn digest_of(events: &[EventRow]) -> i64 {
    events.iter().fold(0, |sum, event| (sum + digest(event.id)) & DIGEST_MASK)
}

/// The body of a pack of these events.
pub(super) fn encode(events: &[EventRow]) -> Vec<u8> {
    compress_to_vec_zlib(Json::Object(to_columns(events)).to_string().as_bytes(), LEVEL)
}

/// The events of a pack, of which it says how many they are and the digest of their set.
pub(crate) fn decode(body: &[u8], sum: &[u8], events: i64, digest: i64) -> StoreResult<Vec<EventRow>> {
    let damaged = || StoreError::Failed("a pack of events is damaged; restore it from a backup".to_owned());
    if checksum(body) != *sum {
        return Err(damaged());
    }
    let text = decompress_to_vec_zlib_with_limit(body, LARGEST_BYTES).map_err(|_| damaged())?;
    let columns: Map<String, Json> = serde_json::from_slice(&text).map_err(|_| damaged())?;
    let events = usize::try_from(events).map_err(|_| damaged())?;
    let events = from_columns(columns, events).ok_or_else(damaged)?;
    if digest_of(&events) == digest { Ok(events) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with everything, and one with next to nothing.
    fn events() -> Vec<EventRow> {
        let full = EventRow {
            id: Uuid::from_u128(1 << 100),
            at: Instant::from_micros(i64::MIN),
            received_at: Some(Instant::from_secs(5)),
            kind: "job.finished".into(),
            operation: "job.finished".into(),
            source: Some("/rénder".into()),
            subject: Some(String::new()),
            project: Some(ProjectId::MAX),
            team: Some(TeamId::MIN),
            key: Some(KeyId::from_uuid(Uuid::from_u128(3))),
            user: Some(UserId::from_uuid(Uuid::from_u128(4))),
            service: Some(ServiceId::from_uuid(Uuid::from_u128(5))),
            environment: 3,
            quantities: "{\"jobs\":9223372036854775807}".into(),
            groups: Some("{\"site\":\"köln\"}".into()),
            data: Some("{\"text\":\"\\u0000\"}".into()),
            reserved: Some("{}".into()),
            checks: Some(vec![0, 255, 16]),
            blueprint: Some(7),
            status: 200,
            outcome: "completed".into(),
            recovered: true,
            bytes_in: i64::MAX,
            bytes_out: i64::MIN,
            duration_us: -1,
            settled: 12,
        };
        let bare = EventRow {
            id: Uuid::from_u128(2),
            at: Instant::from_micros(i64::MAX),
            received_at: None,
            source: None,
            subject: None,
            project: None,
            team: None,
            key: None,
            user: None,
            service: None,
            groups: None,
            data: None,
            reserved: None,
            checks: None,
            blueprint: None,
            ..full.clone()
        };
        vec![full, bare]
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let events = events();
        let body = encode(&events);
        let read = decode(&body, &checksum(&body), 2, digest_of(&events)).unwrap();
        assert_eq!(read, events);
    }

    #[test]
    fn what_was_changed_is_not_read() {
        let events = events();
        let (body, digest) = (encode(&events), digest_of(&events));
        let sum = checksum(&body);
        assert!(decode(&body, &sum, 1, digest).is_err() && decode(&body, &sum, 3, digest).is_err());
        assert!(decode(&body, &sum, 2, digest + 1).is_err() && decode(&body, &sum, -1, digest).is_err());
        for at in 0..body.len() {
            let mut other = body.clone();
            other[at] ^= 1;
            assert!(decode(&other, &sum, 2, digest).is_err());
        }
        let cut = &body[..body.len() - 1];
        assert!(decode(cut, &checksum(cut), 2, digest).is_err());
        let other = compress_to_vec_zlib(b"{}", LEVEL);
        assert!(decode(&other, &checksum(&other), 2, digest).is_err());
    }
}
