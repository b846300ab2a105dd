//! Manifests of the shapes that real packages have: each must load without fault, and with no warning but the one
//! about an unresolved WIT reference. The fixtures are written for this test; their counts and spellings are real.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{
    CapsuleManifest, Code, EnvKind, ManifestWarning, WitKind, load_manifest,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(format!("{name}.toml"))
}

fn load(name: &str) -> (CapsuleManifest, Vec<ManifestWarning>) {
    load_manifest(&fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

/// What a manifest must hold: held capability names, imports, exports, and the numbers of publish keys, subscribe
/// keys and bindings.
struct Shape {
    name: &'static str,
    held: &'static [&'static str],
    imports: &'static [&'static str],
    exports: &'static [&'static str],
    counts: (usize, usize, usize),
}

const fn shape(
    name: &'static str,
    held: &'static [&'static str],
    counts: (usize, usize, usize),
) -> Shape {
    Shape {
        name,
        held,
        imports: &[],
        exports: &[],
        counts,
    }
}

const fn exporting(shape: Shape, exports: &'static [&'static str]) -> Shape {
    Shape { exports, ..shape }
}

const fn importing(shape: Shape, imports: &'static [&'static str]) -> Shape {
    Shape { imports, ..shape }
}

const SHAPES: [Shape; 27] = [
    shape(
        "aos-agents",
        &["allow_prompt_injection", "fs_read"],
        (1, 1, 1),
    ),
    shape("aos-cli", &["net_bind", "uplink"], (16, 13, 0)),
    exporting(
        shape("aos-context-engine", &[], (4, 5, 0)),
        &["astrid:context@1.0.0"],
    ),
    shape("aos-forge", &["fs_read"], (2, 9, 9)),
    shape("aos-fs", &["fs_read", "fs_write"], (2, 9, 9)),
    exporting(
        shape("aos-hook-bridge", &[], (2, 20, 19)),
        &["astrid:hook@1.0.0"],
    ),
    shape("aos-http", &["net"], (2, 2, 2)),
    exporting(
        shape("aos-identity", &["fs_read", "fs_write"], (4, 4, 4)),
        &["astrid:spark@1.0.0"],
    ),
    shape("aos-mcp", &[], (9, 16, 13)),
    shape(
        "aos-memory",
        &["allow_prompt_injection", "fs_read"],
        (1, 1, 1),
    ),
    shape("aos-meta-harness", &[], (1, 1, 1)),
    exporting(
        shape("aos-openai-compat", &["net"], (3, 2, 2)),
        &["astrid:llm@1.0.0"],
    ),
    exporting(
        shape("aos-openai", &["net"], (3, 2, 2)),
        &["astrid:llm@1.0.0"],
    ),
    shape("aos-prompt-builder", &[], (5, 5, 2)),
    importing(
        shape("aos-react", &[], (14, 14, 10)),
        &[
            "astrid:context?",
            "astrid:llm",
            "astrid:session",
            "astrid:spark",
        ],
    ),
    exporting(
        shape("aos-registry", &["uplink"], (5, 6, 0)),
        &["astrid:registry@1.0.0"],
    ),
    exporting(shape("aos-router", &[], (2, 2, 2)), &["astrid:tool@1.0.0"]),
    exporting(
        shape("aos-session", &[], (11, 13, 13)),
        &["astrid:session@1.1.0"],
    ),
    shape("aos-shell", &["host_process"], (2, 5, 5)),
    shape("aos-skills", &["fs_read"], (2, 3, 3)),
    shape("aos-system", &["fs_read"], (2, 6, 6)),
    exporting(
        shape("aos-users", &[], (15, 15, 15)),
        &["astrid:users@1.0.0"],
    ),
    shape("astrid-capsule-cli", &["net_bind", "uplink"], (0, 0, 0)),
    shape("astrid-capsule-fs", &["fs_read", "fs_write"], (0, 0, 3)),
    shape(
        "astrid-capsule-memory",
        &["allow_prompt_injection", "fs_read"],
        (0, 0, 1),
    ),
    importing(
        shape("astrid-capsule-react", &[], (0, 0, 3)),
        &["astrid:llm", "astrid:session", "astrid:spark?"],
    ),
    exporting(
        shape("astrid-capsule-session", &[], (1, 2, 2)),
        &["astrid:session@1.0.0"],
    ),
];

// manifest case 1
#[test]
fn every_shape_of_a_real_manifest_loads_with_only_the_warning_it_has_in_life() {
    for shape in SHAPES {
        let (manifest, warnings) = load(shape.name);
        let warned: Vec<_> = warnings
            .iter()
            .map(|warning| (warning.code, warning.key.as_str()))
            .collect();
        if shape.name == "aos-registry" {
            assert_eq!(
                warned,
                [(Code::UnresolvedWit, "publish.\"registry.v1.changed\"")]
            );
        } else {
            assert_eq!(warned, [], "{}", shape.name);
        }
        assert_eq!(manifest.package.name, shape.name);
        assert_eq!(
            manifest.capabilities.held_names(),
            shape.held,
            "{}",
            shape.name
        );
        let optional = |optional| if optional { "?" } else { "" };
        let imports: Vec<_> = manifest
            .imports
            .iter()
            .map(|(name, import)| format!("{name}{}", optional(import.optional)))
            .collect();
        assert_eq!(imports, shape.imports, "{}", shape.name);
        let exports: Vec<_> = manifest
            .exports
            .iter()
            .map(|(name, export)| format!("{name}@{}", export.version))
            .collect();
        assert_eq!(exports, shape.exports, "{}", shape.name);
        let counts = (
            manifest.publishes.len(),
            manifest.subscribes.len(),
            manifest.bindings.len(),
        );
        assert_eq!(counts, shape.counts, "{}", shape.name);
        let [component] = manifest.components.as_slice() else {
            panic!("{} has one component", shape.name)
        };
        assert_eq!(manifest.executable(), Some(component), "{}", shape.name);
    }
}

// manifest case 1
#[test]
fn there_is_a_shape_for_every_fixture_of_a_capsule() {
    let entries = std::fs::read_dir(fixture("aos-fs").parent().unwrap()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .filter(|name| name != "distro")
        .collect();
    names.sort_unstable();
    let mut known: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}

// manifest case 4
#[test]
fn a_host_listed_on_the_component_and_at_the_root_is_one_entry() {
    let (manifest, _) = load("aos-openai");
    assert_eq!(manifest.capabilities.net, ["api.openai.com"]);
}

// manifest case 7
#[test]
fn an_interceptor_binds_its_topic_without_granting_a_subscription() {
    let (manifest, _) = load("astrid-capsule-react");
    assert!(
        manifest
            .bindings
            .iter()
            .any(|binding| binding.pattern == "user.v1.prompt" && binding.action == "prompt")
    );
    assert_eq!(manifest.ipc_subscribe_patterns.len(), 3);
    assert!(
        manifest
            .ipc_subscribe_patterns
            .iter()
            .all(|pattern| *pattern != "user.v1.prompt")
    );
    assert_eq!(manifest.topics.len(), 2);
}

#[test]
fn legacy_access_lists_are_access_and_no_capability() {
    let (manifest, _) = load("astrid-capsule-cli");
    assert_eq!(manifest.ipc_publish_patterns.len(), 3);
    assert_eq!(manifest.ipc_subscribe_patterns.len(), 3);
    assert!(!manifest.capabilities.has("ipc_publish"));
    let (on_component, _) = load("astrid-capsule-fs");
    assert_eq!(
        on_component.ipc_publish_patterns,
        ["tool.v1.execute.*.result"]
    );
}

#[test]
fn env_types_of_real_providers_are_normalised() {
    let (manifest, _) = load("aos-openai-compat");
    let kind = |key: &str| manifest.env[key].kind;
    assert_eq!(kind("api_key"), EnvKind::Secret);
    assert_eq!(kind("base_url"), EnvKind::Text);
    assert_eq!(kind("model"), EnvKind::Select);
    assert_eq!(
        manifest.env["context_window"]
            .default
            .as_ref()
            .unwrap()
            .as_text(),
        Some("128000")
    );
    assert_eq!(manifest.env["temperature"].default, None);
    let order: Vec<_> = manifest.env.keys().collect();
    assert_eq!(
        order,
        [
            "api_key",
            "base_url",
            "model",
            "max_tokens",
            "context_window",
            "temperature"
        ]
    );
    let (nested, _) = load("aos-openai");
    assert_eq!(
        nested.env["model"].default.as_ref().unwrap().as_text(),
        Some("model-large")
    );
    assert_eq!(
        nested.env["model"].options_from.as_ref().unwrap().select,
        "data[].id"
    );
}

#[test]
fn real_wit_references_are_registry_local_or_opaque() {
    assert!(
        load("aos-cli")
            .0
            .publishes
            .values()
            .all(|publish| publish.wit.kind() == WitKind::Opaque)
    );
    assert!(
        load("aos-mcp")
            .0
            .publishes
            .values()
            .all(|publish| publish.wit.kind() == WitKind::Local)
    );
    assert!(
        load("aos-router")
            .0
            .publishes
            .values()
            .all(|publish| publish.wit.kind() == WitKind::Registry)
    );
}

#[test]
fn the_router_binds_a_pattern_with_a_wildcard_in_the_middle() {
    let (manifest, _) = load("aos-router");
    assert!(
        manifest
            .bindings
            .iter()
            .any(|binding| binding.pattern == "tool.v1.execute.*.result")
    );
}
