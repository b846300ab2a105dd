//! Where processes work.

use std::path::PathBuf;
use std::sync::Arc;

use astrid_host_context::CallContext;
use astrid_host_process::{BoxFuture, Ground, Grounds, Network, NoGround};
use astrid_principals::Principals;

/// The workspace for everybody, and each principal's home.
pub(super) struct Places {
    pub(super) workspace: PathBuf,
    pub(super) principals: Arc<Principals>,
    /// What an operator chose for everybody.
    pub(super) network: Option<Network>,
}

impl Grounds for Places {
    fn of<'a>(&'a self, call: &'a CallContext) -> BoxFuture<'a, Result<Ground, NoGround>> {
        Box::pin(async move {
            let workspace = self.workspace.clone();
            let Some(who) = call.principal().cloned() else {
                let network = self.network.unwrap_or(Network::None);
                return Ok(Ground { workspace, home: None, network });
            };
            let failed = |error: &dyn std::fmt::Display| NoGround(error.to_string());
            let profile = self.principals.profiles.current(&who).map_err(|error| failed(&error))?.profile;
            let usual = if profile.is_restricted() { Network::None } else { Network::Host };
            let principals = self.principals.clone();
            let home = tokio::task::spawn_blocking(move || principals.homes.home(&who, &profile)).await;
            let home = home.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
            Ok(Ground { workspace, home, network: self.network.unwrap_or(usual) })
        })
    }
}
