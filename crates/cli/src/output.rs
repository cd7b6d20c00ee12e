//! What the program says: words for people, or one JSON document for programs.

use serde_json::{Value as Json, json};
use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

/// Where and how the program speaks.
#[derive(Clone)]
pub(crate) struct Output {
    json: bool,
}

/// Why a command failed.
pub(crate) struct Failed {
    pub(crate) message: String,
    pub(crate) code: u8,
    /// What programs get, where it is more than the message.
    pub(crate) detail: Option<Json>,
}

impl Failed {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const MISTAKES: u8 = 3;

    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: Self::FAILED, detail: None }
    }

    pub(crate) fn mistakes(message: impl Into<String>, detail: Json) -> Self {
        Self { message: message.into(), code: Self::MISTAKES, detail: Some(detail) }
    }
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs listen.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// The result: `text` for people, `document` for programs, on one line.
    pub(crate) fn result(&self, text: &str, document: &Json) {
        if self.json { self.plain(&document.to_string()) } else { self.plain(text) }
    }

    /// Something on standard output, as it is.
    #[expect(clippy::unused_self, reason = "everything that is said goes through here")]
    pub(crate) fn plain(&self, text: &str) {
        // Who reads may have gone away; there is nobody to tell then.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// How far long work has come: for people, on standard error.
    pub(crate) fn progress(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Asks whether to go on with what can't be taken back. Where nobody can be asked, `--yes` says so beforehand.
    pub(crate) fn confirm(&self, question: &str) -> Result<(), Failed> {
        if self.json || !std::io::stdin().is_terminal() {
            return Err(Failed::new(format!("{question} Say --yes to go on.")));
        }
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Failed::new("nothing was done"))
    }

    pub(crate) fn fail(&self, failed: &Failed) -> ExitCode {
        if self.json {
            let mut document = json!({ "error": failed.message });
            if let Some(detail) = &failed.detail {
                document["detail"] = detail.clone();
            }
            self.plain(&document.to_string());
        } else {
            let _ = writeln!(std::io::stderr(), "insula: {}", failed.message);
        }
        ExitCode::from(failed.code)
    }
}

/// Rows as a table with aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows.iter().map(|row| line(row.iter().map(String::as_str).collect()));
    [line(head.to_vec())].into_iter().chain(body).collect::<Vec<_>>().join("\n")
}

/// A value as people read it.
pub(crate) fn text(value: &Json) -> String {
    match value {
        Json::Null => "–".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An amount of money as people read it.
pub(crate) fn money(value: &Json) -> String {
    if value.is_null() {
        return text(value);
    }
    format!("{} {}", text(&value["amount"]), text(&value["currency"]))
}

/// The items of a list.
pub(crate) fn items(list: &Json) -> impl Iterator<Item = &Json> {
    list.as_array().into_iter().flatten()
}
