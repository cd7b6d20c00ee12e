//! One CloudEvent, as an upstream reports it (CloudEvents 1.0, JSON event format).
//!
//! What must always hold: numbers are read as they are written, never through a float; what a meter needs and the event
//! doesn't say refuses the event, since usage that is silently not counted is usage that is never billed.

use super::Rejection;
use crate::log::{Fold, GROUP_MAX, KIND_MAX, SOURCE_MAX, SUBJECT_MAX};
use insula_blueprint::{Aggregate, Compiled, Meter, Pointer, REQUEST_EVENT};
use insula_kernel::{DecimalError, Instant, Quantity, Span, sha256};
use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The most bytes of an event's data.
pub const DATA_MAX: usize = crate::log::DATA_MAX;
/// How far an event's time may lie ahead: clocks of two machines are never quite the same.
const AHEAD: Span = Span::from_mins(5);
/// How late an event may come.
const LATE: Span = Span::from_days(400);

/// An event as it came, its attributes checked for their shape alone.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) source: Cow<'a, str>,
    pub(super) kind: Cow<'a, str>,
    pub(super) subject: Option<Cow<'a, str>>,
    pub(super) time: Option<Cow<'a, str>>,
    pub(super) data: Option<&'a RawValue>,
    /// Extension attributes of Insula's own: on whose behalf it happened.
    pub(super) project: Option<Cow<'a, str>>,
    pub(super) key: Option<Cow<'a, str>>,
    pub(super) user: Option<Cow<'a, str>>,
}

/// A quantity of a meter that an event adds to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Measured {
    /// The meter's position.
    pub(super) meter: usize,
    pub(super) quantity: i64,
    pub(super) fold: Fold,
}

/// A property by which usage can be told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Grouped {
    pub(super) name: String,
    pub(super) value: String,
}

impl<'a> Event<'a> {
    /// Reads one event.
    pub(super) fn read(text: &'a str) -> Result<Self, Rejection> {
        let raw: Attributes<'a> = serde_json::from_str(text).map_err(|error| {
            Rejection::new("event.malformed", format!("The event can't be read: {error}."))
        })?;
        raw.check()
    }

    /// When it happened.
    pub(super) fn at(&self, received_at: Instant) -> Result<Instant, Rejection> {
        let Some(text) = &self.time else { return Ok(received_at) };
        let at: Instant = text.parse().map_err(|_| {
            Rejection::new("event.time", "`time` must be an RFC 3339 time such as 2026-03-01T12:00:00Z.")
        })?;
        if at > received_at + AHEAD {
            return Err(Rejection::new("event.time", "`time` lies in the future."));
        }
        if at < received_at - LATE {
            return Err(Rejection::new("event.time", "`time` lies more than 400 days back."));
        }
        Ok(at.min(received_at))
    }

    /// What every meter counts of it.
    pub(super) fn measure(&self, blueprint: &Compiled) -> Result<Vec<Measured>, Rejection> {
        let meters = blueprint.meters().iter().enumerate().filter(|(_, meter)| *meter.event == *self.kind);
        let measured: Vec<Measured> =
            meters.map(|(place, meter)| self.count(place, meter)).collect::<Result<_, _>>()?;
        if measured.is_empty() {
            let detail = format!("No meter counts events of the type `{}`.", self.kind);
            return Err(Rejection::new("event.unknown_type", detail));
        }
        Ok(measured)
    }

    fn count(&self, place: usize, meter: &Meter) -> Result<Measured, Rejection> {
        let fold = match meter.aggregate {
            Aggregate::Count => return Ok(Measured { meter: place, quantity: 1, fold: Fold::Add }),
            Aggregate::Sum => Fold::Add,
            Aggregate::Max => Fold::Max,
            Aggregate::Last => Fold::Last,
            Aggregate::Unique => {
                let member = self.property(meter)?;
                let text = plain(member).unwrap_or(Cow::Borrowed(member.get()));
                return Ok(Measured {
                    meter: place,
                    quantity: 1,
                    fold: Fold::Unique(short(text.as_bytes())),
                });
            }
        };
        let quantity = self.quantity(meter)?;
        Ok(Measured { meter: place, quantity, fold })
    }

    fn property(&self, meter: &Meter) -> Result<&'a RawValue, Rejection> {
        let missing = |of: &dyn fmt::Display| {
            let detail = format!("`data` has no `{of}`, which the meter `{}` counts.", meter.name);
            Rejection::new("event.quantity_missing", detail)
        };
        let Some(of) = &meter.of else { return Err(missing(&meter.name)) };
        self.data
            .and_then(|data| find(data, of))
            .filter(|value| value.get() != "null")
            .ok_or_else(|| missing(of))
    }

    fn quantity(&self, meter: &Meter) -> Result<i64, Rejection> {
        let value = self.property(meter)?;
        let refuse = |code, why: String| {
            Rejection::new(code, format!("The meter `{}` can't count `{value}`: {why}.", meter.name))
        };
        let text = plain(value).ok_or_else(|| refuse("event.quantity", "it is no number".into()))?;
        let quantity = Quantity::parse(&text, meter.scale).map_err(|error| match error {
            DecimalError::TooPrecise => {
                let places = meter.scale.places();
                refuse("event.quantity_scale", format!("it has more than {places} decimals"))
            }
            DecimalError::Overflow => refuse("event.quantity_overflow", "it is too large".into()),
            DecimalError::Syntax => refuse("event.quantity", "it is no decimal number".into()),
        })?;
        if quantity.units() < 0 {
            return Err(refuse("event.quantity", "it is below zero".into()));
        }
        Ok(quantity.units())
    }

    /// The properties by which the meters that count it tell usage apart, each once.
    pub(super) fn groups(&self, blueprint: &Compiled) -> Result<Vec<Grouped>, Rejection> {
        let mut groups: Vec<Grouped> = Vec::new();
        let meters = blueprint.meters().iter().filter(|meter| *meter.event == *self.kind);
        for pointer in meters.flat_map(|meter| &meter.group_by) {
            let name = pointer.to_string();
            if groups.iter().any(|group| group.name == name) {
                continue;
            }
            let Some(value) = self.data.and_then(|data| find(data, pointer)).and_then(plain) else {
                continue;
            };
            if value.len() > GROUP_MAX {
                let detail =
                    format!("`{name}` is longer than the {GROUP_MAX} bytes by which usage is told apart.");
                return Err(Rejection::new("event.group", detail));
            }
            groups.push(Grouped { name, value: value.into_owned() });
        }
        Ok(groups)
    }

    /// What the event says stands at a place of its data.
    pub(super) fn text_at(&self, pointer: &Pointer) -> Option<Cow<'a, str>> {
        find(self.data?, pointer).and_then(plain)
    }

    /// A digest of everything it says apart from its id and source: by it a repetition is told from a conflict.
    pub(super) fn body(&self) -> [u8; 16] {
        let mut text = Vec::with_capacity(256);
        let data = self.data.map(RawValue::get);
        let parts = [
            &Some(Cow::Borrowed(&*self.kind)),
            &self.subject,
            &self.time,
            &self.project,
            &self.key,
            &self.user,
        ];
        for part in parts.into_iter().map(|part| part.as_deref()).chain([data]) {
            // Lengths keep one part from running into the next.
            let bytes = part.map_or(&[][..], str::as_bytes);
            text.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            text.push(u8::from(part.is_some()));
            text.extend_from_slice(bytes);
        }
        short(&text)
    }
}

/// The first half of a digest.
fn short(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&sha256(bytes)[..16]);
    short
}

/// The attributes of an event. Names that Insula doesn't know are extensions of others, which are passed over as the
/// specification has it.
#[derive(Default)]
struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
    has_binary: bool,
    project: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    user: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn check(self) -> Result<Event<'a>, Rejection> {
        let wrong = |detail: String| Rejection::new("event.attribute", detail);
        match self.specversion.as_deref() {
            Some("1.0") => {}
            _ => return Err(wrong("`specversion` must be \"1.0\".".into())),
        }
        if self.has_binary {
            return Err(wrong("`data` must be JSON; `data_base64` can't be counted.".into()));
        }
        let need = |name: &str, value: Option<Cow<'a, str>>, most: usize| {
            let value = value.filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| wrong(format!("The event has no `{name}`.")))?;
            if value.len() > most {
                return Err(wrong(format!("`{name}` is longer than {most} bytes.")));
            }
            Ok(value)
        };
        let event = Event {
            id: need("id", self.id, SUBJECT_MAX)?,
            source: need("source", self.source, SOURCE_MAX)?,
            kind: need("type", self.kind, KIND_MAX)?,
            subject: self.subject,
            time: self.time,
            data: self.data,
            project: self.project,
            key: self.key,
            user: self.user,
        };
        if event.kind == REQUEST_EVENT {
            let detail = "Events of the type `request` are written by the gateway alone.";
            return Err(Rejection::new("event.reserved_type", detail));
        }
        if event.subject.as_ref().is_some_and(|subject| subject.len() > SUBJECT_MAX) {
            return Err(wrong(format!("`subject` is longer than {SUBJECT_MAX} bytes.")));
        }
        if event.data.is_some_and(|data| data.get().len() > DATA_MAX) {
            return Err(Rejection::new("event.too_large", format!("`data` has more than {DATA_MAX} bytes.")));
        }
        Ok(event)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor(std::marker::PhantomData))
    }
}

struct AttributesVisitor<'a>(std::marker::PhantomData<&'a ()>);

/// A text that is borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Visitor<'de> for AttributesVisitor<'a> {
    type Value = Attributes<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent: an object with `specversion`, `id`, `source` and `type`")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut attributes = Attributes::default();
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let place = match &*name {
                "specversion" => &mut attributes.specversion,
                "id" => &mut attributes.id,
                "source" => &mut attributes.source,
                "type" => &mut attributes.kind,
                "subject" => &mut attributes.subject,
                "time" => &mut attributes.time,
                "project" => &mut attributes.project,
                "apikey" => &mut attributes.key,
                "user" => &mut attributes.user,
                "data" => {
                    attributes.data = Some(map.next_value()?);
                    continue;
                }
                other => {
                    attributes.has_binary |= other == "data_base64";
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *place = map.next_value::<Option<Text<'de>>>()?.map(|Text(text)| text);
        }
        Ok(attributes)
    }
}

/// What stands at a place of some JSON, as it is written.
fn find<'a>(document: &'a RawValue, pointer: &Pointer) -> Option<&'a RawValue> {
    pointer.names().try_fold(document, |value, name| member(value, name))
}

/// A member of an object, as it is written.
fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    struct Member<'n>(&'n str);
    impl<'de> Visitor<'de> for Member<'_> {
        type Value = Option<&'de RawValue>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut found = None;
            while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                if name == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Member(name)).ok().flatten()
}

/// A single value as text: a number as it is written, a text without its quotes.
fn plain(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get().trim();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(text).ok().map(|Text(text)| text),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}
