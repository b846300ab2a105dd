//! What a manifest may say, and what it then means.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::{Path, PathBuf};

use astrid_capsule_manifest::{
    CapsuleManifest, Code, CommandKind, ComponentKind, CronPayload, CronTimezone, EnvDefault,
    EnvKind, ManifestWarning, McpServerKind, NumericHint, SourcePin, UplinkProfile, parse_manifest,
};

const PACKAGE: &str = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
const COMPONENT: &str = "[[component]]\nfile = \"x.wasm\"\n";

fn parse(rest: &str) -> (CapsuleManifest, Vec<ManifestWarning>) {
    parse_manifest(
        &format!("{PACKAGE}{COMPONENT}{rest}"),
        Path::new("Capsule.toml"),
    )
    .unwrap_or_else(|e| panic!("{e}"))
}

/// Parses what must not even be warned about.
fn clean(rest: &str) -> CapsuleManifest {
    let (manifest, warnings) = parse(rest);
    assert_eq!(warnings, []);
    manifest
}

fn bare(text: &str) -> (CapsuleManifest, Vec<ManifestWarning>) {
    parse_manifest(text, Path::new("Capsule.toml")).unwrap_or_else(|error| panic!("{error}"))
}

// manifest case 2
#[test]
fn a_legacy_component_table_is_one_executable_component() {
    let (manifest, warnings) = bare(&format!("{PACKAGE}[component]\nentrypoint=\"a.wasm\""));
    assert_eq!(warnings, []);
    let [component] = manifest.components.as_slice() else {
        panic!("one component")
    };
    assert_eq!(
        (component.file.as_path(), component.kind),
        (Path::new("a.wasm"), ComponentKind::Executable)
    );
}

// manifest case 3
#[test]
fn nested_and_flat_interfaces_are_equal_maps() {
    let nested = clean("[imports.astrid]\nllm=\"^1.0\"").imports;
    assert_eq!(nested, clean("[imports]\n\"astrid:llm\"=\"^1.0\"").imports);
    assert_eq!(
        nested,
        clean("[imports]\n\"astrid:llm\" = { version = \"^1.0\" }").imports
    );
    assert_eq!(
        nested,
        clean("[imports.astrid.llm]\nversion=\"^1.0\"\noptional=false").imports
    );
    assert_eq!(nested.keys().next().unwrap().to_string(), "astrid:llm");
}

// manifest case 5
#[test]
fn flags_are_or_ed_and_lists_joined_over_component_and_root() {
    let text = format!(
        "{PACKAGE}[[component]]\nfile=\"x.wasm\"\ncapabilities={{uplink=false,fs_read=[\"cwd://\"]}}\n[capabilities]\nuplink=true"
    );
    let capabilities = bare(&text).0.capabilities;
    assert!(capabilities.uplink);
    assert_eq!(capabilities.fs_read, ["cwd://"]);
}

#[test]
fn the_last_component_that_states_workers_decides_and_the_root_does_otherwise() {
    let component = |id: &str, kind: &str, workers: &str| {
        format!(
            "[[component]]\nid=\"{id}\"\nfile=\"{id}.wasm\"\ntype=\"{kind}\"\ncapabilities={{ {workers} }}\n"
        )
    };
    let root = "[capabilities]\nbind_workers = 2\n";
    let with = |a: &str, b: &str| {
        let text = format!(
            "{PACKAGE}{root}{}{}",
            component("a", "executable", a),
            component("b", "library", b)
        );
        bare(&text).0.capabilities.bind_workers
    };
    assert_eq!(with("", ""), Some(2));
    assert_eq!(with("bind_workers=4", ""), Some(4));
    assert_eq!(with("bind_workers=4", "bind_workers=3"), Some(3));
}

// manifest case 6
#[test]
fn a_subscription_in_short_form_grants_access_and_binds_nothing() {
    let manifest = clean("[subscribe]\n\"a.b\" = \"opaque\"");
    let entry = &manifest.subscribes["a.b"];
    assert_eq!(
        (entry.wit.as_str(), entry.handler.as_deref()),
        ("opaque", None)
    );
    assert_eq!(manifest.bindings, []);
    assert_eq!(manifest.ipc_subscribe_patterns, ["a.b"]);
    assert!(manifest.ipc_publish_patterns.is_empty());
}

// manifest case 8
#[test]
fn an_integer_env_key_is_text_with_its_default_as_text() {
    let manifest = clean("[env.n]\ntype=\"integer\"\ndefault=8192");
    let key = &manifest.env["n"];
    assert_eq!(
        (key.kind, key.numeric),
        (EnvKind::Text, Some(NumericHint::Integer))
    );
    assert_eq!(key.default, Some(EnvDefault::Text("8192".to_owned())));
}

#[test]
fn every_env_type_alias_has_its_canonical_kind() {
    for (spelling, kind) in [
        ("text", EnvKind::Text),
        ("string", EnvKind::Text),
        ("integer", EnvKind::Text),
        ("number", EnvKind::Text),
        ("secret", EnvKind::Secret),
        ("password", EnvKind::Secret),
        ("select", EnvKind::Select),
        ("enum", EnvKind::Select),
        ("boolean", EnvKind::Select),
        ("array", EnvKind::Array),
    ] {
        assert_eq!(
            clean(&format!("[env.k]\ntype=\"{spelling}\"")).env["k"].kind,
            kind,
            "{spelling}"
        );
    }
    assert_eq!(clean("[env]\nk={}").env["k"].kind, EnvKind::Text);
    assert_eq!(
        clean("[env.k]\ntype=\"boolean\"").env["k"].enum_values,
        ["true", "false"]
    );
    let list = clean("[env.k]\ntype=\"array\"\ndefault=[\"a\",\"b\"]");
    assert_eq!(
        list.env["k"].default,
        Some(EnvDefault::List(vec!["a".to_owned(), "b".to_owned()]))
    );
}

// manifest case 9
#[test]
fn requirements_on_the_runtime_that_it_satisfies_are_accepted() {
    for requirement in [">=0.10.1", "=0.10.4", "^0.10.4-rc.1", "*", ">=0.7.0, <1"] {
        let text = format!("{PACKAGE}astrid-version=\"{requirement}\"\n{COMPONENT}");
        assert!(
            bare(&text).0.package.astrid_version.is_some(),
            "{requirement}"
        );
    }
}

// manifest case 10
#[test]
fn a_declared_tool_binds_its_execute_topic() {
    let manifest = clean("[[tool]]\nname=\"grep\"");
    let [binding] = manifest.bindings.as_slice() else {
        panic!("one binding")
    };
    assert_eq!(binding.pattern, "tool.v1.execute.grep");
    assert_eq!(
        (binding.action.as_str(), binding.priority),
        ("tool_execute_grep", 100)
    );
}

#[test]
fn a_tool_whose_topic_is_covered_binds_nothing_more() {
    for pattern in ["tool.v1.execute.grep", "tool.v1.execute.*", "*.v1.*.grep"] {
        let rest = format!(
            "[[tool]]\nname=\"grep\"\n[subscribe]\n\"{pattern}\" = {{ wit=\"opaque\", handler=\"mine\" }}"
        );
        let bindings = clean(&rest).bindings;
        assert_eq!(bindings.len(), 1, "{pattern}");
        assert_eq!(bindings[0].action, "mine");
    }
    let by_interceptor = clean(
        "[[tool]]\nname=\"grep\"\n[[interceptor]]\nevent=\"tool.v1.execute.grep\"\naction=\"mine\"",
    );
    assert_eq!(by_interceptor.bindings.len(), 1);
    let other = clean(
        "[[tool]]\nname=\"grep\"\n[subscribe]\n\"tool.v1.*\" = { wit=\"opaque\", handler=\"mine\" }",
    );
    assert_eq!(other.bindings.len(), 2);
}

// manifest case 11
#[test]
fn a_capsule_of_one_skill_needs_no_component() {
    let (manifest, warnings) = bare(&format!(
        "{PACKAGE}[[skill]]\nname=\"s\"\nfile=\"SKILL.md\""
    ));
    assert_eq!(warnings, []);
    assert!(manifest.components.is_empty());
    assert_eq!(manifest.skills[0].file, PathBuf::from("SKILL.md"));
}

#[test]
fn a_capsule_of_nothing_parses_and_is_warned_about() {
    let (_, warnings) = bare(PACKAGE);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].code, Code::EmptyCapsule);
}

#[test]
fn identical_bindings_collapse_to_the_lowest_priority_number() {
    let manifest = clean(
        "[subscribe]\n\"a.b\" = { wit=\"opaque\", handler=\"h\", priority=50 }\n[[interceptor]]\nevent=\"a.b\"\naction=\"h\"\npriority=7\n[[interceptor]]\nevent=\"a.b\"\naction=\"other\"",
    );
    let bindings: Vec<_> = manifest
        .bindings
        .iter()
        .map(|b| (b.action.as_str(), b.priority))
        .collect();
    assert_eq!(bindings, [("h", 7), ("other", 100)]);
}

#[test]
fn access_lists_are_the_union_of_tables_and_legacy_lists_without_repeats() {
    let manifest = clean(
        "[publish]\n\"a.b\"=\"opaque\"\n[capabilities]\nipc_publish=[\"a.b\",\"c.*\"]\nipc_subscribe=[\"d\"]",
    );
    assert_eq!(manifest.ipc_publish_patterns, ["a.b", "c.*"]);
    assert_eq!(manifest.ipc_subscribe_patterns, ["d"]);
    assert!(manifest.capabilities.held_names().is_empty());
}

#[test]
fn every_source_pin_is_kept() {
    let manifest = clean(
        "[publish]\na={wit=\"opaque\",version=\"1\"}\nb={wit=\"opaque\",tag=\"t\",fanout=true}\nc={wit=\"opaque\",rev=\"r\"}\nd={wit=\"opaque\",branch=\"b\"}\ne={wit=\"opaque\",path=\"wit\"}",
    );
    let pins: Vec<_> = manifest
        .publishes
        .values()
        .map(|publish| publish.pin.clone().unwrap())
        .collect();
    let text = str::to_owned;
    assert_eq!(
        pins,
        [
            SourcePin::Version(text("1")),
            SourcePin::Tag(text("t")),
            SourcePin::Rev(text("r")),
            SourcePin::Branch(text("b")),
            SourcePin::Path(text("wit")),
        ]
    );
    assert!(manifest.publishes["b"].fanout);
}

#[test]
fn a_component_keeps_its_hash_without_prefix_and_its_links() {
    let digest = "0123456789abcdef".repeat(4);
    let text = format!(
        "{PACKAGE}[[component]]\nfile=\"/store/x.wasm\"\nhash=\"blake3:{digest}\"\ntype=\"\"\nlink=[\"lib\"]\n[[component]]\nid=\"lib\"\nfile=\"lib.wasm\"\ntype=\"library\"\nhash=\"{digest}\""
    );
    let (manifest, warnings) = bare(&text);
    assert_eq!(warnings, []);
    assert!(
        manifest
            .components
            .iter()
            .all(|component| component.hash.as_deref() == Some(digest.as_str()))
    );
    assert_eq!(manifest.executable().unwrap().link, ["lib"]);
}

#[test]
fn commands_lose_their_slash_and_default_to_slash_commands() {
    let manifest = clean(
        "[[command]]\nname=\"/a:b\"\nfile=\"a.md\"\n[[command]]\nname=\"models\"\nkind=\"cli\"\n[[command]]\nname=\"models\"",
    );
    let commands: Vec<_> = manifest
        .commands
        .iter()
        .map(|c| (c.name.as_str(), c.kind))
        .collect();
    assert_eq!(
        commands,
        [
            ("a:b", CommandKind::Slash),
            ("models", CommandKind::Cli),
            ("models", CommandKind::Slash)
        ]
    );
}

#[test]
fn mcp_servers_default_to_processes_and_legacy_ones_are_warned_about() {
    let (manifest, warnings) = parse(
        "[[mcp_server]]\nid=\"a\"\ncommand=\"npx\"\nargs=[\"-y\"]\n[[mcp_server]]\nid=\"b\"\ntype=\"wasm-ipc\"\n[[mcp_server]]\nid=\"c\"\ntype=\"openclaw\"",
    );
    let kinds: Vec<_> = manifest
        .mcp_servers
        .iter()
        .map(|server| server.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            McpServerKind::Stdio,
            McpServerKind::WasmIpc,
            McpServerKind::OpenClaw
        ]
    );
    assert_eq!(
        warnings
            .iter()
            .map(|warning| warning.code)
            .collect::<Vec<_>>(),
        [Code::ServerNotStarted]
    );
}

#[test]
fn uplinks_are_trimmed_and_their_platform_is_lower_case() {
    let manifest = clean(
        "[capabilities]\nuplink=true\n[[uplink]]\nname=\" bot \"\nplatform=\" Chat \"\nprofile=\"human\"",
    );
    let uplink = &manifest.uplinks[0];
    assert_eq!(
        (uplink.name.as_str(), uplink.platform.as_str()),
        ("bot", "chat")
    );
    assert_eq!(uplink.profile, UplinkProfile::Interactive);
}

#[test]
fn an_uplink_table_of_a_legacy_manifest_is_the_capability_and_is_shown_for_approval() {
    let (manifest, warnings) = parse("[[uplink]]\nname=\"a\"\nplatform=\"p\"\nprofile=\"chat\"");
    assert!(manifest.capabilities.has("uplink"));
    assert_eq!(warnings[0].code, Code::ImpliedUplink);
    let asked = manifest.capabilities.expansions_from(&Default::default());
    assert_eq!(asked["uplink"], ["enabled"]);
}

#[test]
fn cron_jobs_default_to_their_name_as_action_and_utc() {
    let manifest = clean(
        "[[cron]]\nname=\"a\"\nschedule=\"*/5 * * * *\"\n[[cron]]\nname=\"b\"\nschedule=\"@every 90s\"\naction=\"go\"\npayload={n=1}\ntimezone=\"local\"\n[[cron]]\nname=\"c\"\nschedule=\"@daily\"\npayload=\"p\"",
    );
    let [a, b, c] = manifest.cron_jobs.as_slice() else {
        panic!("three jobs")
    };
    assert_eq!(
        (a.action.as_str(), a.timezone, &a.payload),
        ("a", CronTimezone::Utc, &CronPayload::Text(String::new()))
    );
    assert_eq!((b.action.as_str(), b.timezone), ("go", CronTimezone::Local));
    let CronPayload::Json(payload) = &b.payload else {
        panic!("a table")
    };
    assert_eq!(payload["n"], 1);
    assert_eq!(c.payload, CronPayload::Text("p".to_owned()));
}

#[test]
fn provided_references_come_from_dependencies_providers_tools_and_uplinks() {
    let manifest = clean(
        "[capabilities]\nuplink=true\n[dependencies]\nrequires=[\"topic:llm.stream.*\"]\nprovides=[\"topic:a.b\"]\n[[llm_provider]]\nid=\"big\"\n[[tool]]\nname=\"t\"\n[[uplink]]\nname=\"n\"\nplatform=\"p\"\nprofile=\"bridge\"",
    );
    let provided: Vec<_> = manifest
        .provided_refs()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(provided, ["topic:a.b", "llm:big", "tool:t", "uplink:p"]);
    assert_eq!(
        manifest.dependencies.requires[0].to_string(),
        "topic:llm.stream.*"
    );
}

#[test]
fn questions_are_asked_after_those_they_need() {
    let manifest = clean(
        "[env.model]\ntype=\"select\"\noptions_from={http=\"{base}/m\",bearer=\"{key}\",after=[\"base\"]}\n[env.key]\ntype=\"secret\"\n[env.base]\n[env.last]",
    );
    assert_eq!(
        manifest.env_question_order(),
        ["key", "base", "last", "model"]
    );
    assert_eq!(
        manifest.env.keys().collect::<Vec<_>>(),
        ["model", "key", "base", "last"]
    );
}

#[test]
fn metadata_and_schemas_are_kept_as_json_and_never_warned_about() {
    let text = format!(
        "{PACKAGE}{COMPONENT}[package.metadata.tool]\nany = [1, 2.5, true, \"x\"]\nwhen = 2026-01-01\n[[tool]]\nname=\"t\"\ninput_schema={{type=\"object\"}}\ndescription=\"d\""
    );
    let (manifest, warnings) = bare(&text);
    assert_eq!(warnings, []);
    assert_eq!(
        manifest.package.metadata["tool"],
        serde_json::json!({"any": [1, 2.5, true, "x"], "when": "2026-01-01"})
    );
    assert_eq!(
        manifest.tools[0].input_schema.as_ref().unwrap()["type"],
        "object"
    );
    assert_eq!(manifest.tools[0].description.as_deref(), Some("d"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    assert_eq!(
        bare(&format!("\u{feff}{PACKAGE}{COMPONENT}"))
            .0
            .package
            .name,
        "x"
    );
}

#[test]
fn the_order_of_top_level_keys_does_not_matter() {
    let package = PACKAGE.trim_end();
    let parts = [
        package,
        "[subscribe]\n\"a.b\"={wit=\"opaque\",handler=\"h\"}",
        "[[component]]\nfile=\"x\"",
        "[capabilities]\nkv=[\"k\"]",
    ];
    let forth = parts.join("\n");
    let back = parts.iter().rev().copied().collect::<Vec<_>>().join("\n");
    assert_eq!(bare(&forth).0, bare(&back).0);
}

#[test]
fn hyphens_at_the_ends_of_a_name_are_fine_without_an_uplink() {
    let (manifest, _) =
        bare("[package]\nname=\"-x-\"\nversion=\"1.0.0\"\n[[component]]\nfile=\"x\"");
    assert_eq!(manifest.package.name, "-x-");
}

#[test]
fn broad_topics_many_keywords_and_useless_flags_are_warned_about() {
    let text = format!(
        "{PACKAGE}keywords=[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]\n{COMPONENT}[subscribe]\n\"*\"=\"opaque\"\n[capabilities]\nallow_persistent=true\n[env.k]\nscope=\"user\"\n[env.ASTRID_X]"
    );
    let (manifest, warnings) = bare(&text);
    let codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
    assert_eq!(
        codes,
        [
            Code::RefusedKey,
            Code::UselessPersistent,
            Code::TooManyTags,
            Code::BroadTopic,
            Code::ReservedEnv
        ]
    );
    assert!(
        warnings[0]
            .to_string()
            .contains("scope is chosen by the operator when storing the value")
    );
    assert!(!manifest.env.contains_key("ASTRID_X"));
}
