//! One manifest for each shape the runtime's chapters describe, and for each what it is there for.

use std::path::{Path, PathBuf};

use crate::support::{Place, guest, record_hash};
use astrid_capsule::{Code, Runtime, Severity};
use astrid_capsule_discovery::{Located, toposort_manifests, unmet, uplinks_first, validate};
use astrid_capsule_manifest::{
    CapsuleManifest, CronPayload, EnvKind, ManifestWarning, McpServerKind, NumericHint, TopicPattern,
    load_manifest,
};
use astrid_event_bus::{Charset, Topic};
use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Principal, Request, Target};
use astrid_security_gate::{ManifestSecurityGate, Roots};
use serde_json::json;

fn dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> (CapsuleManifest, Vec<ManifestWarning>) {
    load_manifest(&dir(name).join("Capsule.toml")).unwrap()
}

/// The manifest, about which there is nothing to warn.
fn parse(name: &str) -> CapsuleManifest {
    let (manifest, warnings) = read(name);
    assert!(warnings.is_empty(), "{warnings:?}");
    manifest
}

fn order(names: &[&str]) -> Vec<String> {
    let sorted = toposort_manifests(located(names)).unwrap();
    sorted.into_iter().map(|(manifest, _)| manifest.package.name.to_string()).collect()
}

fn located(names: &[&str]) -> Vec<Located> {
    names.iter().map(|name| (parse(name), dir(name))).collect()
}

/// Whether the capsule's gate lets `default` do this.
fn allows(name: &str, (domain, verb): (&'static str, &'static str), target: Target<'_>) -> bool {
    let roots = Roots::resolve(None, None);
    let gate = ManifestSecurityGate::builder(&parse(name)).roots(&roots).build().unwrap();
    let (capsule, who) = (CapsuleId::parse(name).unwrap(), Principal::parse("default").unwrap());
    let action = Action::new(domain, verb);
    gate.check(&Request { principal: Some(&who), capsule: &capsule, action, target }).is_ok()
}

/// The fixture as an installed capsule with the component of a test guest.
async fn load(place: &Place, runtime: &Runtime, name: &str) {
    let installed = place.path(name);
    std::fs::create_dir_all(&installed).unwrap();
    std::fs::copy(dir(name).join("Capsule.toml"), installed.join("Capsule.toml")).unwrap();
    let component = guest("probe");
    std::fs::write(installed.join("c.wasm"), &component).unwrap();
    record_hash(&installed, &component);
    runtime.load(installed).await.unwrap();
}

/// `capsule/action` of the handlers that a topic reaches, in the order of their chain.
fn handlers(runtime: &Runtime, topic: &str) -> Vec<String> {
    let topic = Topic::parse(topic, Charset::Token).unwrap();
    let bound = runtime.bus().handlers_of(&topic);
    bound.iter().map(|binding| format!("{}/{}", binding.capsule, binding.action)).collect()
}

fn patterns(list: &[TopicPattern]) -> Vec<&str> {
    list.iter().map(TopicPattern::as_str).collect()
}

// dispatch case 2, guest case 17
#[tokio::test]
async fn a_routers_wildcard_stands_for_one_segment() {
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "router").await;
    assert_eq!(handlers(&runtime, "tool.v1.execute.grep.result"), ["router/on_result"]);
    for other in ["tool.v1.execute.result", "tool.v1.execute.a.b.result", "tool.v1.execute.grep"] {
        assert_eq!(handlers(&runtime, other), [""; 0], "{other}");
    }
}

#[tokio::test]
async fn a_hook_bridge_hears_every_event_it_binds_and_reads_only_replies() {
    let manifest = parse("hook-bridge");
    assert_eq!(manifest.exports.keys().map(ToString::to_string).collect::<Vec<_>>(), ["acme:hook"]);
    assert_eq!(manifest.bindings.len(), 4);
    assert!(patterns(&manifest.ipc_subscribe_patterns).contains(&"hook.v1.reply.*"));
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "hook-bridge").await;
    for event in ["session_start", "session_end", "tool_call_started", "tool_call_completed"] {
        let heard = handlers(&runtime, &format!("astrid.v1.lifecycle.{event}"));
        assert_eq!(heard, [format!("hook-bridge/on_{event}")]);
    }
    assert_eq!(handlers(&runtime, "hook.v1.reply.x"), [""; 0], "the short form binds nothing");
}

// manifest case 4, security-gate case 1
#[test]
fn a_provider_reaches_its_one_host_and_is_there_before_its_clients() {
    let manifest = parse("llm-provider");
    assert_eq!(manifest.capabilities.net, ["api.acme.example"]);
    assert_eq!(manifest.env["api_key"].kind, EnvKind::Secret);
    let url = |name| Target::Other { kind: "url", name };
    assert!(allows("llm-provider", ("http", "request"), url("https://api.acme.example/v1/chat")));
    assert!(!allows("llm-provider", ("http", "request"), url("https://acme.example/")));
    assert_eq!(order(&["llm-client", "llm-provider"]), ["llm-provider", "llm-client"]);
    assert!(unmet(&located(&["llm-client", "llm-provider"])).is_empty());
    assert_eq!(unmet(&located(&["llm-client"])).len(), 2, "by interface and by name");
    let lacks = validate([&parse("llm-client")]);
    assert!(lacks.iter().any(|finding| finding.code() == "missing-import"), "{lacks:?}");
}

// lifecycle cases 2 and 3
#[test]
fn an_optional_import_closes_no_cycle_and_its_absence_is_no_error() {
    assert_eq!(order(&["context", "loop"]), ["loop", "context"]);
    let alone = validate([&parse("loop")]);
    assert!(alone.iter().all(|finding| finding.severity() == Severity::Info), "{alone:?}");
    let lacking = validate([&parse("context")]);
    assert!(lacking.iter().any(|finding| finding.severity() == Severity::Error), "{lacking:?}");
}

// lifecycle §1 and §4
#[tokio::test]
async fn a_bridge_loads_before_others_and_its_endpoints_are_registered() {
    let (first, rest) = uplinks_first(located(&["router", "bridge", "frontend"]));
    let names = |list: &[Located]| list.iter().map(|(m, _)| m.package.name.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["bridge".into(), "frontend".into()], vec!["router".into()])
    );
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "bridge").await;
    let shown = runtime.uplinks();
    let shown: Vec<_> =
        shown.iter().map(|one| (&*one.name, one.platform.as_str(), one.profile.as_str())).collect();
    assert_eq!(shown, [("Pager", "sms", "notify"), ("Support", "chat", "chat")]);
    let endpoint = |name| Target::Other { kind: "uplink", name };
    assert!(allows("bridge", ("uplink", "register"), endpoint("chat:Support")));
    assert!(!allows("bridge", ("uplink", "register"), endpoint("chat:Another")));
}

// manifest §9
#[test]
fn an_old_bridges_endpoint_counts_as_the_capability_and_is_warned_of() {
    let (manifest, warnings) = read("legacy-bridge");
    assert!(manifest.capabilities.uplink);
    assert_eq!(manifest.uplinks[0].profile.as_str(), "interactive");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

// dispatch case 3, security-gate case 20
#[test]
fn a_frontend_may_ask_below_its_topic_and_accepts_on_its_socket_alone() {
    use astrid_event_bus::AccessPattern;
    let manifest = parse("frontend");
    let publishes: Vec<_> = patterns(&manifest.ipc_publish_patterns)
        .into_iter()
        .map(|key| AccessPattern::parse(key, Charset::Token).unwrap())
        .collect();
    let may = |topic: &str| publishes.iter().any(|key| key.covers(topic));
    assert!(may("astrid.v1.request.mcp.tools.list") && may("user.v1.prompt"));
    assert!(!may("astrid.v1.response.x") && !may("user.v1.other"));
    assert!(allows("frontend", ("net", "unix-accept"), Target::None));
    assert!(!allows("frontend", ("net", "tcp-bind"), Target::Endpoint { host: "127.0.0.1", port: 80 }));
}

// security-gate case 20
#[test]
fn a_servers_workers_listen_on_loopback_and_on_no_socket_of_the_hosts() {
    assert_eq!(parse("tcp-workers").capabilities.bind_workers, Some(4));
    let at = |host| Target::Endpoint { host, port: 8080 };
    assert!(allows("tcp-workers", ("net", "tcp-bind"), at("127.0.0.1")));
    assert!(!allows("tcp-workers", ("net", "tcp-bind"), at("0.0.0.0")));
    assert!(!allows("tcp-workers", ("net", "unix-accept"), Target::None));
    assert!(!parse("tcp-workers").capabilities.has("bind_workers"), "a number is no capability");
}

// dispatch §9
#[tokio::test]
async fn jobs_of_a_manifest_are_scheduled_when_it_is_loaded_and_gone_after() {
    let manifest = parse("cron");
    let [tidy, report] = &*manifest.cron_jobs else { unreachable!() };
    assert_eq!((&*tidy.action, &*report.action), ("tidy", "write_report"));
    assert!(!matches!(report.payload, CronPayload::Text(_)), "a table stays one");
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "cron").await;
    let scheduled =
        || runtime.cron().list("cron", "default").iter().map(|job| job.action.clone()).collect::<Vec<_>>();
    let mut names = scheduled();
    names.sort();
    assert_eq!(names, ["tidy", "write_report"]);
    runtime.unload("cron").await.unwrap();
    assert_eq!(scheduled(), [""; 0]);
}

// manifest case 8, sys case 1
#[tokio::test]
async fn every_kind_of_value_reads_as_its_default_and_a_secret_has_none() {
    let env = parse("env-kinds").env;
    let kinds: Vec<_> = env.values().map(|one| one.kind).collect();
    use EnvKind::{Array, Secret, Select, Text};
    assert_eq!(kinds, [Text, Text, Text, Text, Select, Select, Secret, Array]);
    assert_eq!(env["count"].numeric, Some(NumericHint::Integer));
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "env-kinds").await;
    let capsule = runtime.capsule("env-kinds").unwrap();
    for (key, value) in [
        ("plain", json!("text")),
        ("named", json!("")),
        ("count", json!("8192")),
        ("ratio", json!("0.5")),
        ("flag", json!("true")),
        ("choice", json!("b")),
        ("token", json!(null)),
        ("hosts", json!("[\"one\",\"two\"]")),
    ] {
        let said = crate::support::ask(&capsule, "alice", "config", json!({ "key": key })).await;
        assert_eq!(said, json!({ "ok": value }), "{key}");
    }
}

// manifest cases 2 and 7
#[tokio::test]
async fn an_older_capsules_interceptor_binds_without_granting_a_subscription() {
    let (manifest, _) = read("legacy-arrays");
    assert_eq!(patterns(&manifest.ipc_publish_patterns), ["agent.v1.response"]);
    assert_eq!(patterns(&manifest.ipc_subscribe_patterns), ["llm.v1.stream.*"]);
    assert!(manifest.capabilities.held_names().is_empty(), "access is no capability");
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "legacy-arrays").await;
    assert_eq!(handlers(&runtime, "user.v1.prompt"), ["legacy-arrays/handle_user_prompt"]);
}

// manifest case 10
#[test]
fn a_tool_is_bound_and_provided_unless_the_capsule_binds_it_itself() {
    let manifest = parse("tools");
    let bound: Vec<_> =
        manifest.bindings.iter().map(|one| (one.pattern.as_str(), &*one.action, one.priority)).collect();
    assert!(bound.contains(&("tool.v1.execute.grep", "tool_execute_grep", 100)), "{bound:?}");
    assert!(bound.contains(&("tool.v1.execute.write", "careful_write", 10)), "{bound:?}");
    assert_eq!(bound.len(), 2);
    assert!(manifest.tools[1].mutable && !manifest.tools[0].mutable);
    let provided: Vec<_> = manifest.provided_refs().iter().map(ToString::to_string).collect();
    assert_eq!(provided, ["tool:grep", "tool:write"]);
}

// lifecycle case 4
#[test]
fn a_star_in_a_need_stands_for_one_segment() {
    assert_eq!(order(&["topic-consumer", "topic-provider"]), ["topic-provider", "topic-consumer"]);
    assert!(unmet(&located(&["topic-consumer", "topic-provider"])).is_empty());
    let mut deep = parse("topic-provider");
    deep.dependencies.provides.retain(|one| one.body == "llm.stream.a.b");
    let list = vec![(parse("topic-consumer"), dir("topic-consumer")), (deep, dir("topic-provider"))];
    assert_eq!(unmet(&list).len(), 1);
}

// dispatch §3
#[tokio::test]
async fn a_guard_with_a_lower_number_is_asked_before_one_that_was_loaded_earlier() {
    let place = Place::new();
    let runtime = place.runtime().await;
    load(&place, &runtime, "legacy-arrays").await;
    load(&place, &runtime, "first-guard").await;
    let chain = handlers(&runtime, "user.v1.prompt");
    assert_eq!(chain, ["first-guard/noop", "legacy-arrays/handle_user_prompt"]);
}

// security-gate cases 17 and 18
#[test]
fn a_shell_runs_what_it_lists_word_by_word() {
    let run = |program: &str, args: &[&str]| {
        let args: Vec<_> = args.iter().map(|&arg| arg.to_owned()).collect();
        allows("shell", ("process", "spawn"), Target::Command { program, args: &args })
    };
    assert!(run("bash", &["-c", "ls"]) && run("git", &["status", "-s"]));
    assert!(!run("/bin/bash", &["-c", "ls"]) && !run("git", &["push"]) && !run("bashful", &[]));
}

// security-gate cases 7 and 16
#[test]
fn files_are_read_and_written_where_the_two_places_of_the_manifest_say() {
    let may = |verb, path| allows("files", ("fs", verb), Target::Path(path));
    assert!(may("read", "workspace://any/where") && may("read", "home://notes/today"));
    assert!(!may("read", "home://secrets") && !may("read", "home://notesX"));
    assert!(may("write", "workspace://out/a") && !may("write", "workspace://src/a"));
    assert!(!may("write", "home://notes/today"));
}

// manifest case 11
#[tokio::test]
async fn a_capsule_of_text_alone_loads_and_has_nothing_to_call() {
    let manifest = parse("skill");
    assert_eq!((manifest.components.len(), manifest.skills.len(), manifest.context_files.len()), (0, 1, 1));
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = runtime.load(dir("skill")).await.unwrap();
    let refused = capsule.invoke_interceptor("any", "{}".into(), None).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotSupported);
}

// manifest §9
#[test]
fn a_tool_server_is_a_pinned_command_the_capsule_may_run() {
    let manifest = parse("mcp");
    let [server] = &*manifest.mcp_servers else { unreachable!() };
    assert_eq!(server.kind, McpServerKind::Stdio);
    assert_eq!((server.command.as_deref(), &*server.args), (Some("files-mcp"), &["--stdio".to_owned()][..]));
    assert!(server.binary_hash.is_some());
    let args = server.args.clone();
    let command = Target::Command { program: "files-mcp", args: &args };
    assert!(allows("mcp", ("process", "spawn"), command));
    let names: Vec<_> = manifest.commands.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["files", "files"], "a slash command and one of the shell");
}

#[test]
fn every_fixture_parses_and_makes_a_gate_without_warnings() {
    let mut seen = 0;
    for entry in std::fs::read_dir(dir("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let (manifest, _) = read(&name);
        assert_eq!(&*manifest.package.name, name);
        let gate = ManifestSecurityGate::builder(&manifest).build().unwrap();
        assert!(gate.warnings().is_empty(), "{name}: {:?}", gate.warnings());
        seen += 1;
    }
    assert!(seen >= 21, "{seen}");
}
