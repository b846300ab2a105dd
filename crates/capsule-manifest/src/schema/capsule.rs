//! The shape of `Capsule.toml`.

use super::Shape::{
    Bool, Count, Enum, Enums, FreeTable, Interfaces, Map, OneOrMore, Refused, ScalarOrTexts, Table,
    Tables, Text, TextOr, TextOrFreeTable, Texts, Word,
};
use super::{Schema, optional, required, schema};

pub(crate) const ENV_TYPES: &[&str] = &["text", "secret", "select", "array"];
const ENV_TYPE_ALIASES: &[&str] = &["string", "integer", "number", "boolean", "enum", "password"];
const PROFILES: &[&str] = &["chat", "interactive", "notify", "bridge"];
pub(crate) const COMMAND_KINDS: &[&str] = &["slash", "cli"];
pub(crate) const SERVER_TYPES: &[&str] = &["stdio", "wasm-ipc"];

pub(crate) static CAPSULE: Schema = schema(&[
    required(&["package"], Table(&PACKAGE)),
    optional(&["component"], OneOrMore(&COMPONENT)),
    optional(&["imports"], Interfaces(&IMPORT)),
    optional(&["exports"], Interfaces(&EXPORT)),
    optional(&["publish"], Map(&TextOr(&PUBLISH))),
    optional(&["subscribe"], Map(&TextOr(&SUBSCRIBE))),
    optional(&["interceptor"], Tables(&INTERCEPTOR)),
    optional(&["capabilities"], Table(&CAPABILITIES)),
    optional(&["env"], Map(&Table(&ENV))),
    optional(&["tool"], Tables(&TOOL)),
    optional(&["command"], Tables(&COMMAND)),
    optional(&["mcp_server"], Tables(&MCP_SERVER)),
    optional(&["context_file"], Tables(&CONTEXT_FILE)),
    optional(&["skill"], Tables(&SKILL)),
    optional(&["uplink"], Tables(&UPLINK)),
    optional(&["topic"], Tables(&TOPIC)),
    optional(&["dependencies"], Table(&DEPENDENCIES)),
    optional(&["cron"], Tables(&CRON)),
    optional(&["llm_provider"], Tables(&LLM_PROVIDER)),
]);

static PACKAGE: Schema = schema(&[
    required(&["name"], Text),
    required(&["version"], Text),
    optional(&["description"], Text),
    optional(&["repository"], Text),
    optional(&["homepage"], Text),
    optional(&["documentation"], Text),
    optional(&["license"], Text),
    optional(&["license-file"], Text),
    optional(&["readme"], Text),
    optional(&["authors"], Texts),
    optional(&["keywords"], Texts),
    optional(&["categories"], Texts),
    optional(&["astrid-version"], Text),
    optional(&["publish"], Bool),
    optional(&["include"], Texts),
    optional(&["exclude"], Texts),
    optional(&["metadata"], FreeTable),
]);

static COMPONENT: Schema = schema(&[
    optional(&["id"], Text),
    required(&["file", "entrypoint"], Text),
    optional(&["hash"], Text),
    optional(&["type"], Enum(&["executable", "library"], &[""])),
    optional(&["link"], Texts),
    optional(&["capabilities"], Table(&CAPABILITIES)),
]);

static IMPORT: Schema = schema(&[required(&["version"], Text), optional(&["optional"], Bool)]);
static EXPORT: Schema = schema(&[required(&["version"], Text)]);

static PUBLISH: Schema = schema(&[
    required(&["wit"], Word),
    optional(&["version"], Word),
    optional(&["tag"], Word),
    optional(&["rev"], Word),
    optional(&["branch"], Word),
    optional(&["path"], Word),
    optional(&["fanout"], Bool),
]);

static SUBSCRIBE: Schema = schema(&[
    required(&["wit"], Word),
    optional(&["version"], Word),
    optional(&["tag"], Word),
    optional(&["rev"], Word),
    optional(&["branch"], Word),
    optional(&["path"], Word),
    optional(&["handler"], Word),
    optional(&["priority"], Count),
]);

static INTERCEPTOR: Schema = schema(&[
    required(&["event"], Text),
    required(&["action"], Word),
    optional(&["priority"], Count),
]);

static CAPABILITIES: Schema = Schema {
    fields: &[
        optional(&["uplink"], Bool),
        optional(&["net"], Texts),
        optional(&["net_connect"], Texts),
        optional(&["net_bind"], Texts),
        optional(&["net_tcp_bind"], Texts),
        optional(&["net_udp"], Texts),
        optional(&["bind_workers"], Count),
        optional(&["kv"], Texts),
        optional(&["fs_read"], Texts),
        optional(&["fs_write"], Texts),
        optional(&["host_process"], Texts),
        optional(&["allow_persistent"], Bool),
        optional(&["identity"], Enums(&["resolve", "link", "admin"])),
        optional(&["allow_prompt_injection"], Bool),
        optional(&["ipc_publish"], Texts),
        optional(&["ipc_subscribe"], Texts),
    ],
    unknown: "grants nothing",
};

static ENV: Schema = schema(&[
    optional(&["type"], Enum(ENV_TYPES, ENV_TYPE_ALIASES)),
    optional(&["request"], Text),
    optional(&["description"], Text),
    optional(&["default"], ScalarOrTexts),
    optional(&["enum_values"], Texts),
    optional(&["placeholder"], Text),
    optional(&["options_from", "options-from"], Table(&OPTIONS_FROM)),
    optional(
        &["scope"],
        Refused("scope is chosen by the operator when storing the value"),
    ),
]);

static OPTIONS_FROM: Schema = schema(&[
    required(&["http"], Word),
    optional(&["bearer"], Word),
    optional(&["select"], Word),
    optional(&["after"], Texts),
]);

static TOOL: Schema = schema(&[
    required(&["name"], Text),
    optional(&["description_for_llm", "description"], Text),
    optional(&["input_schema_wit"], Word),
    optional(&["input_schema"], FreeTable),
    optional(&["mutable"], Bool),
]);

static COMMAND: Schema = schema(&[
    required(&["name"], Text),
    optional(&["description"], Text),
    optional(&["file"], Text),
    optional(&["kind"], Enum(COMMAND_KINDS, &[])),
]);

static MCP_SERVER: Schema = schema(&[
    required(&["id"], Text),
    optional(&["description"], Text),
    optional(&["type"], Enum(SERVER_TYPES, &["openclaw"])),
    optional(&["command"], Word),
    optional(&["args"], Texts),
    optional(&["binary_hash"], Text),
]);

static CONTEXT_FILE: Schema = schema(&[required(&["name"], Word), required(&["file"], Text)]);

static SKILL: Schema = schema(&[
    optional(&["name"], Word),
    optional(&["description"], Text),
    required(&["file"], Text),
]);

static UPLINK: Schema = schema(&[
    required(&["name"], Text),
    required(&["platform"], Text),
    required(&["profile"], Enum(PROFILES, &["human"])),
]);

static TOPIC: Schema = schema(&[
    required(&["name"], Text),
    required(&["direction"], Enum(&["publish", "subscribe"], &[])),
    optional(&["description"], Text),
    optional(&["schema"], Text),
    optional(&["wit_type"], Text),
]);

static DEPENDENCIES: Schema = schema(&[
    optional(&["requires"], Texts),
    optional(&["provides"], Texts),
]);

static CRON: Schema = schema(&[
    required(&["name"], Text),
    required(&["schedule"], Text),
    optional(&["action"], Word),
    optional(&["payload"], TextOrFreeTable),
    optional(&["timezone"], Enum(&["UTC", "local"], &[])),
]);

static LLM_PROVIDER: Schema = schema(&[
    required(&["id"], Word),
    optional(&["description"], Text),
    optional(&["capabilities"], Texts),
]);
