//! The steps from text to [`CapsuleManifest`].

use std::path::Path;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::error::{ManifestError, ManifestFault, ManifestWarning};
use crate::manifest::CapsuleManifest;
use crate::schema::CAPSULE;
use crate::section::{
    capability_merge, channel, command, component, content, cron, dependency, env, interface, llm,
    mcp, package, tool, topic_doc, uplink,
};
use crate::sink::{Sink, Spot};
use crate::tree::{self, Node};
use crate::{compat, text};

/// The name a manifest has in the root directory of its capsule.
pub const MANIFEST_FILE: &str = "Capsule.toml";

/// Largest manifest in bytes. Real ones have a few kilobytes; this bounds the work of parsing a hostile one.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;

/// Parses the text of a manifest. `path` only names the file in messages; nothing is read.
///
/// # Errors
/// Every fault of the first step that finds any, in this order: size and TOML syntax; types, required keys and
/// enumerated values; capabilities; `astrid-version`; package name and version; topics; interfaces; the other
/// sections and all paths; rules between sections.
pub fn parse_manifest(
    text: &str,
    path: &Path,
) -> Result<(CapsuleManifest, Vec<ManifestWarning>), ManifestError> {
    let (text, node) = parse_tree(text, path)?;
    let root = Cursor::root(&node);
    let mut sink = Sink::new(path, text);
    let manifest = normalise(&root, &mut sink)?;
    Ok((manifest, sink.into_warnings()))
}

/// Size, byte order mark and syntax: what all files of this crate have in common.
pub(crate) fn parse_tree<'t>(text: &'t str, path: &Path) -> Result<(&'t str, Node), ManifestError> {
    if text.len() > MAX_MANIFEST_BYTES {
        return Err(too_large(path).into());
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match tree::parse(text) {
        Ok(node) => Ok((text, node)),
        Err(error) => {
            let mut sink = Sink::new(path, text);
            let spot = Spot::new(&Default::default(), error.at.unwrap_or_default());
            let problem = format!("not valid TOML: {}", text::clip(&error.problem));
            let outcome = Err(sink.fault(spot, Code::TomlSyntax, problem, ""));
            sink.settle(outcome)
        }
    }
}

pub(crate) fn too_large(path: &Path) -> ManifestFault {
    whole_file(
        path,
        Code::ManifestTooLarge,
        "the file is too large",
        format!("at most {MAX_MANIFEST_BYTES} bytes"),
    )
}

/// A fault that has no place in the file.
pub(crate) fn whole_file(
    path: &Path,
    code: Code,
    problem: impl Into<String>,
    allowed: impl Into<String>,
) -> ManifestFault {
    ManifestFault {
        path: path.to_owned(),
        key: String::new(),
        line: None,
        column: None,
        code,
        problem: problem.into(),
        allowed: Some(allowed.into()).filter(|text| !text.is_empty()),
    }
}

fn normalise(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<CapsuleManifest, ManifestError> {
    CAPSULE.check(root, sink);
    mcp::check_kinds(root, sink);
    sink.end_step()?;

    let capabilities = capability_merge::effective(root, sink);
    sink.end_step()?;

    let astrid_version = compat::check(root.get("package").as_ref(), sink);
    let astrid_version = sink.settle(astrid_version)?;

    let is_uplink = capabilities.uplink || !root.tables("uplink").is_empty();
    let package = package::read(root, astrid_version, is_uplink, sink);
    let mut package = sink.settle(package)?;

    let channels = channel::read(root, sink);
    sink.end_step()?;

    let imports = interface::read_imports(root, sink);
    let exports = interface::read_exports(root, sink);
    let dependencies = dependency::read(root, sink);
    sink.end_step()?;

    package::read_paths(&mut package, root, sink);
    let components = component::read(root, sink);
    let commands = command::read(root, sink);
    let tools = tool::read(root, sink);
    let env = env::read(root, sink);
    let cron_jobs = cron::read(root, sink);
    let uplinks = uplink::read(root, capabilities.uplink, sink);
    let mcp_servers = mcp::read(root, sink);
    let context_files = content::read_context_files(root, sink);
    let skills = content::read_skills(root, sink);
    let topics = topic_doc::read(root, sink);
    sink.end_step()?;

    interface::check_uplink_imports(root, capabilities.uplink, sink);
    component::check_links(root, &components, sink);
    sink.end_step()?;

    let mut bindings = channels.bindings;
    tool::bind(&tools, channels.subscribes.keys(), &mut bindings);
    let manifest = CapsuleManifest {
        package,
        components,
        imports,
        exports,
        publishes: channels.publishes,
        subscribes: channels.subscribes,
        ipc_publish_patterns: channels.publish_acl,
        ipc_subscribe_patterns: channels.subscribe_acl,
        bindings,
        tools,
        capabilities,
        env,
        context_files,
        commands,
        mcp_servers,
        skills,
        uplinks,
        topics,
        dependencies,
        cron_jobs,
        llm_providers: llm::read(root),
    };
    warn_if_empty(&manifest, root, sink);
    Ok(manifest)
}

fn warn_if_empty(manifest: &CapsuleManifest, root: &Cursor<'_>, sink: &mut Sink<'_>) {
    let CapsuleManifest {
        components,
        mcp_servers,
        context_files,
        skills,
        commands,
        ..
    } = manifest;
    let has_something = !components.is_empty()
        || !mcp_servers.is_empty()
        || !context_files.is_empty()
        || !skills.is_empty()
        || !commands.is_empty();
    if !has_something {
        let message = "the capsule has nothing to do: no component, mcp_server, context_file, skill or command";
        sink.warn(root, Code::EmptyCapsule, message);
    }
}
