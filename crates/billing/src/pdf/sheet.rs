//! Pages of A4 that fill from the top: texts, right-aligned texts, lines, and a new page where there is no room.
//!
//! All lengths are whole thousandths of a point, and heights count from the top; only what is written has floats, as the
//! format wants them.

use super::font::{Face, Fonts, advance, runs, width};
use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

/// Thousandths of a point, of which an inch has 72.
pub(super) type Mpt = i32;

/// A point.
pub(super) const PT: Mpt = 1_000;
const WIDTH: Mpt = 595_276;
const HEIGHT: Mpt = 841_890;
/// The left edge of what is written.
pub(super) const LEFT: Mpt = 56 * PT;
/// The right edge of what is written.
pub(super) const RIGHT: Mpt = WIDTH - LEFT;
const TOP: Mpt = 64 * PT;
/// The lowest that anything but the foot reaches.
const BOTTOM: Mpt = HEIGHT - 72 * PT;
const FOOT: Mpt = HEIGHT - 40 * PT;

/// The document's objects: catalog, pages and information, then fonts, then two for each page.
const CATALOG: i32 = 1;
const PAGES: i32 = 2;
const INFORMATION: i32 = 3;
const FONTS: i32 = 4;

/// Pages that are being filled.
pub(super) struct Sheet {
    pages: Vec<Content>,
    /// Where the next line stands on the last page.
    pub(super) y: Mpt,
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self { pages: vec![Content::new()], y: TOP }
    }

    /// Whether so much still fits on the page.
    pub(super) fn has_room(&self, height: Mpt) -> bool {
        self.y + height <= BOTTOM
    }

    /// Begins another page.
    pub(super) fn turn(&mut self) {
        self.pages.push(Content::new());
        self.y = TOP;
    }

    /// A text that begins at `x`, on the present line.
    pub(super) fn text(&mut self, x: Mpt, text: &str, face: Face) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            set(page, x, y, text, face);
        }
    }

    /// A text that ends at `x`.
    pub(super) fn text_to(&mut self, x: Mpt, text: &str, face: Face) {
        self.text(x - width(text, face), text, face);
    }

    /// A horizontal line at the present height.
    pub(super) fn rule(&mut self, from: Mpt, to: Mpt, gray: u8) {
        let y = points(HEIGHT - self.y);
        if let Some(page) = self.pages.last_mut() {
            page.set_stroke_gray(share(gray)).set_line_width(0.5);
            page.move_to(points(from), y).line_to(points(to), y).stroke();
        }
    }

    /// The document, with a foot on every page: the text, and which page it is of how many.
    pub(super) fn finish(mut self, title: &str, foot: &str) -> Vec<u8> {
        let face = Face { bold: false, size: 8, gray: 45 };
        let count = self.pages.len();
        for (at, page) in self.pages.iter_mut().enumerate() {
            let number = format!("{} / {count}", at + 1);
            set(page, LEFT, FOOT, foot, face);
            set(page, RIGHT - width(&number, face), FOOT, &number, face);
        }
        let fonts = Fonts { first: FONTS };
        let first = FONTS + Fonts::OBJECTS;
        let of_page = |at: usize| first + 2 * i32::try_from(at).unwrap_or(i32::MAX / 4);
        let mut pdf = Pdf::new();
        pdf.catalog(Ref::new(CATALOG)).pages(Ref::new(PAGES));
        pdf.document_info(Ref::new(INFORMATION)).title(TextStr(title));
        let kids = (0..count).map(|at| Ref::new(of_page(at)));
        pdf.pages(Ref::new(PAGES)).kids(kids).count(i32::try_from(count).unwrap_or(i32::MAX));
        fonts.write(&mut pdf);
        for (at, content) in self.pages.into_iter().enumerate() {
            let mut page = pdf.page(Ref::new(of_page(at)));
            page.media_box(Rect::new(0.0, 0.0, points(WIDTH), points(HEIGHT)));
            page.parent(Ref::new(PAGES)).contents(Ref::new(of_page(at) + 1));
            page.resources().fonts().pairs(fonts.named());
            page.finish();
            pdf.stream(Ref::new(of_page(at) + 1), &content.finish());
        }
        pdf.finish()
    }
}

/// The lines of a text that is to be no wider: broken at spaces, and between any two characters where a word alone is too
/// wide or has no spaces, as Japanese.
pub(super) fn wrapped(text: &str, most: Mpt, face: Face) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used: Mpt = 0;
    for word in words(text) {
        let needed = width(word.trim_end(), face);
        if used > 0 && used + needed > most {
            lines.push(String::new());
            used = 0;
        }
        for character in word.chars() {
            let wide = advance(character, face);
            if used > 0 && used + wide > most && !character.is_whitespace() {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
            used += wide;
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Parts between which a line may end: words with the space that follows them, single characters beyond Latin script.
fn words(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begun = 0;
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        if character.is_whitespace() || u32::from(character) >= 0x2E80 {
            parts.push(&text[begun..end]);
            begun = end;
        }
    }
    parts.push(&text[begun..]);
    parts
}

fn set(page: &mut Content, x: Mpt, y: Mpt, text: &str, face: Face) {
    page.begin_text();
    page.set_fill_gray(share(face.gray));
    page.next_line(points(x), points(HEIGHT - y));
    for run in runs(text, face.bold) {
        page.set_font(Name(run.font), points(face.size * PT)).show(Str(&run.bytes));
    }
    page.end_text();
}

#[expect(
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "the format wants floats; a sheet is small"
)]
fn points(length: Mpt) -> f32 {
    length as f32 / 1_000.0
}

#[expect(clippy::float_arithmetic, reason = "the format wants floats")]
fn share(percent: u8) -> f32 {
    f32::from(percent) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { bold: false, size: 10, gray: 0 };

    #[test]
    fn lines_end_at_spaces() {
        let most = width("one two", FACE);
        assert_eq!(wrapped("one two three", most, FACE), ["one two", "three"]);
        assert_eq!(wrapped("", most, FACE), [""]);
    }

    #[test]
    fn what_has_no_spaces_ends_anywhere() {
        let most = width("四四四", FACE);
        assert_eq!(wrapped("一二三四五", most, FACE), ["一二三", "四五"]);
        let most = width("iiii", FACE);
        assert_eq!(wrapped("iiiiii", most, FACE), ["iiii", "ii"]);
    }
}
