//! How mistakes are made in a good blueprint, and looked for.

use insula_blueprint::Operations;

/// What to replace, by what (`»` marks where the mistake is to be found), and the code.
pub(crate) type Mistake = (&'static str, &'static str, &'static str);

/// Every mistake in the text: code, line and column.
pub(crate) fn found(text: &str) -> Vec<(String, usize, usize)> {
    found_by(&Operations::default(), text)
}

/// Every mistake in the text where these operations are.
pub(crate) fn found_by(operations: &Operations, text: &str) -> Vec<(String, usize, usize)> {
    let diagnostics =
        operations.check("blueprint.toml", text).map_or_else(|found| found, |ok| ok.warnings().clone());
    diagnostics.iter().map(|d| (d.code.to_owned(), d.line, d.column)).collect()
}

/// The text without its mark `»`, and the place of the character after it.
fn place(text: &str) -> (String, usize, usize) {
    let before = text.split('»').next().unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (text.replace('»', ""), line, column)
}

/// Makes each mistake in the good blueprint, alone. It must be found at its place and make no other.
pub(crate) fn assert_each_is_found(good: &str, mistakes: &[Mistake]) {
    assert_each_is_found_by(&Operations::default(), good, mistakes);
}

/// As [`assert_each_is_found`], where these operations are.
pub(crate) fn assert_each_is_found_by(operations: &Operations, good: &str, mistakes: &[Mistake]) {
    let mut wrong = Vec::new();
    for (old, new, code) in mistakes {
        assert!(good.contains(old), "{old} is not in the good blueprint");
        let (text, line, column) = place(&good.replacen(old, new, 1));
        let found = found_by(operations, &text);
        let code = format!("blueprint.{code}");
        let at_mark = !new.contains('»') || found.first().is_some_and(|(_, l, c)| (*l, *c) == (line, column));
        if found.len() != 1 || found[0].0 != code || !at_mark {
            wrong.push(format!("{old:?} → {new:?}: wanted {code} at {line}:{column}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
