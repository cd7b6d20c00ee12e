//! `POST /v1/orgs/{org}/events`.

use super::State;
use crate::ingest::{BATCH_MAX, Reporter, Taken};
use axum::{
    extract::State as From,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use insula_access::{IngestUsage, Principal};
use insula_kernel::{Error, ErrorKind, Result, Scope as _};
use insula_web::{Failure, In, Json, Raw};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One event.
const SINGLE: &str = "application/cloudevents+json";
/// Several events, as a list.
const BATCH: &str = "application/cloudevents-batch+json";
/// The media types that are understood.
pub(super) const MEDIA_TYPES: &[&str] = &[SINGLE, BATCH];
/// The largest body: a full batch of the largest events.
pub(super) const MAX_BODY: usize = BATCH_MAX * (12 << 10);

/// An event, or a list of up to 1 000 of them, in the JSON format of CloudEvents 1.0.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    clippy::large_enum_variant,
    reason = "it describes what is read by hand, since numbers must be read as they are written"
)]
pub(super) enum Events {
    One(CloudEvent),
    Batch(Vec<CloudEvent>),
}

/// What happened, as CloudEvents 1.0 has it.
#[derive(Deserialize, JsonSchema)]
#[expect(
    dead_code,
    reason = "it describes what is read by hand, since numbers must be read as they are written"
)]
pub(super) struct CloudEvent {
    /// Always "1.0".
    #[schemars(extend("const" = "1.0"))]
    specversion: String,
    /// With the source, what makes the event the same when it is sent again. Ids that follow the time, such as UUIDs of
    /// version 7, are taken in fastest.
    id: String,
    /// What reports it.
    source: String,
    /// Its type, which a meter of the blueprint counts.
    #[serde(rename = "type")]
    kind: String,
    /// What it is about; it ends what a route holds under this name.
    subject: Option<String>,
    /// When it happened, RFC 3339; when it came, if it isn't said. At most 400 days back.
    time: Option<String>,
    /// The properties that meters count, at most 8 KiB of JSON.
    data: Option<serde_json::Value>,
    /// The project on whose behalf it happened.
    project: Option<String>,
    /// The API key on whose behalf it happened, by its public part.
    apikey: Option<String>,
    /// The user on whose behalf it happened.
    user: Option<String>,
}

/// What became of the events.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Reported {
    /// How many are durable now and will be counted.
    pub accepted: usize,
    /// How many were known with the same content.
    pub duplicates: usize,
    /// Those that weren't taken.
    pub rejected: Vec<RejectedEvent>,
}

/// An event that wasn't taken.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RejectedEvent {
    /// Its position in the batch, from 0.
    pub index: usize,
    /// The stable code of the reason.
    pub code: &'static str,
    /// What is wrong, and what would be right.
    pub detail: String,
}

pub(super) async fn report_events(
    From(state): From<State>,
    In(proof): In<IngestUsage>,
    raw: Raw<MAX_BODY>,
) -> Result<Response, Failure> {
    let malformed = |detail: String| Error::new(ErrorKind::Malformed, "request.malformed", detail);
    let text =
        std::str::from_utf8(&raw.bytes).map_err(|_| malformed("The body is not valid UTF-8.".into()))?;
    if text.contains("\\u0000") {
        return Err(malformed("NUL can't be part of a text.".into()).into());
    }
    let is_batch = match raw.media_type.as_str() {
        SINGLE => false,
        BATCH => true,
        _ => {
            let detail = format!("Send `{SINGLE}` for one event, `{BATCH}` for a list of them.");
            return Err(Error::new(ErrorKind::UnsupportedMediaType, "request.media_type", detail).into());
        }
    };
    let list: Vec<&RawValue>;
    let events: Vec<&str> = if is_batch {
        list = serde_json::from_str(text)
            .map_err(|error| malformed(format!("The body is no list of events: {error}.")))?;
        list.iter().map(|event| event.get()).collect()
    } else {
        vec![text]
    };
    if events.len() > BATCH_MAX {
        let detail = format!("A batch has at most {BATCH_MAX} events.");
        return Err(Error::new(ErrorKind::TooLarge, "request.too_large", detail).into());
    }
    let service = match proof.principal() {
        Principal::Service { service } => Some(service),
        _ => None,
    };
    let reporter = Reporter { org: proof.organization(), service };
    let taken = state.ingest.take(reporter, &state.blueprint.load_full(), &events).await?;
    let mut reported = Reported { accepted: 0, duplicates: 0, rejected: Vec::new() };
    for (index, taken) in taken.into_iter().enumerate() {
        match taken {
            Taken::Accepted => reported.accepted += 1,
            Taken::Duplicate => reported.duplicates += 1,
            Taken::Rejected(rejection) if !is_batch => return Err(rejection.into_error().into()),
            Taken::Rejected(rejection) => {
                let (code, detail) = (rejection.code, rejection.detail);
                reported.rejected.push(RejectedEvent { index, code, detail });
            }
        }
    }
    Ok((StatusCode::ACCEPTED, Json(reported)).into_response())
}
