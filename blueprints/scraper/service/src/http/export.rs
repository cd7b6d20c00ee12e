//! What a job found, as a file: JSON, or CSV (RFC 4180) with a column for each selector.

use super::{
    Shared,
    caller::{Caller, READ},
};
use crate::{
    job::{Found, Status},
    problem::{FieldError, Problem},
    store::Viewer,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use std::collections::BTreeMap;

pub(super) async fn export_result(
    State(service): Shared,
    caller: Caller,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let viewer = Viewer::of(&caller.who_may(READ)?);
    let is_csv = match query.get("format").map(String::as_str) {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => {
            let detail = "A format is json or csv.".to_owned();
            return Err(Problem::invalid(vec![FieldError {
                pointer: "/format".into(),
                code: "unknown",
                detail,
            }]));
        }
    };
    let job = service.store.job(&viewer, &id).await?.ok_or_else(Problem::not_found)?;
    if job.status != Status::Succeeded {
        let detail = format!("The job is {}; it has no result.", job.status.name());
        return Err(Problem::new(StatusCode::CONFLICT, "job.no_result", detail));
    }
    let found = service.store.found(&job.key()).await?.unwrap_or_default();
    if !is_csv {
        return Ok(Json(found).into_response());
    }
    let name = format!("attachment; filename=\"{}.csv\"", job.id);
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, csv(&found)).into_response())
}

/// A line for each place: the first values of all selectors, the second ones, and so on.
fn csv(found: &Found) -> String {
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.map(cell).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    };
    line(&mut found.keys().map(String::as_str));
    for place in 0..found.values().map(Vec::len).max().unwrap_or(0) {
        line(&mut found.values().map(|values| values.get(place).map_or("", String::as_str)));
    }
    text
}

fn cell(value: &str) -> String {
    // A program that shows tables must not take a stranger's text for a formula (OWASP, CSV Injection).
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']) && value.parse::<f64>().is_err();
    let value = if is_formula { format!("'{value}") } else { value.to_owned() };
    if value.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", value.replace('"', "\"\""));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_columns_and_are_only_text() {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let found = Found::from([
            ("name".to_owned(), values(&["A \"big\", lamp", "=HYPERLINK(1)"])),
            ("price".to_owned(), values(&["-1.50"])),
        ]);
        assert_eq!(csv(&found), "name,price\r\n\"A \"\"big\"\", lamp\",-1.50\r\n'=HYPERLINK(1),\r\n");
    }
}
