//! What an operator asks about the records that a home keeps, answered by a runtime: that of a run, or one of the
//! command's own.

mod allowances;
mod users;

use astrid_capsule::Runtime;

use crate::control::{Reply, Request};

/// Answers requests about users and remembered consent; every other is refused.
pub(crate) async fn answer(runtime: &Runtime, request: &Request) -> Reply {
    let answered = match request {
        Request::Users {} => users::list(runtime).await,
        Request::AddUser { principal, name } => users::add(runtime, principal, name.as_deref()).await,
        Request::DeleteUser { id } => users::delete(runtime, id).await,
        Request::Allowances {} => allowances::list(runtime).await,
        Request::Revoke { id } => allowances::revoke(runtime, id).await,
        other => return Reply::Refused { reason: format!("{other:?} is not about records of the home") },
    };
    answered.unwrap_or_else(|error| Reply::Refused { reason: error.to_string() })
}
