//! One module a section of the file: the normalised type, and how it is read from a document whose types are right.

pub(crate) mod capability;
pub(crate) mod capability_merge;
pub(crate) mod capability_syntax;
pub(crate) mod channel;
pub(crate) mod command;
pub(crate) mod component;
pub(crate) mod content;
pub(crate) mod cron;
pub(crate) mod dependency;
pub(crate) mod env;
pub(crate) mod env_options;
pub(crate) mod interface;
pub(crate) mod llm;
pub(crate) mod mcp;
pub(crate) mod package;
pub(crate) mod tool;
pub(crate) mod topic_doc;
pub(crate) mod uplink;
pub(crate) mod wit;
