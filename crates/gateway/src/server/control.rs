//! The way to Insula's own API, which runs on a runtime of its own.

use super::{
    calls,
    reply::{Broken, ReplyBody},
};
use crate::errors;
use axum::{Router, body::Body as ApiBody};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use insula_blueprint::Call;
use insula_kernel::{Error, RequestId, Result};
use std::sync::Arc;
use tokio::{runtime::Handle, sync::mpsc};
use tower::ServiceExt as _;

/// A reply up to this size is handed over at once.
const WHOLE: u64 = 64 << 10;
/// Parts of a larger one that may wait.
const WAITING: usize = 4;

/// A body on its way from the API's runtime to a core.
enum Handed {
    Whole(Bytes),
    Parts(mpsc::Receiver<Result<Frame<Bytes>, Broken>>, SizeHint),
}

impl From<Handed> for ReplyBody {
    fn from(handed: Handed) -> Self {
        match handed {
            Handed::Whole(bytes) => Self::Whole(Some(bytes)),
            Handed::Parts(frames, hint) => Self::Api(frames, hint),
        }
    }
}

/// Insula's own API: the router, and the runtime it runs on.
#[derive(Clone)]
pub struct Control {
    /// Where its handlers run.
    pub runtime: Handle,
    /// Every endpoint.
    pub router: Router,
}

impl Control {
    /// The router's reply to a request, as the product's own address for the operation gives it if it came by one.
    pub(crate) async fn answer(
        &self,
        request: Request<ApiBody>,
        id: RequestId,
        by: Option<Arc<Call>>,
    ) -> Result<Response<ReplyBody>> {
        let router = self.router.clone();
        let head = request.method() == http::Method::HEAD;
        // On a task of its own: what it has begun it ends, whether the client waits for it or not.
        let answered = self.runtime.spawn(async move {
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let mut response = explained(response, id);
            if let Some(call) = by {
                response = calls::reply_of(&call, response).await?;
            }
            if head { Ok(response.map(|_| Handed::Whole(Bytes::new()))) } else { handed_over(response).await }
        });
        let answered =
            answered.await.map_err(|error| Error::internal("a handler panicked").caused_by(error))?;
        answered.map(|response| response.map(ReplyBody::from))
    }
}

/// The reply with its problem written out, if it is one.
fn explained(response: Response<ApiBody>, id: RequestId) -> Response<ApiBody> {
    let error = match response.extensions().get::<Arc<Error>>() {
        Some(error) => Arc::clone(error),
        None if response.headers().contains_key(header::CONTENT_TYPE) => return response,
        None => match response.status() {
            StatusCode::NOT_FOUND => Arc::new(Error::not_found("place")),
            StatusCode::METHOD_NOT_ALLOWED => Arc::new(errors::method_not_allowed()),
            _ => return response,
        },
    };
    let (parts, body) = insula_web::problem_response(&error, id).into_parts();
    let (mut before, _) = response.into_parts();
    before.headers.remove(header::CONTENT_LENGTH);
    before.headers.extend(parts.headers);
    before.status = parts.status;
    Response::from_parts(before, ApiBody::from(body))
}

/// The reply in a form that the core can pass on without running any of the API's code.
async fn handed_over(response: Response<ApiBody>) -> Result<Response<Handed>> {
    let (parts, mut body) = response.into_parts();
    let hint = body.size_hint();
    if hint.exact().is_some_and(|length| length <= WHOLE) {
        let bytes =
            body.collect().await.map_err(|error| Error::internal("a reply broke off").caused_by(error))?;
        return Ok(Response::from_parts(parts, Handed::Whole(bytes.to_bytes())));
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                tracing::warn!(error = %error, "a reply of the API broke off");
                Broken("the reply broke off")
            });
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::from_parts(parts, Handed::Parts(receiver, known(&hint))))
}

/// Only an exact length is worth passing on.
fn known(hint: &SizeHint) -> SizeHint {
    hint.exact().map_or_else(SizeHint::default, SizeHint::with_exact)
}
