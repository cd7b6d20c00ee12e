//! The fonts of a printed invoice: none is embedded. Helvetica is one of the fonts that every reader of PDF has (ISO 32000-1,
//! section 9.6.2.2); what it lacks is set in a Japanese font that readers replace by one of theirs (section 9.7.5.2).
//!
//! Widths are thousandths of the size, so that a text's width in thousandths of a point is a whole number.

use super::sheet::Mpt;
use pdf_writer::{
    Name, Pdf, Rect, Ref, Str,
    types::{CidFontType, FontFlags, SystemInfo},
};

/// How a text is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Face {
    pub(super) bold: bool,
    /// In points.
    pub(super) size: i32,
    /// From 0, black, to 100, white.
    pub(super) gray: u8,
}

/// A part of a text in one font, in the bytes of that font's encoding.
pub(super) struct Run {
    pub(super) font: &'static [u8],
    pub(super) bytes: Vec<u8>,
}

const REGULAR: &[u8] = b"R";
const BOLD: &[u8] = b"B";
const JAPANESE: &[u8] = b"J";
/// Of each character of the Japanese font.
const FULL_WIDTH: i32 = 1_000;

/// From the space to the tilde: regular, bold (Adobe's font metrics for the core fonts).
#[rustfmt::skip]
const ASCII: [(i32, i32); 95] = [
    (278, 278), (278, 333), (355, 474), (556, 556), (556, 556), (889, 889), (667, 722), (191, 238), (333, 333), (333, 333),
    (389, 389), (584, 584), (278, 278), (333, 333), (278, 278), (278, 278), (556, 556), (556, 556), (556, 556), (556, 556),
    (556, 556), (556, 556), (556, 556), (556, 556), (556, 556), (556, 556), (278, 333), (278, 333), (584, 584), (584, 584),
    (584, 584), (556, 611), (1015, 975), (667, 722), (667, 722), (722, 722), (722, 722), (667, 667), (611, 611), (778, 778),
    (722, 722), (278, 278), (500, 556), (667, 722), (556, 611), (833, 833), (722, 722), (778, 778), (667, 667), (778, 778),
    (722, 722), (667, 667), (611, 611), (722, 722), (667, 667), (944, 944), (667, 667), (667, 667), (611, 611), (278, 333),
    (278, 278), (278, 333), (469, 584), (556, 556), (333, 333), (556, 556), (556, 611), (500, 556), (556, 611), (556, 556),
    (278, 333), (556, 611), (556, 611), (222, 278), (222, 278), (500, 556), (222, 278), (833, 889), (556, 611), (556, 611),
    (556, 611), (556, 611), (333, 389), (500, 556), (278, 333), (556, 611), (500, 556), (722, 778), (500, 556), (500, 556),
    (500, 500), (334, 389), (260, 280), (334, 389), (584, 584),
];

/// From the no-break space (U+00A0) to ÿ (U+00FF): regular, bold.
#[rustfmt::skip]
const LATIN_1: [(i32, i32); 96] = [
    (278, 278), (333, 333), (556, 556), (556, 556), (556, 556), (556, 556), (260, 280), (556, 556), (333, 333), (737, 737),
    (370, 370), (556, 556), (584, 584), (333, 333), (737, 737), (333, 333), (400, 400), (584, 584), (333, 333), (333, 333),
    (333, 333), (556, 611), (537, 556), (278, 278), (333, 333), (333, 333), (365, 365), (556, 556), (834, 834), (834, 834),
    (834, 834), (611, 611), (667, 722), (667, 722), (667, 722), (667, 722), (667, 722), (667, 722), (1000, 1000), (722, 722),
    (667, 667), (667, 667), (667, 667), (667, 667), (278, 278), (278, 278), (278, 278), (278, 278), (722, 722), (722, 722),
    (778, 778), (778, 778), (778, 778), (778, 778), (778, 778), (584, 584), (778, 778), (722, 722), (722, 722), (722, 722),
    (722, 722), (667, 667), (667, 667), (611, 611), (556, 556), (556, 556), (556, 556), (556, 556), (556, 556), (556, 556),
    (889, 889), (500, 556), (556, 556), (556, 556), (556, 556), (556, 556), (278, 278), (278, 278), (278, 278), (278, 278),
    (556, 611), (556, 611), (556, 611), (556, 611), (556, 611), (556, 611), (556, 611), (584, 584), (611, 611), (556, 611),
    (556, 611), (556, 611), (556, 611), (500, 556), (556, 611), (500, 556),
];

/// What else `WinAnsiEncoding` has that is used in writing: character, code, regular, bold.
const PUNCTUATION: [(char, u8, i32, i32); 9] = [
    ('€', 0x80, 556, 556),
    ('…', 0x85, 1_000, 1_000),
    ('‘', 0x91, 222, 278),
    ('’', 0x92, 222, 278),
    ('“', 0x93, 333, 500),
    ('”', 0x94, 333, 500),
    ('•', 0x95, 350, 350),
    ('–', 0x96, 556, 556),
    ('—', 0x97, 1_000, 1_000),
];

/// The code of a character in `WinAnsiEncoding`, and its widths.
fn western(character: char) -> Option<(u8, (i32, i32))> {
    let code = u32::from(character);
    let place = |first: u32, widths: &[(i32, i32)]| {
        let width = usize::try_from(code.checked_sub(first)?).ok().and_then(|at| widths.get(at))?;
        Some((u8::try_from(code).ok()?, *width))
    };
    place(0x20, &ASCII).or_else(|| place(0xA0, &LATIN_1)).or_else(|| {
        let found = PUNCTUATION.iter().find(|(known, ..)| *known == character)?;
        Some((found.1, (found.2, found.3)))
    })
}

/// The width of a character in thousandths of the size.
fn width_of(character: char, bold: bool) -> i32 {
    western(character).map_or(FULL_WIDTH, |(_, (regular, heavy))| if bold { heavy } else { regular })
}

/// How wide a character is.
pub(super) fn advance(character: char, face: Face) -> Mpt {
    width_of(character, face.bold) * face.size
}

/// How wide a text is.
pub(super) fn width(text: &str, face: Face) -> Mpt {
    text.chars().map(|character| advance(character, face)).sum()
}

/// A text in parts that are each of one font. Control characters are left out.
pub(super) fn runs(text: &str, bold: bool) -> Vec<Run> {
    let mut all: Vec<Run> = Vec::new();
    for character in text.chars().filter(|character| !character.is_control()) {
        let (font, bytes) = match western(character) {
            Some((code, _)) => (if bold { BOLD } else { REGULAR }, vec![code]),
            None => (JAPANESE, utf16(character)),
        };
        match all.last_mut().filter(|run| run.font == font) {
            Some(run) => run.bytes.extend(bytes),
            None => all.push(Run { font, bytes }),
        }
    }
    all
}

/// The code of a character in the encoding `UniJIS-UTF16-H`.
fn utf16(character: char) -> Vec<u8> {
    let mut units = [0; 2];
    character.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()).collect()
}

/// Where the fonts stand in the document.
pub(super) struct Fonts {
    pub(super) first: i32,
}

impl Fonts {
    /// How many objects of the document they take.
    pub(super) const OBJECTS: i32 = 5;

    fn place(&self, at: i32) -> Ref {
        Ref::new(self.first + at)
    }

    /// Names and places, for the resources of a page.
    pub(super) fn named(&self) -> [(Name<'static>, Ref); 3] {
        [(Name(REGULAR), self.place(0)), (Name(BOLD), self.place(1)), (Name(JAPANESE), self.place(2))]
    }

    /// Writes them.
    pub(super) fn write(&self, pdf: &mut Pdf) {
        for (at, name) in [(0, &b"Helvetica"[..]), (1, b"Helvetica-Bold")] {
            pdf.type1_font(self.place(at))
                .base_font(Name(name))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        let base = Name(b"HeiseiKakuGo-W5");
        pdf.type0_font(self.place(2))
            .base_font(base)
            .encoding_predefined(Name(b"UniJIS-UTF16-H"))
            .descendant_font(self.place(3));
        let info = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Japan1"), supplement: 4 };
        pdf.cid_font(self.place(3))
            .subtype(CidFontType::Type0)
            .base_font(base)
            .system_info(info)
            .font_descriptor(self.place(4))
            .default_width(1_000.0);
        pdf.font_descriptor(self.place(4))
            .name(base)
            .flags(FontFlags::SYMBOLIC)
            .bbox(Rect::new(-92.0, -250.0, 1_010.0, 922.0))
            .italic_angle(0.0)
            .ascent(752.0)
            .descent(-221.0)
            .cap_height(737.0)
            .stem_v(114.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { bold: false, size: 10, gray: 0 };

    #[test]
    fn a_width_is_the_sum_of_the_metrics() {
        assert_eq!(width("Hi 1", FACE), (722 + 222 + 278 + 556) * 10);
        assert_eq!(width("é–", Face { bold: true, ..FACE }), (556 + 556) * 10);
        assert_eq!(width("請求", FACE), 20_000);
    }

    #[test]
    fn a_text_is_split_where_the_font_changes() {
        let parts = runs("Acme 株式会社 Ltd.\n", false);
        let fonts: Vec<_> = parts.iter().map(|run| run.font).collect();
        assert_eq!(fonts, [REGULAR, JAPANESE, REGULAR]);
        assert_eq!(parts[1].bytes[..2], 0x682A_u16.to_be_bytes());
        assert_eq!(parts[2].bytes, b" Ltd.");
    }
}
