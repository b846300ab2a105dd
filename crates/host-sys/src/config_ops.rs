//! `get-config`, `get-caller`, `signal-ready`.

use astrid_host_context::{CallKind, Failure, Principal, Refusal, Scope};
use tokio::time::timeout;

use crate::config::{is_injected, is_never_set, is_reserved};
use crate::op_table::{GET_CALLER, GET_CONFIG, SIGNAL_READY};
use crate::secrets::{LIMIT, SecretScope};
use crate::{Error, SecretError, SysCtxView};

/// The message being served, as a guest may know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerInfo {
    /// Whom the host attributes it to.
    pub principal: Option<String>,
    /// The sender's session id, empty without a message.
    pub source_id: String,
    /// When it was published, RFC 3339 in UTC, empty without a message.
    pub timestamp: String,
}

impl SysCtxView<'_> {
    /// The value of a configuration key: the host's own, what the kernel pinned, the principal's secret,
    /// the principal's overlay, the capsule's configuration, in this order.
    ///
    /// # Errors
    /// [`Error::Refused`] once authority is gone, [`Error::KeyReserved`], and [`Error::Secrets`] when
    /// the secret store fails or takes longer than two seconds.
    pub async fn get_config(&mut self, key: &str) -> Result<Option<String>, Error> {
        let entry = self.host.enter(&GET_CONFIG);
        let scope = self.host.call.scope();
        let shared = self.ctx.shared.clone();
        // Calls of a kernel without numbers, and of run loops, are each their own.
        let invocation = self.host.call.invocation();
        let overlaid_for = &mut self.ctx.overlaid_for;
        let due = invocation == 0 || invocation != *overlaid_for;
        // A secret that is being read when the principal retires is read to the end.
        let found = entry
            .run_to_end(async {
                if is_reserved(key) {
                    return Err(Error::KeyReserved);
                }
                if is_never_set(key) {
                    return Ok((None, false));
                }
                if is_injected(key) {
                    return Ok((shared.injected.get(key).cloned(), false));
                }
                if let Some(pinned) = shared.pinned.get(key) {
                    return Ok((pinned.clone(), false));
                }
                if shared.secret_keys.contains(key) {
                    return Ok((secret(&*shared.secrets, &scope, key).await?, true));
                }
                let overlaid = match &scope.principal {
                    Some(_) => {
                        if let Some(refresh) = due.then(|| shared.overlay.refresh(&scope)).flatten() {
                            refresh.await;
                        }
                        *overlaid_for = invocation;
                        shared.overlay.get(&scope, key)
                    }
                    None => None,
                };
                Ok((overlaid.or_else(|| shared.config.get(key).cloned()), false))
            })
            .await;
        let (value, is_secret) = found?;
        if let (Some(value), true) = (&value, is_secret) {
            self.ctx.revealed.remember(value);
        }
        Ok(value)
    }

    /// The message being served; empty without one.
    pub fn get_caller(&mut self) -> CallerInfo {
        let call = &*self.host.call;
        let info = self.host.enter(&GET_CALLER).run_always(|| {
            let Some(caller) = call.caller() else { return Ok(CallerInfo::default()) };
            let named = caller.provenance.attribution.principal();
            let timestamp = jiff::Timestamp::try_from(caller.at);
            Ok::<_, Never>(CallerInfo {
                principal: named.map(|name| name.as_str().to_owned()),
                source_id: caller.source.to_string(),
                timestamp: timestamp.map(utc).unwrap_or_default(),
            })
        });
        info.unwrap_or_default()
    }

    /// Tells whoever waits that the run loop is set up. Again, outside a run loop, or without
    /// anybody waiting, it does nothing.
    pub fn signal_ready(&mut self) {
        let in_loop = self.host.call.kind() == CallKind::RunLoop;
        let ready = self.ctx.shared.ready.as_ref().filter(|_| in_loop);
        let signalled = self.host.enter(&SIGNAL_READY).run_now(|| {
            if let Some(ready) = ready {
                ready.send_if_modified(|ready| !std::mem::replace(ready, true));
            }
            Ok::<_, Never>(())
        });
        // Only a retired or unloading capsule is refused, and it has nobody to tell.
        let _ = signalled;
    }

    /// Whose view of other capsules counts.
    pub(crate) fn viewer(&self) -> Option<&Principal> {
        self.host.call.principal()
    }
}

/// The principal's own secret, else the one an operator stored for all; never anybody else's. A
/// failure of the first is not an absence, so it does not fall through to the second.
async fn secret(
    store: &dyn crate::SecretStore,
    scope: &Scope,
    key: &str,
) -> Result<Option<String>, SecretError> {
    let Some(principal) = scope.principal.clone() else { return Ok(None) };
    let own = SecretScope { principal: Some(principal), capsule: scope.capsule.clone() };
    let shared = SecretScope { principal: None, capsule: scope.capsule.clone() };
    let read = async {
        match store.get(&own, key).await? {
            Some(found) => Ok(Some(found)),
            None => store.get(&shared, key).await,
        }
    };
    let found = timeout(LIMIT, read).await.map_err(|_| SecretError::timed_out())??;
    Ok(found.map(|secret| secret.to_string()))
}

fn utc(at: jiff::Timestamp) -> String {
    // The contract's spelling of UTC is an offset and not a `Z`.
    let text = at.to_string();
    text.strip_suffix('Z').map_or(text.clone(), |instant| format!("{instant}+00:00"))
}

/// The failure of functions that have none.
#[derive(Debug)]
pub(crate) enum Never {
    Refused(Refusal),
}

impl From<Refusal> for Never {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Failure for Never {
    fn outcome(&self) -> astrid_host_context::Outcome {
        let Self::Refused(refusal) = self;
        refusal.outcome()
    }
}
