//! Texts that people write.

use insula_kernel::Error;

/// A name that people can read: 1 to 100 characters, none of them a control character.
pub fn check_name(text: &str, pointer: &str) -> Result<String, Error> {
    let name = text.trim();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid_field(
            pointer,
            "length",
            "A name has 1 to 100 characters, without control characters.",
        ));
    }
    Ok(name.to_owned())
}

/// What a name is looked for by: a part of it in lower case, without what `LIKE` gives a meaning to.
#[must_use]
pub fn pattern(contains: &str) -> String {
    format!("%{}%", contains.to_lowercase().replace(['%', '_', '\\'], ""))
}
