//! The normalised manifest: all that the rest of the runtime reads.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::section::capability::CapabilitiesDef;
use crate::section::channel::{Binding, PublishDef, SubscribeDef};
use crate::section::command::CommandDef;
use crate::section::component::{ComponentDef, ComponentKind};
use crate::section::content::{ContextFileDef, SkillDef};
use crate::section::cron::CronJobDef;
use crate::section::dependency::{CapabilityRef, DependenciesDef, RefKind};
use crate::section::env::EnvDef;
use crate::section::env_options;
use crate::section::interface::{ExportDef, ImportDef, InterfaceName};
use crate::section::llm::LlmProviderDef;
use crate::section::mcp::McpServerDef;
use crate::section::package::PackageDef;
use crate::section::tool::ToolDef;
use crate::section::topic_doc::TopicDoc;
use crate::section::uplink::UplinkDef;
use crate::topic::TopicPattern;

/// A checked `Capsule.toml`: legacy spellings are folded into the current ones, capabilities are merged, defaults are
/// filled in. Made only by parsing.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CapsuleManifest {
    /// Name, version and description.
    pub package: PackageDef,
    /// WebAssembly components; at most one is executable, and one is if there are any.
    pub components: Vec<ComponentDef>,
    /// Interfaces needed from other capsules.
    pub imports: BTreeMap<InterfaceName, ImportDef>,
    /// Interfaces offered to other capsules.
    pub exports: BTreeMap<InterfaceName, ExportDef>,
    /// The publish table; feeds the schema catalog. For access decisions see `ipc_publish_patterns`.
    pub publishes: IndexMap<TopicPattern, PublishDef>,
    /// The subscribe table. For access decisions see `ipc_subscribe_patterns`, for events `bindings`.
    pub subscribes: IndexMap<TopicPattern, SubscribeDef>,
    /// Topics the capsule may publish on, matched by subtree. Empty denies all.
    pub ipc_publish_patterns: Vec<TopicPattern>,
    /// Topics the capsule may subscribe to, matched by subtree. Empty denies all.
    pub ipc_subscribe_patterns: Vec<TopicPattern>,
    /// Events that trigger actions, matched strictly.
    pub bindings: Vec<Binding>,
    /// Declared tools.
    pub tools: Vec<ToolDef>,
    /// Effective capabilities: of the root and every component.
    pub capabilities: CapabilitiesDef,
    /// Configuration keys in declaration order.
    pub env: IndexMap<String, EnvDef>,
    /// Context files.
    pub context_files: Vec<ContextFileDef>,
    /// Commands.
    pub commands: Vec<CommandDef>,
    /// MCP servers.
    pub mcp_servers: Vec<McpServerDef>,
    /// Skills.
    pub skills: Vec<SkillDef>,
    /// Uplinks.
    pub uplinks: Vec<UplinkDef>,
    /// Documented topics; they grant nothing.
    pub topics: Vec<TopicDoc>,
    /// Legacy dependencies.
    pub dependencies: DependenciesDef,
    /// Scheduled actions.
    pub cron_jobs: Vec<CronJobDef>,
    /// Legacy language model providers.
    pub llm_providers: Vec<LlmProviderDef>,
}

impl CapsuleManifest {
    /// The component that is the capsule's program, if it has components at all.
    #[must_use]
    pub fn executable(&self) -> Option<&ComponentDef> {
        self.components
            .iter()
            .find(|component| component.kind == ComponentKind::Executable)
    }

    /// Everything the capsule provides by typed name: `dependencies.provides`, then `llm:` of its providers, `tool:`
    /// of its declared tools and `uplink:` of the platforms of its uplinks.
    #[must_use]
    pub fn provided_refs(&self) -> Vec<CapabilityRef> {
        let llms = self
            .llm_providers
            .iter()
            .map(|one| CapabilityRef::new(RefKind::Llm, &one.id));
        let tools = self
            .tools
            .iter()
            .map(|one| CapabilityRef::new(RefKind::Tool, &one.name));
        let uplinks = self
            .uplinks
            .iter()
            .map(|one| CapabilityRef::new(RefKind::Uplink, &one.platform));
        self.dependencies
            .provides
            .iter()
            .cloned()
            .chain(llms)
            .chain(tools)
            .chain(uplinks)
            .collect()
    }

    /// The env keys in the order an installer asks for them: as declared, except that a key comes after those that
    /// its `options_from` needs.
    #[must_use]
    pub fn env_question_order(&self) -> Vec<&str> {
        // A manifest whose keys wait for each other was refused.
        env_options::order(&self.env).unwrap_or_default()
    }
}
