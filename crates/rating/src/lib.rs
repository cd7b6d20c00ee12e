//! The calendar of what is owed.
//!
//! What must always hold: a boundary is computed from the anchor, never from the boundary before it, so 31 January is
//! followed by 28 or 29 February and then by 31 March; periods are half open, and any two that follow each other meet.
//! No I/O, no clock.

mod period;

pub use period::Anchor;
