//! `Capsule.toml` and `Distro.toml`: from text to types that need no further checking.
//!
//! A manifest says what a capsule is made of, which topics it speaks and hears, what it asks to be allowed, and what
//! an installer asks the user. This crate parses one, folds legacy spellings into current ones, checks every rule
//! and answers a [`CapsuleManifest`]; whatever is wrong is reported with file, line, column, key and what would be
//! accepted. It knows no WebAssembly engine and does no I/O beyond reading the one file.
//!
//! ```
//! use std::path::Path;
//!
//! let text = r#"
//!     [package]
//!     name = "notes"
//!     version = "1.2.0"
//!
//!     [[component]]
//!     file = "notes.wasm"
//!     capabilities = { fs_read = ["home://notes"] }
//!
//!     [publish]
//!     "notes.v1.saved" = "opaque"
//!
//!     [subscribe]
//!     "notes.v1.save" = { wit = "opaque", handler = "save" }
//! "#;
//! let (manifest, warnings) = astrid_capsule_manifest::parse_manifest(text, Path::new("Capsule.toml"))?;
//!
//! assert!(warnings.is_empty());
//! assert_eq!(manifest.package.name, "notes");
//! let [binding] = manifest.bindings.as_slice() else { panic!("one handler, one binding") };
//! assert_eq!((binding.pattern.as_str(), binding.action.as_str(), binding.priority), ("notes.v1.save", "save", 100));
//! assert_eq!(manifest.capabilities.held_names(), ["fs_read"]);
//!
//! let error = astrid_capsule_manifest::parse_manifest("[package]\nname = \"Notes\"\nversion = \"1.2.0\"", Path::new("Capsule.toml"));
//! assert_eq!(
//!     error.unwrap_err().to_string(),
//!     "Capsule.toml:2:8: [package.name] \"Notes\" is no capsule id; allowed: lowercase letters, digits, hyphen",
//! );
//! # Ok::<(), astrid_capsule_manifest::ManifestError>(())
//! ```

mod code;
mod compat;
mod cursor;
mod distro;
mod error;
mod hash;
mod json;
mod load;
mod manifest;
mod parse;
mod path;
mod position;
mod schedule;
mod schema;
mod section;
mod sink;
mod text;
mod topic;
mod tree;

pub use code::Code;
pub use compat::CompatVersion;
pub use distro::{
    DISTRO_FILE, DistroCapsule, DistroDef, DistroManifest, VariableDef, load_distro, parse_distro,
};
pub use error::{ManifestError, ManifestFault, ManifestWarning};
pub use load::{check_manifest, load_manifest, parse_manifest_bytes};
pub use manifest::CapsuleManifest;
pub use parse::{MANIFEST_FILE, MAX_MANIFEST_BYTES, parse_manifest};
pub use schedule::{BadSchedule, CronFields, Schedule, ScheduleRule};
pub use section::capability::{CapabilitiesDef, IdentityOperation};
pub use section::capability_syntax::MAX_CAPABILITY_ENTRIES;
pub use section::channel::{Binding, DEFAULT_PRIORITY, PublishDef, SubscribeDef};
pub use section::command::{CommandDef, CommandKind, RESERVED_COMMANDS};
pub use section::component::{ComponentDef, ComponentKind};
pub use section::content::{ContextFileDef, SkillDef};
pub use section::cron::{CronJobDef, CronPayload, CronTimezone, MAX_CRON_JOBS};
pub use section::dependency::{CapabilityRef, DependenciesDef, RefKind};
pub use section::env::{EnvDef, EnvDefault, EnvKind, MAX_ENV_KEY_BYTES, NumericHint};
pub use section::env_options::OptionsFrom;
pub use section::interface::{BadInterfaceName, ExportDef, ImportDef, InterfaceName};
pub use section::llm::LlmProviderDef;
pub use section::mcp::{McpServerDef, McpServerKind};
pub use section::package::{BadCapsuleId, CapsuleId, MAX_CAPSULE_ID_BYTES, PackageDef};
pub use section::tool::ToolDef;
pub use section::topic_doc::{TopicDirection, TopicDoc};
pub use section::uplink::{MAX_UPLINKS, UplinkDef, UplinkProfile};
pub use section::wit::{SourcePin, WitKind, WitRef};
pub use topic::{BadTopicPattern, MAX_PATTERN_BYTES, MAX_PATTERN_SEGMENTS, TopicPattern};
