//! The blueprint of a product: read, checked as a whole, and compiled for the hot path.
//!
//! What it promises: nothing undeclared is accepted and nothing declared is ignored. What this version does not run
//! is refused with `blueprint.unsupported`. Every mistake is reported at once, with its place, what is wrong and
//! what would be right. A [`Blueprint`] exists only if [`check`] found no error, so [`Blueprint::compile`] can't fail.
//! No clock, no randomness, and no I/O except reading one directory in [`Operations::load`].

mod calls;
mod check;
mod compile;
mod declared;
mod demo;
mod diagnostics;
mod digest;
mod json;
mod model;
mod names;
mod operations;
mod path;
mod pattern;
mod permission;
mod read;
mod router;
mod schema;
mod values;
mod wire;

pub use calls::{Call, CallSegment, Filler};
pub use compile::{Blueprint, Compiled, RouteMatch};
pub use demo::{Demo, DemoCall, DemoKey, DemoMember, DemoProject};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use json::parse_price;
pub use model::{
    AddOn, AfterTrial, Aggregate, Billing, BodySide, Cost, Digest, Health, LastingHold, Limit, LimitIndex,
    LimitKind, Meter, MeterIndex, OnExceed, Overage, Per, Plan, PlanIndex, Pointer, Price, Product,
    QuotaWindow, REQUEST_EVENT, RateWindow, Role, Route, RouteHold, RouteIndex, Seats, Target, Tax, Timeouts,
    Trial, Upstream, UpstreamIndex,
};
pub use names::Permissions;
pub use operations::Operations;
pub use path::PathError;
pub use pattern::MethodSet;
pub use permission::{Holder, OwnPermission, PermissionId, PermissionSet, own};
pub use schema::schema;
pub use values::{Bound, Feature, RETENTION, retention};

use std::{fs::File, io::Read as _, path::Path};

/// The largest blueprint, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The file of a blueprint in its directory.
pub const FILE_NAME: &str = "blueprint.toml";

/// Checks the text of a blueprint that has no routes to Insula's own operations; with such, see [`Operations::check`].
/// `file_name` is what diagnostics call it.
///
/// # Errors
///
/// Every mistake that was found, warnings included, in the order of the file.
pub fn check(file_name: &str, text: &str) -> Result<Blueprint, Diagnostics> {
    Operations::default().check(file_name, text)
}

/// How blueprints are checked where these operations are.
impl Operations {
    /// Checks the text of a blueprint. `file_name` is what diagnostics call it.
    ///
    /// # Errors
    ///
    /// Every mistake that was found, warnings included, in the order of the file.
    pub fn check(&self, file_name: &str, text: &str) -> Result<Blueprint, Diagnostics> {
        check::check(file_name, text, self)
    }

    /// Checks the bytes of a blueprint, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// Every mistake that was found.
    pub fn check_bytes(&self, file_name: &str, bytes: &[u8]) -> Result<Blueprint, Diagnostics> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.check(file_name, text),
            Err(error) => Err(check::not_utf8(file_name, bytes, error.valid_up_to())),
        }
    }

    /// Reads and checks the blueprint of a directory, or a file named directly.
    ///
    /// # Errors
    ///
    /// That the file can't be read, or every mistake that was found in it.
    pub fn load(&self, path: &Path) -> Result<Blueprint, Diagnostics> {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let name = file.display().to_string();
        let mut bytes = Vec::new();
        // One byte more than allowed, to tell a file that is too large without reading all of it.
        let most = MAX_BYTES as u64 + 1;
        match File::open(&file).and_then(|opened| opened.take(most).read_to_end(&mut bytes)) {
            Ok(_) => self.check_bytes(&name, &bytes),
            Err(error) => {
                let help = "name a directory with a blueprint.toml, or the file itself";
                Err(Diagnostics::whole_file(
                    &name,
                    "blueprint.unreadable",
                    format!("can't be read: {error}"),
                    help,
                ))
            }
        }
    }
}
