//! Endpoints: the caller's own account and sessions.

use super::State;
use crate::{
    session::{self, Session},
    user::{self, User},
};
use axum::extract::{Path, State as Extract};
use http::StatusCode;
use insula_kernel::{Error, Page, SessionId};
use insula_storage::{Store, Worker};
use insula_tenancy::check_name;
use insula_web::{Api, Endpoint, Failure, Json, Method, Patch, SignedIn};
use schemars::JsonSchema;
use serde::Deserialize;

const TAG: &str = "Account";

pub(super) fn api() -> Api<State> {
    Api::default()
        .with(
            Endpoint::new(Method::Get, "/v1/me", "getMe", TAG, "Your account")
                .signed_in()
                .replies::<User>(200),
            get_me,
        )
        .with(
            Endpoint::new(Method::Patch, "/v1/me", "updateMe", TAG, "Change your account")
                .signed_in()
                .body::<MePatch>()
                .replies::<User>(200),
            update_me,
        )
        .with(
            Endpoint::new(Method::Get, "/v1/me/sessions", "listMySessions", TAG, "Where you are signed in")
                .signed_in()
                .replies::<Page<Session>>(200),
            list_my_sessions,
        )
        .with(
            Endpoint::new(Method::Delete, "/v1/me/sessions/{id}", "endMySession", TAG, "Sign out elsewhere")
                .signed_in(),
            end_my_session,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MePatch {
    /// What others see: 1 to 100 characters.
    #[serde(default)]
    display_name: Patch<String>,
}

async fn get_me(Extract(state): Extract<State>, caller: SignedIn) -> Result<Json<User>, Failure> {
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    Ok(Json(user::get(&mut tx, caller.user).await?))
}

async fn update_me(
    Extract(state): Extract<State>,
    caller: SignedIn,
    Json(patch): Json<MePatch>,
) -> Result<Json<User>, Failure> {
    let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    let user = match patch.display_name {
        Patch::Absent => user::get(&mut tx, caller.user).await?,
        Patch::Null => {
            return Err(Error::invalid_field("/display_name", "required", "An account has a name.").into());
        }
        Patch::Value(name) => {
            let name = check_name(&name, "/display_name")?;
            user::rename(&mut tx, &state.env, caller.user, &name).await?
        }
    };
    tx.commit().await?;
    Ok(Json(user))
}

async fn list_my_sessions(
    Extract(state): Extract<State>,
    caller: SignedIn,
) -> Result<Json<Page<Session>>, Failure> {
    let mut tx = state.storage.platform_read(Store::Directory, &Worker::SignIn).await?;
    let items = session::list(&mut tx, &state.env, caller.user, caller.session).await?;
    Ok(Json(Page { items, next_cursor: None }))
}

async fn end_my_session(
    Extract(state): Extract<State>,
    caller: SignedIn,
    Path(session): Path<String>,
) -> Result<StatusCode, Failure> {
    let session: SessionId = session.parse().map_err(|_| Error::not_found("session"))?;
    let mut tx = state.storage.platform_write(Store::Directory, &Worker::SignIn).await?;
    session::end(&mut tx, &state.env, session, caller.user).await?;
    tx.commit().await?;
    state.live.end_session(session);
    Ok(StatusCode::NO_CONTENT)
}
