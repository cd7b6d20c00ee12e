//! `insula explain invoice`: a line of an invoice, down to how it was computed and the events behind it.
//!
//! The events are read through the API and their digest is computed here once more, so nobody need believe the server.

use crate::{
    Outcome,
    client::Client,
    output::{Failed, Output, items, money, table, text},
};
use insula_kernel::{EventId, sha256};
use serde_json::{Value as Json, json};

/// Digests of sets are kept below this.
const MASK: u64 = (1 << 62) - 1;
/// How many events are shown to people; programs get all.
const SHOWN: usize = 20;

/// The digest of a set of events: the sum, modulo 2^62, of the first 62 bits of the SHA-256 of each one's id.
fn digest(ids: &[EventId]) -> u64 {
    ids.iter().fold(0, |sum, id| {
        let mut first = [0; 8];
        first.copy_from_slice(&sha256(id.uuid().as_bytes())[..8]);
        (sum + (u64::from_be_bytes(first) & MASK)) & MASK
    })
}

/// What stands behind a line: its events, and whether they are the ones it counts.
struct Behind {
    events: Vec<Json>,
    counted: Json,
    digest: String,
    computed: String,
    is_right: bool,
}

fn behind(client: &Client, path: &str) -> Result<Behind, Failed> {
    let (mut events, mut ids, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
    loop {
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = client.get(&format!("{path}?limit=200{after}"))?;
        for event in items(&page["items"]) {
            let id = event["id"].as_str().and_then(|id| id.parse().ok());
            ids.push(id.ok_or_else(|| Failed::new("the reply has an event without an id"))?);
            events.push(event.clone());
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            let computed = format!("{:016x}", digest(&ids));
            let (counted, known) = (page["events"].clone(), text(&page["digest"]));
            let is_right = counted == json!(ids.len()) && known == computed;
            return Ok(Behind { events, counted, digest: known, computed, is_right });
        }
    }
}

/// Explains the lines of an invoice, or one of them.
pub(crate) fn explain(
    client: &Client,
    org: &str,
    (id, only): (&str, Option<u32>),
    output: &Output,
) -> Outcome {
    let invoice = client.get(&format!("/v1/orgs/{org}/invoices/{id}"))?;
    let is_asked = |line: &&Json| only.is_none_or(|only| line["position"] == only);
    let lines: Vec<&Json> = items(&invoice["lines"]).filter(is_asked).collect();
    if lines.is_empty() {
        return Err(Failed::new(only.map_or_else(
            || "the invoice has no lines".to_owned(),
            |only| format!("the invoice has no line {only}"),
        )));
    }
    let (mut shown, mut explained, mut wrong) = (String::new(), Vec::new(), Vec::new());
    for line in lines {
        shown.push_str(&described(line));
        let mut document = json!({ "line": line });
        if !line["meter"].is_null() {
            let path = format!("/v1/orgs/{org}/invoices/{id}/lines/{}/events", line["position"]);
            let found = behind(client, &path)?;
            shown.push_str(&listed(&found));
            if !found.is_right {
                wrong.push(line["position"].to_string());
            }
            document["events"] = json!({
                "count": found.counted, "digest": found.digest, "computed_digest": found.computed,
                "listed": found.events.len(), "verified": found.is_right, "items": found.events,
            });
        }
        explained.push(document);
    }
    let document = json!({ "invoice": id, "lines": explained });
    if wrong.is_empty() {
        output.result(shown.trim_end(), &document);
        return Ok(());
    }
    let lines = wrong.join(", ");
    Err(Failed::mistakes(format!("{shown}\nnot the events that were counted: line {lines}"), document))
}

fn described(line: &Json) -> String {
    let mut shown = format!(
        "{}. {}\n  {} {}, version {}\n  {} to {}\n  {} for {}\n",
        text(&line["position"]),
        text(&line["description"]),
        text(&line["kind"]),
        text(&line["item"]),
        text(&line["version"]),
        text(&line["period"]["start"]),
        text(&line["period"]["end"]),
        text(&line["quantity"]),
        money(&line["amount"]),
    );
    for (name, value) in line["work"].as_object().into_iter().flatten() {
        if let Some(steps) = value.as_array().filter(|steps| steps.iter().any(Json::is_object)) {
            shown.push_str(&format!("  {name}\n"));
            for step in steps {
                shown.push_str(&format!("    {}\n", fields(step)));
            }
        } else {
            shown.push_str(&format!("  {name:<16}{}\n", fields(value)));
        }
    }
    shown
}

/// Data in a line.
fn fields(value: &Json) -> String {
    match value {
        Json::Object(object) if object.contains_key("amount") && object.contains_key("currency") => {
            money(value)
        }
        Json::Object(object) => {
            let one = |(name, value): (&String, &Json)| format!("{name} {}", fields(value));
            object.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Json::Array(all) => all.iter().map(fields).collect::<Vec<_>>().join(" of "),
        other => text(other),
    }
}

fn listed(found: &Behind) -> String {
    let row = |event: &Json| ["at", "id", "operation", "units"].map(|name| text(&event[name])).to_vec();
    let rows: Vec<Vec<String>> = found.events.iter().take(SHOWN).map(row).collect();
    let more = found.events.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    let verdict = if found.is_right { "verified" } else { "NOT those that were counted" };
    let head = format!("  {} events, digest {}: {verdict}", text(&found.counted), found.digest);
    let listed = table(&["AT", "EVENT", "OPERATION", "UNITS"], &rows);
    if rows.is_empty() { format!("{head}\n\n") } else { format!("{head}\n\n{listed}{more}\n\n") }
}

#[cfg(test)]
mod tests {
    use super::digest;
    use insula_kernel::EventId;

    #[test]
    fn digests_of_disjoint_sets_add_up() {
        let id = |last: char| {
            EventId::from_digits(format!("{}{last}", "0".repeat(25)).as_bytes()).unwrap_or(EventId::MIN)
        };
        let (one, two) = (id('1'), id('2'));
        assert_eq!(digest(&[]), 0);
        assert_eq!(digest(&[one, two]), (digest(&[one]) + digest(&[two])) & super::MASK);
        assert_ne!(digest(&[one]), digest(&[two]));
    }
}
