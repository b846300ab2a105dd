//! From the caller of a handler to the principal it is served as, or the reason it is not.

use astrid_host_context::{Attribution, CallContext, Principal, Standing};
use astrid_host_sys::LogRouter;
use astrid_principals::{Desk, Principals, Resolved, Tokens};

use crate::Invoker;

/// Looks up everything that calls of `who` through one capsule need, and makes its directories. An error
/// is a deny's reason.
pub(crate) async fn open_desk(
    who: Option<&Principal>,
    principals: &Principals,
    tokens: &Tokens,
    logs: &LogRouter,
) -> Result<Box<Desk>, String> {
    // Before the profile, so that whatever changes from here on makes the desk old.
    let seen = principals.seen();
    let found = match who {
        Some(who) => {
            let found = principals.resolve(who).await.map_err(|unusable| unusable.to_string())?;
            settle(who, &found, principals, logs).await;
            found
        }
        None => principals.profiles.nobodys(),
    };
    let token = tokens.of(who, found.generation);
    // Revoked between its profile and its token.
    if token.standing() == Standing::Retired {
        return Err(disabled(who));
    }
    Ok(Box::new(principals.desk(who, found, seen, token)))
}

async fn settle(who: &Principal, found: &Resolved, principals: &Principals, logs: &LogRouter) {
    if principals.is_settled(who, found) {
        return;
    }
    let (homes, logs, name, profile) =
        (principals.homes.clone(), logs.clone(), who.clone(), found.profile.clone());
    let made = principals.settle(who, found, move || {
        homes.home(&name, &profile)?;
        logs.register(&name)
    });
    if let Err(error) = made.await {
        // What needs the home says so itself; what does not goes on.
        tracing::warn!(target: "astrid.principals", principal = who.as_str(), %error, "a home could not be made");
    }
}

/// The reason of a call whose principal is disabled, before it or while it runs.
pub(crate) fn disabled(who: Option<&Principal>) -> String {
    format!("principal '{}' is disabled", who.map_or("nobody", Principal::as_str))
}

/// The owner answers for what the host says itself, and for nobody else: a message that names a
/// principal and gives it no authority is nobody's.
pub(crate) fn whom<'a>(
    caller: Option<&'a Invoker>,
    idle: &'a CallContext,
) -> Result<Option<&'a Principal>, String> {
    let Some(Invoker { caller, authority }) = caller else { return Ok(idle.principal()) };
    match (authority, &caller.provenance.attribution) {
        (Some(who), _) => Ok(Some(who)),
        (None, Attribution::System) => Ok(idle.principal()),
        (None, Attribution::Verified(_) | Attribution::Claimed(_)) => Err("invalid principal".to_owned()),
    }
}
