//! From the caller of a handler to the principal it is served as, or the reason it is not.

use std::time::Duration;

use astrid_host_context::{Attribution, CallContext, Caller, Principal, Standing};
use astrid_host_sys::LogRouter;
use astrid_principals::{CallToken, FuelRate, Principals, Quotas};

use crate::Invoker;

/// One call's principal, with what its profile gives it.
pub(crate) struct Served {
    /// `None` only in a runtime that nobody owns.
    pub(crate) principal: Option<Principal>,
    pub(crate) caller: Option<Caller>,
    pub(crate) quotas: Quotas,
    /// Of the profile that was read, for [`astrid_principals::Tokens::of`].
    pub(crate) generation: u64,
}

impl Served {
    /// Resolves the profile and makes its directories. An error is a deny's reason.
    pub(crate) async fn resolve(
        caller: Option<Invoker>,
        idle: &CallContext,
        principals: &Principals,
        logs: &LogRouter,
    ) -> Result<Self, String> {
        let (principal, caller) = whom(caller, idle)?;
        let Some(who) = principal else {
            let quotas = principals.profiles.default_profile().quotas;
            return Ok(Self { principal: None, caller, quotas, generation: 0 });
        };
        let found = principals.resolve(&who).await.map_err(|unusable| unusable.to_string())?;
        if !principals.is_settled(&who, &found) {
            let (homes, logs, name, profile) =
                (principals.homes.clone(), logs.clone(), who.clone(), found.profile.clone());
            let made = principals.settle(&who, &found, move || {
                homes.home(&name, &profile)?;
                logs.register(&name)
            });
            if let Err(error) = made.await {
                // What needs the home says so itself; what does not goes on.
                tracing::warn!(target: "astrid.principals", principal = who.as_str(), %error, "a home could not be made");
            }
        }
        let (quotas, generation) = (found.profile.quotas, found.generation);
        Ok(Self { principal: Some(who), caller, quotas, generation })
    }

    /// The wall clock of the call.
    pub(crate) fn timeout(&self) -> Duration {
        self.quotas.timeout()
    }

    /// How fast the principal may burn.
    pub(crate) fn fuel(&self) -> FuelRate {
        let Quotas { max_cpu_fuel_per_sec: per_second, max_in_flight_calls: in_flight, .. } = self.quotas;
        FuelRate { per_second, in_flight }
    }

    /// Refuses a principal that was revoked between its profile and its token.
    pub(crate) fn check(&self, token: &CallToken) -> Result<(), String> {
        match token.standing() {
            Standing::Retired => Err(disabled(self.principal.as_ref())),
            Standing::Live | Standing::Cancelled => Ok(()),
        }
    }
}

/// The reason of a call whose principal is disabled, before it or while it runs.
pub(crate) fn disabled(who: Option<&Principal>) -> String {
    format!("principal '{}' is disabled", who.map_or("nobody", Principal::as_str))
}

/// The owner answers for what the host says itself, and for nobody else: a message that names a
/// principal and gives it no authority is nobody's.
fn whom(caller: Option<Invoker>, idle: &CallContext) -> Result<(Option<Principal>, Option<Caller>), String> {
    let owner = || idle.principal().cloned();
    match caller {
        None => Ok((owner(), None)),
        Some(Invoker { caller, authority: Some(who) }) => Ok((Some(who), Some(caller))),
        Some(Invoker { caller, authority: None }) => match caller.provenance.attribution {
            Attribution::System => Ok((owner(), Some(caller))),
            Attribution::Verified(_) | Attribution::Claimed(_) => Err("invalid principal".to_owned()),
        },
    }
}
