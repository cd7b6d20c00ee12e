//! Query parameters.

use crate::Failure;
use axum::extract::FromRequestParts;
use http::request::Parts;
use insula_kernel::{Error, PageRequest};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

/// The query of a request. `T` denies unknown fields, so that a misspelt filter is an error and not ignored.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Error::invalid_field("?", "nul", "NUL can't be part of a parameter.").into());
        }
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let detail = rejection.body_text();
                let detail = detail.strip_prefix("Failed to deserialize query string: ").unwrap_or(&detail);
                let (pointer, why) = detail.split_once(": ").map_or(("", detail), |(name, why)| (name, why));
                Err(Error::invalid_field(format!("?{pointer}"), "malformed", why.to_owned()).into())
            }
        }
    }
}

/// The parameters of every list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// How many items at most, 1 to 200; 50 if not said.
    pub limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Listing {
    /// The page that is asked for.
    pub fn page(&self) -> Result<PageRequest, Error> {
        PageRequest::new(self.limit, self.cursor.as_deref())
    }
}
