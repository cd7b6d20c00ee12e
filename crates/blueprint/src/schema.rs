//! The JSON Schema of `blueprint.toml`, by which editors complete and explain it.

use crate::declared::RawBlueprint;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The JSON Schema (draft 7, which TOML editors know) of `blueprint.toml`.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<RawBlueprint>().to_value();
    tidy(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "Insula blueprint".into());
    }
    schema
}

/// Takes out what TOML can't say, and names that only this crate knows.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    if only.contains_key("$ref") {
                        // Draft 7 ignores what stands beside a reference, descriptions too.
                        object.insert("allOf".to_owned(), vec![Value::Object(only)].into());
                    } else {
                        only.into_iter().for_each(|(key, inner)| {
                            object.entry(key).or_insert(inner);
                        });
                    }
                }
            }
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            // An absent part is empty; that it can be left out says so already.
            object.remove("default");
            for (key, inner) in object {
                match (key.as_str(), inner) {
                    // Keys of the blueprint, which may be named as what is said of them: each has a schema.
                    ("properties", Value::Object(properties)) => properties.values_mut().for_each(tidy),
                    ("examples", _) => {}
                    (_, inner) => tidy(inner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::String(text) => {
            if let Some(name) = text.strip_prefix("#/definitions/Raw") {
                *text = format!("#/definitions/{name}");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    rename_definitions(value);
}

fn rename_definitions(value: &mut Value) {
    if let Some(definitions) = value.get_mut("definitions").and_then(Value::as_object_mut) {
        let renamed = std::mem::take(definitions).into_iter();
        *definitions =
            renamed.map(|(name, schema)| (name.trim_start_matches("Raw").to_owned(), schema)).collect();
    }
}
