//! Reads declared shapes from spanned TOML, and goes on after a mistake so that all of them are found at once.
//!
//! A shape is declared once, with [`table!`], [`priced!`] or [`choice!`]: the struct, its reader and its part of the JSON Schema
//! come from the same lines. Nothing undeclared is accepted. A part that can't be read is reported and left `None`;
//! its name stays known, so that one mistake does not make others appear.

use crate::diagnostics::{Place, Report, nearest, quoted, suggest};
use insula_kernel::Currency;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::{borrow::Cow, collections::BTreeMap};
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

/// Something that can be read from a value of the file.
pub(crate) trait Read: Sized {
    /// Reads the value; `None` means that a mistake was reported.
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self>;

    /// What stands for a key that isn't there; `None` means that it must be there, which `missing` reports.
    fn absent(missing: impl FnOnce()) -> Option<Self> {
        missing();
        None
    }
}

/// A value with its place in the file.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

impl<T: Read> Read for At<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        Some(Self { value: T::read(value, at, report)?, at: at.clone() })
    }
}

/// A member of a list that has a shape of its own.
#[derive(Clone, Debug)]
pub(crate) struct Item<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
    /// Whether nothing in it was reported. Where something was, what seems to be missing may only be wrong.
    pub(crate) clean: bool,
}

impl<T: Read> Read for Item<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let before = report.count();
        let value = T::read(value, at, report)?;
        Some(Self { value, at: at.clone(), clean: report.count() == before })
    }
}

/// What may be left out. What is there but can't be read counts as left out, once it is reported.
impl<T: Read> Read for Option<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        Some(T::read(value, at, report))
    }
    fn absent(_: impl FnOnce()) -> Option<Self> {
        Some(None)
    }
}

/// What must be there. Missing or unreadable it is `None`, once it is reported, and the rest of its table counts.
#[derive(Clone, Debug)]
pub(crate) struct Required<T>(pub(crate) Option<T>);

impl<T: Read> Read for Required<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        Some(Self(T::read(value, at, report)))
    }
    fn absent(missing: impl FnOnce()) -> Option<Self> {
        Some(Self(T::absent(missing)))
    }
}

/// A list; absent it is empty. Members that can't be read are reported and left out.
impl<T: Read> Read for Vec<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(array) = value.as_array() else {
            return wrong_type("a list", value, at, report);
        };
        Some(array.iter().filter_map(|item| T::read(item.get_ref(), &item.span(), report)).collect())
    }
    fn absent(_: impl FnOnce()) -> Option<Self> {
        Some(Self::new())
    }
}

/// A table whose keys are names of the blueprint's own choice, in the order of the file; absent it is empty.
#[derive(Clone, Debug)]
pub(crate) struct Map<T>(pub(crate) Vec<Entry<T>>);

/// One named part of a [`Map`].
#[derive(Clone, Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: At<String>,
    /// `None` if it could not be read, which was reported.
    pub(crate) value: Option<T>,
    /// Whether nothing in it was reported. Where something was, what seems to be missing may only be wrong.
    pub(crate) clean: bool,
}

impl<T> Default for Map<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Map<T> {
    /// Every name, also of what could not be read.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| entry.name.value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The parts that could be read, with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&At<String>, &T)> {
        self.0.iter().filter_map(|entry| Some((&entry.name, entry.value.as_ref()?)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(known, _)| known.value == name).map(|(_, value)| value)
    }
}

impl<T: Read> Map<T> {
    /// Reads these keys of a table.
    pub(crate) fn of<'t, 'i: 't>(
        keys: impl Iterator<Item = KeyValue<'t, 'i>>,
        report: &mut Report<'_>,
    ) -> Self {
        let mut entries: Vec<_> = keys
            .map(|(key, value)| {
                let name = At { value: key.get_ref().to_string(), at: key.span() };
                let before = report.count();
                let value = T::read(value.get_ref(), &value.span(), report);
                Entry { name, value, clean: report.count() == before }
            })
            .collect();
        entries.sort_by_key(|entry| entry.name.at.start);
        Self(entries)
    }
}

impl<T: Read> Read for Map<T> {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.as_table() else {
            return wrong_type("a table", value, at, report);
        };
        Some(Self::of(table.iter(), report))
    }
    fn absent(_: impl FnOnce()) -> Option<Self> {
        Some(Self::default())
    }
}

impl Read for String {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        value.as_str().map(str::to_owned).or_else(|| wrong_type("a text in quotes", value, at, report))
    }
}

impl Read for bool {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        value.as_bool().or_else(|| wrong_type("true or false", value, at, report))
    }
}

impl Read for i64 {
    fn read(value: &DeValue<'_>, at: &Place, report: &mut Report<'_>) -> Option<Self> {
        let Some(integer) = value.as_integer() else {
            return wrong_type("a whole number", value, at, report);
        };
        let number = Self::from_str_radix(integer.as_str(), integer.radix());
        if number.is_err() {
            let message = format!("{} is too large a number", quoted(&integer.to_string()));
            report.error(at, "blueprint.number_range", message, format!("at most {} fits", Self::MAX));
        }
        number.ok()
    }
}

/// Reports a value of another type than the wanted one.
pub(crate) fn wrong_type<T>(
    wanted: &str,
    value: &DeValue<'_>,
    at: &Place,
    report: &mut Report<'_>,
) -> Option<T> {
    let found = match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    report.error(at, "blueprint.wrong_type", format!("this is {found}"), format!("{wanted} belongs here"));
    None
}

/// Reports what the language has and this version does not run.
pub(crate) fn unsupported(what: &str, help: &str, at: &Place, report: &mut Report<'_>) {
    let message = format!("{what} is part of the blueprint language, but this version does not run it yet");
    report.error(at, "blueprint.unsupported", message, help);
}

/// A key of a table and its value.
type KeyValue<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);

/// The table that is read, with what its mistaken keys explain.
pub(crate) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    at: &'t Place,
    /// Keys that seem to be missing because they are misspelt.
    misspelt: Vec<&'static str>,
    /// Whether a key of the full language is there, which may be what stands for another.
    unsupported: bool,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// Reports every key that is not among the known ones.
    pub(crate) fn new(
        table: &'t DeTable<'i>,
        at: &'t Place,
        known: &[&'static str],
        later: &[&str],
        report: &mut Report<'_>,
    ) -> Self {
        let mut fields = Self { table, at, misspelt: Vec::new(), unsupported: false };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if later.contains(&name) {
                fields.unsupported = true;
                unsupported(&quoted(name), "leave it out", &key.span(), report);
            } else if !known.contains(&name) {
                fields.misspelt.extend(nearest(name, known));
                let message = format!("there is no key {} here", quoted(name));
                let help = suggest(name, known.iter().copied(), "key");
                report.error(&key.span(), "blueprint.unknown_key", message, help);
            }
        }
        fields
    }

    /// As [`Fields::new`], for a table that has prices by currency beside its own keys: these are the keys that are left.
    pub(crate) fn and_currencies(
        table: &'t DeTable<'i>,
        at: &'t Place,
        known: &[&'static str],
        report: &mut Report<'_>,
    ) -> (Self, Vec<KeyValue<'t, 'i>>) {
        let mut fields = Self { table, at, misspelt: Vec::new(), unsupported: false };
        let mut currencies = Vec::new();
        for (key, value) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            let name: &str = key.get_ref();
            if may_be_currency(name) {
                currencies.push((key, value));
                continue;
            }
            fields.misspelt.extend(nearest(name, known));
            let message = format!("{} is neither a key here nor a currency", quoted(name));
            let help = suggest(name, known.iter().copied(), "key");
            report.error(&key.span(), "blueprint.unknown_key", message, help);
        }
        (fields, currencies)
    }

    /// Reads one field. `None` means that the table can't be read, which was reported.
    pub(crate) fn read<T: Read>(&self, key: &str, report: &mut Report<'_>) -> Option<T> {
        if let Some(value) = self.table.get(key) {
            return T::read(value.get_ref(), &value.span(), report);
        }
        T::absent(|| {
            if !self.unsupported && !self.misspelt.contains(&key) {
                let message = format!("`{key}` is missing here");
                report.error(self.at, "blueprint.missing_key", message, format!("add `{key} = …`"));
            }
        })
    }
}

/// Declares a table of the file: a struct with its reader and its schema. `later { … }` names the keys of the full
/// language that this version refuses.
macro_rules! table {
    (
        $(#[$meta:meta])*
        struct $name:ident {
            $($(#[$field_meta:meta])* $field:ident $(as $key:literal)? : $type:ty,)+
        }
        later { $($later:literal),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$field_meta])* $(#[schemars(rename = $key)])? pub(crate) $field: $type,)+
        }

        impl $crate::read::Read for $name {
            fn read(
                value: &toml::de::DeValue<'_>,
                at: &$crate::diagnostics::Place,
                report: &mut $crate::diagnostics::Report<'_>,
            ) -> Option<Self> {
                let Some(table) = value.as_table() else {
                    return $crate::read::wrong_type("a table", value, at, report);
                };
                let known = [$($crate::read::key_name!($field $(as $key)?)),+];
                let fields = $crate::read::Fields::new(table, at, &known, &[$($later),*], report);
                // All fields are read before any missing one gives up, so that each mistake is reported.
                $(let $field = fields.read($crate::read::key_name!($field $(as $key)?), report);)+
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
}

/// Whether a key was meant as the code of a currency, rightly or not.
fn may_be_currency(key: &str) -> bool {
    let is_code = key.len() == 3 && key.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code
        && (key.bytes().all(|byte| byte.is_ascii_uppercase())
            || Currency::from_code(&key.to_ascii_uppercase()).is_some())
}

/// Declares a table of the file that has prices by currency, under the currencies' codes, and keys of its own beside
/// them.
macro_rules! priced {
    (
        $(#[$meta:meta])*
        struct $name:ident {
            by_currency $prices:ident: $price:ty,
            $($(#[$field_meta:meta])* $field:ident : $type:ty,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        pub(crate) struct $name {
            #[schemars(flatten)]
            pub(crate) $prices: $crate::read::Map<$price>,
            $($(#[$field_meta])* pub(crate) $field: $type,)+
        }

        impl $crate::read::Read for $name {
            fn read(
                value: &toml::de::DeValue<'_>,
                at: &$crate::diagnostics::Place,
                report: &mut $crate::diagnostics::Report<'_>,
            ) -> Option<Self> {
                let Some(table) = value.as_table() else {
                    return $crate::read::wrong_type("a table such as `{ USD = … }`", value, at, report);
                };
                let known = [$(stringify!($field)),+];
                let (fields, currencies) = $crate::read::Fields::and_currencies(table, at, &known, report);
                let $prices = $crate::read::Map::of(currencies.into_iter(), report);
                // All fields are read before any missing one gives up, so that each mistake is reported.
                $(let $field = fields.read(stringify!($field), report);)+
                Some(Self { $prices, $($field: $field?,)+ })
            }
        }
    };
}

/// The key of a field in the file.
macro_rules! key_name {
    ($field:ident as $key:literal) => {
        $key
    };
    ($field:ident) => {
        stringify!($field)
    };
}

/// Declares a text with few possible values. `later { … }` names the values of the full language that this version
/// refuses.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+
        }
        later { $($later:literal),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, schemars::JsonSchema)]
        pub(crate) enum $name {
            $($(#[$variant_meta])* #[schemars(rename = $text)] $variant,)+
        }

        impl $crate::read::Read for $name {
            fn read(
                value: &toml::de::DeValue<'_>,
                at: &$crate::diagnostics::Place,
                report: &mut $crate::diagnostics::Report<'_>,
            ) -> Option<Self> {
                match String::read(value, at, report)?.as_str() {
                    $($text => Some(Self::$variant),)+
                    other => {
                        $crate::read::refuse_choice(other, &[$($text),+], &[$($later),*], at, report);
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use {choice, key_name, priced, table};

/// Reports a value that is not among the possible ones.
pub(crate) fn refuse_choice(
    given: &str,
    known: &[&str],
    later: &[&str],
    at: &Place,
    report: &mut Report<'_>,
) {
    let help = suggest(given, known.iter().copied(), "value");
    if later.contains(&given) {
        unsupported(&quoted(given), &help, at, report);
    } else {
        report.error(at, "blueprint.unknown_value", format!("{} can't stand here", quoted(given)), help);
    }
}

macro_rules! same_schema {
    ($($wrapper:ident),+) => {$(
        impl<T: JsonSchema> JsonSchema for $wrapper<T> {
            fn inline_schema() -> bool {
                T::inline_schema()
            }
            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }
            fn schema_id() -> Cow<'static, str> {
                T::schema_id()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }
        }
    )+};
}

same_schema!(At, Item, Required);

impl<T: JsonSchema> JsonSchema for Map<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <BTreeMap<String, T>>::json_schema(generator)
    }
}
