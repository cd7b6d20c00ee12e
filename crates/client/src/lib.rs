//! For services behind Insula: who calls ([`Verifier`]), what was used ([`Reporter`]), what is held ([`Leases`]).
//!
//! What must always hold: an event is reported until the installation has answered for it, under the same id each time,
//! so it counts once however often it was sent; what waits to be sent is bounded; a caller's identity is believed only
//! with a signature of the installation that was made for this service and isn't over.
//!
//! ```no_run
//! # async fn example() -> Result<(), insula_client::Error> {
//! use insula_client::{Client, Event};
//!
//! // The address and the credential are in INSULA_URL and INSULA_TOKEN.
//! let client = Client::from_env()?;
//! let caller = client.verifier("scraper").verify("the header Insula-Identity").await?;
//! let reporter = client.reporter();
//! let event = Event::new(&caller.org_id, "job.finished")
//!     .subject("job-17")
//!     .data(serde_json::json!({ "job_id": "job-17", "compute_seconds": "3.250" }))
//!     .caused_by(&caller);
//! reporter.report(event).await?;
//! reporter.flush().await;
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod event;
mod identity;
mod lease;
mod reporter;
mod system;

pub use client::Client;
pub use error::{Error, Problem};
pub use event::{Event, Receipt, Rejection};
pub use identity::{Identity, Verifier};
pub use lease::{Lease, LeaseRequest, Leases};
pub use reporter::{Reporter, ReporterOptions};
