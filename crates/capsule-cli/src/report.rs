//! What `inspect` shows, for programs and for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use astrid_capsule_manifest::CapsuleManifest;
use serde::Serialize;

use crate::component::{Component, Import, State};
use crate::error::one_line;
use crate::output::{BAD, FAINT, GOOD, HEAD, WARNING as WARN};

/// A component, and the manifest it came with.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The manifest, when a capsule directory was given.
    pub(crate) manifest: Option<ManifestReport>,
    /// The capsule's program; a capsule of static files has none.
    pub(crate) component: Option<ComponentReport>,
}

/// A component.
#[derive(Debug, Serialize)]
pub(crate) struct ComponentReport {
    path: PathBuf,
    size: usize,
    blake3: String,
    /// The hash that a build or the manifest recorded.
    recorded_blake3: Option<String>,
    imports: Vec<Import>,
    exports: BTreeMap<&'static str, State>,
}

/// What a manifest grants and binds.
#[derive(Debug, Serialize)]
pub(crate) struct ManifestReport {
    name: String,
    version: String,
    description: Option<String>,
    capabilities: Vec<&'static str>,
    publish: Vec<String>,
    /// Whether it may answer when other capsules ask for approval.
    answers_approval_prompts: bool,
    subscribe: Vec<String>,
    handlers: Vec<Handler>,
    tools: Vec<String>,
    env: Vec<String>,
    imports: BTreeMap<String, String>,
    exports: BTreeMap<String, String>,
    commands: Vec<String>,
    skills: usize,
    context_files: usize,
    mcp_servers: Vec<String>,
    cron: Vec<String>,
}

/// An event and the action it triggers.
#[derive(Debug, Serialize)]
struct Handler {
    topic: String,
    action: String,
    priority: u32,
}

impl ComponentReport {
    /// The report of the component at `path`.
    pub(crate) fn new(path: &Path, component: Component, recorded_blake3: Option<String>) -> Self {
        let Component { size, hash, imports, exports } = component;
        Self { path: path.to_owned(), size, blake3: hash, recorded_blake3, imports, exports: exports.into() }
    }
}

impl From<&CapsuleManifest> for ManifestReport {
    fn from(manifest: &CapsuleManifest) -> Self {
        let texts = |patterns: &[astrid_capsule_manifest::TopicPattern]| {
            patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect()
        };
        let handlers = manifest.bindings.iter().map(|binding| Handler {
            topic: binding.pattern.as_str().to_owned(),
            action: binding.action.clone(),
            priority: binding.priority,
        });
        Self {
            name: manifest.package.name.to_string(),
            version: manifest.package.version.to_string(),
            description: manifest.package.description.clone(),
            capabilities: manifest.capabilities.held_names(),
            publish: texts(&manifest.ipc_publish_patterns),
            answers_approval_prompts: astrid_capsule::may_answer_prompts(manifest),
            subscribe: texts(&manifest.ipc_subscribe_patterns),
            handlers: handlers.collect(),
            tools: manifest.tools.iter().map(|tool| tool.name.clone()).collect(),
            env: manifest.env.keys().cloned().collect(),
            imports: manifest
                .imports
                .iter()
                .map(|(name, one)| (name.to_string(), one.version.to_string()))
                .collect(),
            exports: manifest
                .exports
                .iter()
                .map(|(name, one)| (name.to_string(), one.version.to_string()))
                .collect(),
            commands: manifest.commands.iter().map(|command| command.name.clone()).collect(),
            skills: manifest.skills.len(),
            context_files: manifest.context_files.len(),
            mcp_servers: manifest.mcp_servers.iter().map(|server| server.id.clone()).collect(),
            cron: manifest.cron_jobs.iter().map(|job| job.name.clone()).collect(),
        }
    }
}

impl Report {
    /// The report for people, ending with a line feed.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string never fails.
        let _ = self.manifest.iter().try_for_each(|manifest| manifest.write(&mut text));
        let _ = self.component.iter().try_for_each(|component| component.write(&mut text));
        text
    }
}

impl ComponentReport {
    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "{HEAD}component{HEAD:#} {}", one_line(&self.path.display().to_string()))?;
        writeln!(out, "  size    {} bytes", self.size)?;
        let recorded = match &self.recorded_blake3 {
            Some(recorded) if *recorded == self.blake3 => format!("{GOOD}as recorded{GOOD:#}"),
            Some(recorded) => format!("{BAD}recorded was {recorded}{BAD:#}"),
            None => format!("{FAINT}not recorded{FAINT:#}"),
        };
        writeln!(out, "  blake3  {}  {recorded}", self.blake3)?;
        writeln!(out, "  {HEAD}imports{HEAD:#}")?;
        let width = self.imports.iter().map(|import| import.name.len()).max().unwrap_or_default();
        for import in &self.imports {
            writeln!(out, "    {:width$}  {}", one_line(&import.name), offer(import))?;
        }
        writeln!(out, "  {HEAD}exports{HEAD:#}")?;
        for (name, state) in &self.exports {
            let style = if *state == State::Real { GOOD } else { FAINT };
            writeln!(out, "    {name:19}  {style}{state}{style:#}")?;
        }
        Ok(())
    }
}

fn offer(import: &Import) -> String {
    match (import.offered, import.offered_versions.as_slice()) {
        (true, _) => format!("{GOOD}offered{GOOD:#}"),
        (false, []) => format!("{BAD}not offered{BAD:#}"),
        (false, versions) => format!("{BAD}not offered{BAD:#}, only {}", versions.join(", ")),
    }
}

impl ManifestReport {
    fn write(&self, out: &mut String) -> fmt::Result {
        let described = self.description.as_deref().map(one_line).unwrap_or_default();
        writeln!(out, "{HEAD}{} {}{HEAD:#}  {described}", self.name, self.version)?;
        list(out, "capabilities", self.capabilities.iter().copied())?;
        list(out, "publishes", self.publish.iter().map(String::as_str))?;
        if self.answers_approval_prompts {
            writeln!(out, "  {WARN}may answer approval prompts{WARN:#}")?;
        }
        list(out, "subscribes", self.subscribe.iter().map(String::as_str))?;
        for handler in &self.handlers {
            let Handler { topic, action, priority } = handler;
            writeln!(
                out,
                "  handler       {topic} -> {} {FAINT}priority {priority}{FAINT:#}",
                one_line(action)
            )?;
        }
        let interfaces = |of: &BTreeMap<String, String>| {
            of.iter().map(|(name, version)| format!("{name} {version}")).collect()
        };
        let (imports, exports): (Vec<String>, Vec<String>) =
            (interfaces(&self.imports), interfaces(&self.exports));
        let rest = [
            ("imports", &imports),
            ("exports", &exports),
            ("tools", &self.tools),
            ("env", &self.env),
            ("commands", &self.commands),
            ("mcp servers", &self.mcp_servers),
            ("cron", &self.cron),
        ];
        for (name, entries) in rest.into_iter().filter(|(_, entries)| !entries.is_empty()) {
            list(out, name, entries.iter().map(String::as_str))?;
        }
        for (name, count) in [("skills", self.skills), ("context files", self.context_files)] {
            if count > 0 {
                writeln!(out, "  {name:12}  {count}")?;
            }
        }
        Ok(())
    }
}

fn list<'e>(out: &mut String, name: &str, entries: impl Iterator<Item = &'e str>) -> fmt::Result {
    let entries = entries.map(one_line).collect::<Vec<_>>();
    let entries = if entries.is_empty() { format!("{FAINT}none{FAINT:#}") } else { entries.join(", ") };
    writeln!(out, "  {name:12}  {entries}")
}
