//! Who comes before whom, and what is missing.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use astrid_capsule_discovery::{
    Located, Severity, levels, toposort_manifests, unmet, uplinks_first, validate,
};
use proptest::prelude::*;
use proptest::sample::SizeRange;

fn capsule(id: &str, rest: &str) -> Located {
    let text = format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n{rest}");
    let (manifest, _) = astrid_capsule_manifest::parse_manifest(&text, Path::new("Capsule.toml")).unwrap();
    (manifest, PathBuf::from(id))
}

fn exporter(id: &str, interface: &str, version: &str) -> Located {
    capsule(id, &format!("[exports]\n\"{interface}\" = \"{version}\"\n"))
}

fn importer(id: &str, interface: &str, version: &str) -> Located {
    capsule(id, &format!("[imports]\n\"{interface}\" = \"{version}\"\n"))
}

fn both(id: &str, imports: &str, exports: &str) -> Located {
    capsule(id, &format!("[imports]\n{imports}\n[exports]\n\"{exports}\" = \"1.0.0\"\n"))
}

fn names(list: &[Located]) -> Vec<&str> {
    list.iter().map(|(manifest, _)| manifest.package.name.as_str()).collect()
}

fn sorted(list: Vec<Located>) -> Vec<Located> {
    toposort_manifests(list).map_err(|(cycle, _)| cycle).unwrap()
}

fn findings(list: &[Located]) -> Vec<(Severity, String)> {
    let found = validate(list.iter().map(|(manifest, _)| manifest));
    found.iter().map(|one| (one.severity(), one.to_string())).collect()
}

// lifecycle case 1
#[test]
fn every_exporter_of_an_accepted_version_comes_before_who_imports_it() {
    let list = vec![importer("b", "astrid:llm", "^1.0"), exporter("a", "astrid:llm", "1.0.0")];
    assert_eq!(names(&sorted(list)), ["a", "b"]);
    let list = vec![
        importer("b", "astrid:llm", "^1.0"),
        exporter("a2", "astrid:llm", "1.9.0"),
        exporter("a1", "astrid:llm", "1.0.0"),
        exporter("other", "astrid:llm", "2.0.0"),
    ];
    let list = sorted(list);
    assert_eq!(names(&list), ["a2", "a1", "b", "other"]);
    assert_eq!(levels(&list), [0, 0, 1, 0]);
}

// lifecycle case 2
#[test]
fn an_unmet_import_changes_no_order_and_is_named_with_its_capsule() {
    let list = vec![importer("b", "astrid:llm", "^1.0"), capsule("a", "")];
    let missing: Vec<_> = unmet(&list).iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["b: nothing provides astrid:llm ^1.0"]);
    let list = sorted(list);
    assert_eq!(names(&list), ["b", "a"]);
    let found = validate(list.iter().map(|(manifest, _)| manifest));
    let [missing] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (missing.code(), missing.severity(), missing.degrades()),
        ("missing-import", Severity::Error, Some("b"))
    );
}

// lifecycle case 2
#[test]
fn an_unmet_optional_import_is_information_and_degrades_nobody() {
    let list = vec![capsule("b", "[imports]\n\"astrid:llm\" = { version = \"^1\", optional = true }\n")];
    assert!(unmet(&list).is_empty());
    let found = validate(list.iter().map(|(manifest, _)| manifest));
    let [missing] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((missing.severity(), missing.degrades()), (Severity::Info, None));
}

// lifecycle case 3
#[test]
fn capsules_that_need_each_other_are_named_without_those_that_only_need_them() {
    let list = vec![
        importer("c", "x:a", "^1"),
        both("b", "\"x:a\" = \"^1\"", "x:b"),
        both("a", "\"x:b\" = \"^1\"", "x:a"),
        exporter("d", "x:d", "1.0.0"),
    ];
    let (cycle, untouched) = toposort_manifests(list).unwrap_err();
    assert_eq!(cycle.to_string(), "dependency cycle among: a, b");
    assert_eq!(names(&untouched), ["c", "b", "a", "d"]);
}

// lifecycle case 3
#[test]
fn a_capsule_between_two_cycles_is_on_neither() {
    let list = vec![
        both("a", "\"x:b\" = \"^1\"", "x:a"),
        both("b", "\"x:a\" = \"^1\"", "x:b"),
        both("m", "\"x:a\" = \"^1\"", "x:m"),
        both("y", "\"x:m\" = \"^1\"\n\"x:z\" = \"^1\"", "x:y"),
        both("z", "\"x:y\" = \"^1\"", "x:z"),
    ];
    let (cycle, _) = toposort_manifests(list).unwrap_err();
    assert_eq!(cycle.involved, ["a", "b", "y", "z"]);
}

// lifecycle case 3
#[test]
fn a_cycle_that_an_optional_import_closes_is_sorted_without_it() {
    let list = vec![
        both("b", "\"x:a\" = \"^1\"", "x:b"),
        both("a", "\"x:b\" = { version = \"^1\", optional = true }", "x:a"),
    ];
    let list = sorted(list);
    assert_eq!(names(&list), ["a", "b"]);
    assert_eq!(levels(&list), [0, 1]);
}

// lifecycle case 4
#[test]
fn a_star_of_a_requirement_is_one_segment_of_the_same_kind() {
    let needs = || capsule("n", "[dependencies]\nrequires = [\"topic:llm.stream.*\"]\n");
    let gives = |what: &str| capsule("p", &format!("[dependencies]\nprovides = [\"{what}\"]\n"));
    for (what, met) in [
        ("topic:llm.stream.anthropic", true),
        ("topic:llm.stream.a.b", false),
        ("topic:llm.stream", false),
        ("tool:llm.stream.x", false),
    ] {
        let list = vec![needs(), gives(what)];
        assert_eq!(unmet(&list).is_empty(), met, "{what}");
        assert_eq!(names(&sorted(list)), if met { ["p", "n"] } else { ["n", "p"] }, "{what}");
    }
}

#[test]
fn declared_tools_providers_and_uplinks_are_provided_by_name() {
    let list = vec![
        capsule("n", "[dependencies]\nrequires = [\"tool:grep\", \"llm:big\", \"uplink:telegram\"]\n"),
        capsule("t", "[[tool]]\nname = \"grep\"\ndescription_for_llm = \"finds\"\n"),
        capsule("l", "[[llm_provider]]\nid = \"big\"\n"),
        capsule(
            "u",
            "[capabilities]\nuplink = true\n[[uplink]]\nname = \"tg\"\nplatform = \"Telegram\"\nprofile = \"chat\"\n",
        ),
    ];
    assert!(unmet(&list).is_empty());
    assert_eq!(names(&sorted(list)), ["t", "l", "u", "n"]);
}

// lifecycle case 7
#[test]
fn what_a_capsule_exports_itself_does_not_satisfy_its_own_import() {
    let list = vec![both("a", "\"x:a\" = \"^1\"", "x:a")];
    let found = findings(&list);
    let [(severity, text)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(*severity, Severity::Error);
    assert!(text.starts_with("missing-import: capsule 'a' imports x:a ^1"), "{text}");
    assert_eq!(names(&sorted(list)), ["a"]);
}

#[test]
fn a_version_that_does_not_do_is_named_and_so_are_two_exporters() {
    let list = vec![exporter("p", "x:a", "2.0.0"), exporter("q", "x:a", "3.1.0"), importer("n", "x:a", "^1")];
    assert_eq!(
        findings(&list),
        [
            (
                Severity::Error,
                "missing-import: capsule 'n' imports x:a ^1, but what is exported is 2.0.0 by 'p', 3.1.0 by 'q'"
                    .to_owned()
            ),
            (Severity::Warning, "shared-export: x:a is exported by p, q".to_owned()),
        ]
    );
}

/// Exports, imports and uplinks of the 22 capsules of the manifest chapter §11.
fn real() -> Vec<Located> {
    let plain = [
        "agents",
        "forge",
        "fs",
        "http",
        "mcp",
        "memory",
        "meta-harness",
        "prompt-builder",
        "shell",
        "skills",
        "system",
    ];
    let exports = [
        ("context-engine", "context", "1.0.0"),
        ("hook-bridge", "hook", "1.0.0"),
        ("identity", "spark", "1.0.0"),
        ("openai-compat", "llm", "1.0.0"),
        ("openai", "llm", "1.0.0"),
        ("router", "tool", "1.0.0"),
        ("session", "session", "1.1.0"),
        ("users", "users", "1.0.0"),
    ];
    let mut all: Vec<_> = plain.iter().map(|id| capsule(&format!("aos-{id}"), "")).collect();
    all.extend(
        exports.map(|(id, name, version)| exporter(&format!("aos-{id}"), &format!("astrid:{name}"), version)),
    );
    all.push(capsule("aos-cli", "[capabilities]\nuplink = true\nnet_bind = [\"unix:*\"]\n"));
    all.push(capsule(
        "aos-registry",
        "[capabilities]\nuplink = true\n[exports.astrid]\nregistry = \"1.0.0\"\n",
    ));
    all.push(capsule(
        "aos-react",
        "[imports.astrid]\nllm = \"^1.0\"\nsession = \"^1.0\"\nspark = \"^1.0\"\ncontext = { version = \"^1.0\", optional = true }\n",
    ));
    all
}

proptest! {
    // lifecycle case 5
    #[test]
    fn in_any_permutation_what_the_agent_loop_needs_precedes_it_and_frontends_load_first(list in Just(real()).prop_shuffle()) {
        prop_assert_eq!(list.len(), 22);
        let (uplinks, rest) = uplinks_first(sorted(list));
        let mut frontends = names(&uplinks);
        frontends.sort_unstable();
        prop_assert_eq!(frontends, ["aos-cli", "aos-registry"]);
        let rest = names(&rest);
        let at = |id: &str| rest.iter().position(|name| *name == id).unwrap();
        for needed in ["aos-openai", "aos-openai-compat", "aos-session", "aos-identity", "aos-context-engine"] {
            prop_assert!(at(needed) < at("aos-react"), "{}", needed);
        }
    }

    #[test]
    fn capsules_that_need_nothing_keep_their_order(list in Just(real()).prop_shuffle()) {
        let needless = |list: &[Located]| -> Vec<String> {
            names(list).into_iter().filter(|id| *id != "aos-react").map(str::to_owned).collect()
        };
        let before = needless(&list);
        prop_assert_eq!(before, needless(&sorted(list)));
    }
}

/// For each of `n` capsules, the capsules with a smaller number that it imports from.
fn random_dag(n: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
    (0..n).map(|at| proptest::collection::vec(0..at.max(1), SizeRange::from(0..4))).collect::<Vec<_>>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    // lifecycle case 5
    #[test]
    fn a_thousand_capsules_of_a_random_graph_are_ordered_soundly_and_soon(
        needs in random_dag(1000),
        order in Just((0..1000usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let one = |at: usize| {
            let mut needs: Vec<_> = needs.get(at).into_iter().flatten().filter(|need| **need != at).collect();
            needs.sort_unstable();
            needs.dedup();
            let imports: String = needs.iter().map(|need| format!("\"x:i{need}\" = \"^1\"\n")).collect();
            both(&format!("c{at}"), &imports, &format!("x:i{at}"))
        };
        let list: Vec<_> = order.iter().map(|at| one(*at)).collect();
        let begin = Instant::now();
        let list = sorted(list);
        let took = begin.elapsed();
        let level = levels(&list);
        let place: std::collections::HashMap<_, _> = names(&list).into_iter().enumerate().map(|(at, id)| (id, at)).collect();
        prop_assert_eq!(place.len(), 1000);
        for (at, needs) in needs.iter().enumerate() {
            for need in needs.iter().filter(|need| **need != at) {
                let (needed, needing) = (place[format!("c{need}").as_str()], place[format!("c{at}").as_str()]);
                prop_assert!(needed < needing);
                prop_assert!(level[needed] < level[needing]);
            }
        }
        // The case's bound is for a release build; unoptimised code gets ten times as much.
        prop_assert!(took < Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 }), "{took:?}");
    }
}
