//! Consent of people to what capsules do: asked for over the bus, remembered in the embedded store.

mod abandoned;
mod api;
mod grants;
mod on_bus;
mod record;
mod rows;
pub(crate) mod wire;

use std::path::Path;
use std::sync::Arc;

use astrid_capsule_manifest::CapsuleManifest;
use astrid_dispatch::Dispatcher;
use astrid_event_bus::{AccessPattern, Bus, Charset};
use astrid_host_approval::{AllowanceStore, ApprovalCtx, Approvals, Places, Workspace};
use astrid_host_context::{HostServices, Principal};
use astrid_host_kv::Store;
use astrid_host_net::Connections;
use ed25519_dalek::SigningKey;

use crate::local_consent::Grants;
use crate::{CapsuleError, Home, own_key};
use abandoned::Noted;
use grants::SignedGrants;
use on_bus::AskOnBus;
use rows::Rows;

pub use api::NewAllowance;

/// The key below `etc` that remembered consent is signed with.
const KEY: &str = "approval.key";

/// What was consented to, on both ways of asking on the topic. A clone is the same.
#[derive(Clone)]
pub(crate) struct Consents {
    /// Of `astrid:approval`.
    pub(crate) allowances: Arc<AllowanceStore>,
    /// Of http, to local addresses.
    pub(crate) local: Grants,
    /// For the questions of both.
    pub(crate) places: Arc<Places>,
}

impl Consents {
    /// Reads or makes the host's key. Waits for the disk.
    pub(crate) fn open(home: &Home, store: &Arc<dyn Store>) -> Result<Self, CapsuleError> {
        let file = home.etc().join(KEY);
        let key = own_key::load_or_create(&file);
        let key = key.map_err(|error| CapsuleError::host(format!("{}: {error}", file.display())))?;
        let grants = SignedGrants::new(Rows::new(store.clone())?, SigningKey::from_bytes(&key));
        Ok(Self {
            allowances: Arc::new(AllowanceStore::new(Arc::new(grants))),
            local: Grants::default(),
            places: Arc::default(),
        })
    }

    /// A principal's last connection is gone.
    pub(crate) fn end_session(&self, who: &Principal) {
        self.local.forget(who);
        self.allowances.end_session(who);
    }
}

/// What all capsules' questions share.
pub(crate) struct Approval {
    approvals: Arc<Approvals>,
    noted: Arc<Noted>,
    workspace: Workspace,
}

impl Approval {
    pub(crate) fn new(
        bus: &Bus,
        (dispatcher, connections): (&Arc<Dispatcher>, &Connections),
        (consents, store): (&Consents, &Arc<dyn Store>),
        workspace: &Path,
    ) -> Result<Self, CapsuleError> {
        let prompter = AskOnBus::new(bus.clone(), dispatcher.clone(), connections.clone());
        let noted = Noted::new(Rows::new(store.clone())?);
        let approvals = Approvals::builder(Arc::new(prompter))
            .store(consents.allowances.clone())
            .places(consents.places.clone())
            .open_questions(noted.clone())
            .build();
        Ok(Self { approvals, noted, workspace: identity(workspace)? })
    }

    /// For the stores of one capsule, of the component with this hash.
    pub(crate) fn ctx(&self, component: &blake3::Hash) -> ApprovalCtx {
        let ctx = ApprovalCtx::builder(self.approvals.clone(), self.workspace.clone());
        ctx.component(&component.to_hex()).build()
    }

    pub(crate) fn store(&self) -> &Arc<AllowanceStore> {
        self.approvals.store()
    }

    /// Gives each question that an earlier host left open an end in the records, and reads what is remembered, so
    /// that what is wrong with it is said at the start.
    pub(crate) async fn recover(&self, services: &HostServices, home: &Home) {
        match self.noted.close_all(services, home.log().join("audit.jsonl")).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::warn!(count, "questions of a host that was killed have ended without a decision")
            }
            Err(error) => tracing::error!(%error, "questions of an earlier host stay open in the records"),
        }
        if let Err(error) = self.store().always_granted().await {
            tracing::error!(%error, "capsules that need approval are refused until it can be read");
        }
    }
}

/// Whether a capsule may answer prompts: its manifest lets it publish on `astrid.v1.approval.response`. Which of its
/// answers count is decided for each one; an operator should know all the same.
#[must_use]
pub fn may_answer_prompts(manifest: &CapsuleManifest) -> bool {
    manifest.ipc_publish_patterns.iter().any(|pattern| {
        let pattern = AccessPattern::parse(pattern.as_str(), Charset::Token);
        pattern.is_ok_and(|pattern| pattern.covers(&format!("{}.id", wire::REPLIES)))
    })
}

/// The place of the workspace itself; what is laid over it for a principal is no place of its own.
fn identity(workspace: &Path) -> Result<Workspace, CapsuleError> {
    let found = workspace.canonicalize();
    let found =
        found.map_err(|error| CapsuleError::host(format!("workspace {}: {error}", workspace.display())))?;
    Ok(match found.to_str() {
        Some(path) => Workspace::new(path),
        // No text is the same for two of them.
        None => Workspace::new(&format!("blake3:{}", blake3::hash(found.as_os_str().as_encoded_bytes()))),
    })
}
