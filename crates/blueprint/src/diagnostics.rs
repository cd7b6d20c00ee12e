//! What is wrong with a blueprint, where, and what would be right.
//!
//! Every mistake carries a stable dotted code for programs and two sentences for people: the message says what is
//! wrong, the help what would be right. Text of the file that is repeated in either is quoted, escaped and bounded,
//! since a file may hold anything.

use serde::Serialize;
use std::{fmt, ops::Range};

/// The longest line of source that is shown; anything past it is left out.
const SHOWN_COLUMNS: usize = 160;

/// How much a diagnostic matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The blueprint can't be used.
    Error,
    /// The blueprint works, though perhaps not as was meant.
    Warning,
}

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// The name of the file as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// How many characters of that line are meant, at least 1.
    pub length: usize,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, stable and dotted, for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// The line of source, for showing.
    #[serde(skip)]
    source_line: String,
}

/// Every mistake of one blueprint, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The mistakes, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them keeps the blueprint from being used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// One mistake about a file as a whole, such as one that can't be read.
    pub(crate) fn whole_file(file: &str, code: &'static str, message: String, help: &str) -> Self {
        Self(vec![Diagnostic {
            file: file.to_owned(),
            line: 1,
            column: 1,
            length: 1,
            severity: Severity::Error,
            code,
            message,
            help: help.to_owned(),
            source_line: String::new(),
        }])
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl std::error::Error for Diagnostics {}

/// A block for each mistake, with the line it stands on.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}[{}]: {}", self.code, self.message)?;
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        writeln!(f, "{gutter}--> {}:{}:{}", self.file, self.line, self.column)?;
        if !self.source_line.trim().is_empty() {
            let width = self.source_line.chars().count();
            let before = " ".repeat((self.column - 1).min(width));
            let marks = "^".repeat(self.length.min(width.saturating_sub(self.column - 1)).max(1));
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{number} | {}", self.source_line)?;
            writeln!(f, "{gutter} | {before}{marks}")?;
        }
        writeln!(f, "{gutter} = help: {}", self.help)
    }
}

/// Collects the mistakes of one file and knows its lines.
pub(crate) struct Report<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    found: Vec<(usize, Diagnostic)>,
}

/// Bytes of the source that a value or a key takes.
pub(crate) type Place = Range<usize>;

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at + 1);
        Self { file, text, line_starts: std::iter::once(0).chain(after_breaks).collect(), found: Vec::new() }
    }

    pub(crate) fn error(&mut self, at: &Place, code: &'static str, message: String, help: impl Into<String>) {
        self.add(Severity::Error, at, code, message, help.into());
    }

    pub(crate) fn warning(
        &mut self,
        at: &Place,
        code: &'static str,
        message: String,
        help: impl Into<String>,
    ) {
        self.add(Severity::Warning, at, code, message, help.into());
    }

    /// How many mistakes were reported so far.
    pub(crate) const fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether an error was reported; warnings don't count.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|(_, diagnostic)| diagnostic.severity == Severity::Error)
    }

    /// The mistakes in the order of the file.
    pub(crate) fn finish(mut self) -> Diagnostics {
        // A stable sort: mistakes of one place stay in the order in which they were found.
        self.found.sort_by_key(|(at, _)| *at);
        Diagnostics(self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect())
    }

    /// The errors, each with the byte at which its place begins, in the order of the file.
    pub(crate) fn errors(mut self) -> Vec<(usize, Diagnostic)> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().filter(|(_, diagnostic)| diagnostic.severity == Severity::Error).collect()
    }

    fn add(&mut self, severity: Severity, at: &Place, code: &'static str, message: String, help: String) {
        let start = floor_to_char(self.text, at.start);
        let line = self.line_starts.partition_point(|&line_start| line_start <= start).max(1);
        let line_start = self.line_starts[line - 1];
        let line_end = self.text[line_start..].find('\n').map_or(self.text.len(), |len| line_start + len);
        let end = floor_to_char(self.text, at.end).clamp(start, line_end.max(start));
        let diagnostic = Diagnostic {
            file: self.file.to_owned(),
            line,
            column: self.text[line_start..start].chars().count() + 1,
            length: self.text[start..end].chars().count().max(1),
            severity,
            code,
            message,
            help,
            source_line: shown(&self.text[line_start..line_end]),
        };
        self.found.push((start, diagnostic));
    }
}

fn floor_to_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// A line as a terminal may show it: each character one column, none of them able to steer the terminal.
fn shown(line: &str) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    line.trim_end().chars().take(SHOWN_COLUMNS).map(safe).collect()
}

/// Text of the file, fit to stand in a message.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// A help that names what was probably meant, or else all there is to choose from.
pub(crate) fn suggest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>, what: &str) -> String {
    const LISTED: usize = 12;
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = nearest(given, &known) {
        return format!("did you mean `{near}`?");
    }
    match known.as_slice() {
        [] => format!("there is no {what} yet"),
        [only] => format!("the only {what} is `{only}`"),
        many => {
            let list: Vec<String> = many.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
            let more = if many.len() > LISTED { ", …" } else { "" };
            format!("use one of {}{more}", list.join(", "))
        }
    }
}

/// The one that was probably meant, if any is near.
pub(crate) fn nearest<'n>(given: &str, known: &[&'n str]) -> Option<&'n str> {
    // Long texts are no slip of the pen, and the distance is quadratic.
    if given.len() > 64 {
        return None;
    }
    let given = given.to_lowercase();
    let allowed = (given.chars().count() / 3).max(1);
    known
        .iter()
        .map(|&name| (distance(&given, &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// The optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_recognised() {
        let known = ["scraping:create", "scraping:read"];
        assert_eq!(nearest("scraping:craete", &known), Some("scraping:create"));
        assert_eq!(nearest("Scraping:Read", &known), Some("scraping:read"));
        assert_eq!(nearest("billing", &known), None);
        assert_eq!((distance("ab", "ba"), distance("", "abc"), distance("kitten", "sitting")), (1, 3, 3));
    }

    #[test]
    fn places_are_counted_in_characters_and_quotes_cannot_steer_a_terminal() {
        let text = "a = \"ü\"\nβ = \"x\"\r\n";
        let mut report = Report::new("f", text);
        let at = text.find("\"x\"").unwrap();
        report.error(&(at..at + 3), "c", "m".into(), "h");
        report.error(&(text.len()..text.len() + 5), "c", "m".into(), "h");
        let found = report.finish();
        let places: Vec<_> = found.iter().map(|d| (d.line, d.column, d.length)).collect();
        assert_eq!(places, [(2, 5, 3), (3, 1, 1)]);
        assert_eq!(quoted("\u{1b}[31m"), "`\\u{1b}[31m`");
        assert!(quoted(&"x".repeat(100)).ends_with("…`"));
    }
}
