//! Merge patches (RFC 7396): absent, null and a value are three things.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// A field of a merge patch. Needs `#[serde(default)]`, so that an absent field is [`Patch::Absent`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Patch<T> {
    /// Leave it as it is.
    #[default]
    Absent,
    /// Remove it.
    Null,
    /// Set it.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Option::<T>::json_schema(generator)
    }
}
