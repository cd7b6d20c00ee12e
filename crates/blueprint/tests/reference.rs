//! The reference describes the language: its example uses every key, and its text explains every key and value.

use insula_blueprint::{Operations, schema};
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/reference/blueprint.md");
const OPENAPI: &str = include_str!("../../../console/openapi.json");

/// The whole blueprint of the page: its first piece of TOML.
fn example() -> &'static str {
    let (_, from) = PAGE.split_once("```toml\n").unwrap_or_else(|| panic!("no example"));
    from.split_once("```").unwrap_or_else(|| panic!("an example without end")).0
}

/// Every key of the schema, each after the name of the table it stands in.
fn all_keys(schema: &Value) -> BTreeSet<String> {
    let of = |name: &str, table: &Value| -> Vec<String> {
        let keys = table["properties"].as_object().into_iter().flatten();
        keys.map(|(key, _)| format!("{name}.{key}")).collect()
    };
    let tables = schema["definitions"].as_object().into_iter().flatten();
    of("", schema).into_iter().chain(tables.flat_map(|(name, table)| of(name, table))).collect()
}

/// Adds the keys that a value uses, as the schema knows them.
fn add_used(schema: &Value, table: &str, root: &Value, value: &Value, used: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let path = reference.trim_start_matches('#');
        let found = root.pointer(path).unwrap_or_else(|| panic!("no {reference}"));
        add_used(found, path.rsplit('/').next().unwrap_or_default(), root, value, used);
    }
    for part in ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
        add_used(part, table, root, value, used);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        if let Some(property) = schema["properties"].get(key) {
            used.insert(format!("{table}.{key}"));
            add_used(property, table, root, inner, used);
        } else {
            add_used(&schema["additionalProperties"], table, root, inner, used);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        add_used(&schema["items"], table, root, item, used);
    }
}

#[test]
fn the_example_is_good_and_uses_every_key() {
    let operations = Operations::of_openapi(&serde_json::from_str(OPENAPI).unwrap());
    let blueprint = operations.check("example", example()).unwrap_or_else(|found| panic!("{found}"));
    assert!(blueprint.warnings().is_empty(), "{}", blueprint.warnings());
    let schema = schema();
    let value = toml::from_str(example()).unwrap_or_else(|error| panic!("{error}"));
    let mut used = BTreeSet::new();
    add_used(&schema, "", &schema, &value, &mut used);
    let unused: Vec<_> = all_keys(&schema).difference(&used).cloned().collect();
    assert_eq!(unused, [""; 0], "keys that the example lacks");
}

/// Adds the values of every choice.
fn add_choices(schema: &Value, choices: &mut BTreeSet<String>) {
    if let Some(value) = schema["const"].as_str() {
        choices.insert(value.to_owned());
    }
    schema.as_object().into_iter().flatten().for_each(|(_, inner)| add_choices(inner, choices));
    schema.as_array().into_iter().flatten().for_each(|inner| add_choices(inner, choices));
}

#[test]
fn the_text_explains_every_key_and_value() {
    let prose = PAGE.split("```").step_by(2).collect::<String>();
    let code = prose.split('`').skip(1).step_by(2);
    let words: BTreeSet<&str> =
        code.flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect();
    let schema = schema();
    let mut terms: BTreeSet<String> =
        all_keys(&schema).iter().filter_map(|key| key.split('.').nth(1).map(str::to_owned)).collect();
    add_choices(&schema, &mut terms);
    let silent: Vec<_> = terms.iter().filter(|term| !words.contains(term.as_str())).collect();
    assert_eq!(silent, [""; 0], "what the text doesn't name");
}
