//! How a record lies in a segment.
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | length of all that follows the checksum |
//! | 4 | CRC-32 (IEEE) of the length and of all that follows the checksum |
//! | 1 | kind |
//! | n | payload |
//! | 1 | an end mark, never zero |
//!
//! All integers are little endian. A preallocated file reads as zeros, so a length of zero is the end of what
//! was written. The end mark makes the last byte of a complete frame one that isn't zero, which tells a write that
//! was cut short from a complete one that went bad later.

/// The last byte of each frame.
pub(super) const END: u8 = 0xe5;
/// Bytes before the kind: length and checksum.
const HEAD: usize = 8;
/// Kind and end mark.
const MIN_BODY: usize = 2;
/// The largest body accepted; larger than any record's, so that a length gone bad is seen as such.
const MAX_BODY: usize = 24 << 10;
/// The most bytes a frame can have.
pub(super) const MAX: usize = HEAD + MAX_BODY;
/// What a frame adds to its payload.
pub(super) const OVERHEAD: usize = HEAD + MIN_BODY;

/// What stands at some place in a segment.
pub(super) enum Parsed<'a> {
    /// A record.
    Frame { kind: u8, payload: &'a [u8], bytes: usize },
    /// Anything else.
    Other,
}

/// Starts a frame in the buffer; the payload is to be appended to it.
pub(super) fn begin(buffer: &mut Vec<u8>, kind: u8) {
    buffer.clear();
    buffer.extend_from_slice(&[0; HEAD]);
    buffer.push(kind);
}

/// Completes the frame that [`begin`] started.
pub(super) fn finish(buffer: &mut Vec<u8>) {
    buffer.push(END);
    let length = u32::try_from(buffer.len() - HEAD).unwrap_or(0).to_le_bytes();
    let sum = checksum(length, &buffer[HEAD..]).to_le_bytes();
    buffer[..4].copy_from_slice(&length);
    buffer[4..HEAD].copy_from_slice(&sum);
}

/// Reads the frame at the start of the bytes, if there is one whole and unharmed.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Parsed::Other };
    let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Parsed::Other };
    let Ok(body) = usize::try_from(u32::from_le_bytes(*length)) else { return Parsed::Other };
    if !(MIN_BODY..=MAX_BODY).contains(&body) || body > rest.len() {
        return Parsed::Other;
    }
    let [kind, payload @ .., END] = &rest[..body] else { return Parsed::Other };
    if checksum(*length, &rest[..body]) != u32::from_le_bytes(*sum) {
        return Parsed::Other;
    }
    Parsed::Frame { kind: *kind, payload, bytes: HEAD + body }
}

/// Whether these bytes, which are no frame, which only zeros follow, and the last of which isn't zero, are what
/// is left of a write that was cut short. Otherwise they were a complete frame once.
pub(super) fn is_torn(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return true };
    let Ok(body) = usize::try_from(u32::from_le_bytes(*length)) else { return false };
    if !(MIN_BODY..=MAX_BODY).contains(&body) || bytes.len() >= HEAD + body {
        return false;
    }
    // Shorter than it says; unless it is the length that went bad, and with the true one the checksum is right.
    let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return true };
    let length = u32::try_from(rest.len()).unwrap_or(0).to_le_bytes();
    checksum(length, rest) != u32::from_le_bytes(*sum)
}

fn checksum(length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}
