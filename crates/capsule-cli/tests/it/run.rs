//! `capsule run`: what it prints, how it ends, and what it says to mistakes.

use std::path::Path;

use crate::support::place::Place;
use crate::support::{Ended, run};

const RELAY: &str = r#"probe.v1.publish={"topic":"probe.v1.out.x","payload":{"n":1}}"#;

#[test]
fn a_publication_reaches_the_handler_and_its_answer_is_one_line() {
    let place = Place::new();
    let ended = place.run(&["--publish", RELAY, "--expect", "probe.v1.out.*"]);
    assert!(ended.stderr.starts_with("probe ready "), "{}", ended.stderr);
    assert_eq!(ended.good(), "probe.v1.out.x {\"n\":1}\n");
}

#[test]
fn a_json_line_names_topic_payload_source_capsule_and_principal() {
    let place = Place::new();
    let line = place
        .run(&["--publish", RELAY, "--expect", "probe.v1.out.*", "--json", "--principal", "alice"])
        .good();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["topic"], "probe.v1.out.x");
    assert_eq!(line["payload"], serde_json::json!({"n": 1}));
    assert_eq!((&line["capsule"], &line["principal"]), (&"probe".into(), &"alice".into()));
    assert_eq!(line["source"].as_str().unwrap().len(), 36);
}

#[test]
fn a_slip_in_the_configuration_is_named_before_anything_starts_and_a_good_one_is_in_force() {
    let place = Place::new();
    let etc = place.home().join("etc");
    std::fs::create_dir_all(&etc).unwrap();
    let file = etc.join("config.toml");
    std::fs::write(&file, "[capsule]\ninstance_pool_sise = 2\n").unwrap();
    let ended = place.run(&["--call", "probe:echo={}"]);
    assert_ne!(ended.code, Some(0));
    let expected = "config.toml:2:capsule.instance_pool_sise: unknown key; did you mean instance_pool_size";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    std::fs::write(&file, "[capsule]\ncompile_cache = \"off\"\nallocation = \"on-demand\"\n").unwrap();
    assert_eq!(place.run(&["--call", "probe:echo={}"]).good(), "{}\n");
    let kept = std::fs::read_dir(place.home().join("cache/components")).into_iter().flatten().count();
    assert_eq!(kept, 0, "compile_cache = \"off\" was not honoured");
}

#[test]
fn a_local_endpoint_is_allowed_to_a_capsule_that_is_there_and_in_a_form_that_is_one() {
    let place = Place::new();
    for (wrong, said) in [
        ("probe", "allowed: CAPSULE=HOST:PORT"),
        ("probe=127.0.0.1", "write host:port with a port of 1 to 65535"),
        ("Probe=h:1", "capsule id"),
    ] {
        let ended = place.run(&["--allow-local", wrong, "--call", "probe:echo={}"]);
        ended.refused(2, &["--allow-local", said]);
    }
    let ended = place.run(&["--allow-local", "prob=127.0.0.1:1", "--call", "probe:echo={}"]);
    assert_eq!(ended.code, Some(1));
    let expected = "--allow-local: no capsule \"prob\" is loaded";
    assert!(ended.stderr.contains(expected) && ended.stderr.contains("probe"), "{}", ended.stderr);
    place.run(&["--allow-local", "probe=127.0.0.1:*", "--call", "probe:echo={}"]).good();
}

#[test]
fn a_home_whose_store_sled_wrote_is_refused_by_name() {
    let place = Place::new();
    let store = place.home().join("state/kv");
    std::fs::create_dir_all(store.join("tree")).unwrap();
    std::fs::write(store.join("format"), "astrid-kv 1\n").unwrap();
    let ended = place.run(&["--call", "probe:echo={}"]);
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("\"astrid-kv 1\""), "{}", ended.stderr);
}

#[test]
fn a_call_prints_what_the_handler_said_and_a_refusal_ends_with_1() {
    let place = Place::new();
    assert_eq!(place.run(&["--call", "probe:echo={\"a\":1}"]).good(), "{\"a\":1}\n");
    let denied = place.run(&["--call", r#"probe:say={"action":"deny","data":"no milk"}"#]);
    assert_eq!((denied.code, denied.stdout.as_str()), (Some(1), ""));
    assert!(denied.stderr.contains("probe:say refused: no milk"), "{}", denied.stderr);
}

#[test]
fn what_one_run_stored_the_next_one_reads_for_the_same_principal_only() {
    let place = Place::new();
    place.run(&["--call", r#"probe:set={"key":"k","value":"v"}"#]).good();
    assert_eq!(place.run(&["--call", r#"probe:get={"key":"k"}"#]).good(), "{\"ok\":\"v\"}\n");
    let bob = place.run(&["--principal", "bob", "--call", r#"probe:get={"key":"k"}"#]);
    assert_eq!(bob.good(), "{\"ok\":null}\n");
}

#[test]
fn the_time_running_out_is_code_3_and_says_how_many_came() {
    let place = Place::new();
    let ended = place.run(&["--expect", "nothing.comes", "--timeout", "0.1"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("0 of 1 expected messages"), "{}", ended.stderr);
}

#[test]
fn the_second_start_takes_the_code_from_the_cache_and_the_timings_say_so() {
    let place = Place::new();
    let phases = |ended: Ended| -> Vec<String> {
        let lines = ended.stderr.lines().filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
        lines.map(|line| line["phase"].as_str().unwrap().to_owned()).collect()
    };
    let first = place.run(&["--timings", "--call", "probe:echo={}"]);
    assert_eq!(phases(first), ["read", "compile", "link", "instantiate", "load"]);
    let second = place.run(&["--timings", "--call", "probe:echo={}"]);
    assert_eq!(phases(second), ["read", "cache-hit", "link", "instantiate", "load"]);
}

#[test]
fn wrong_switches_are_one_line_and_code_2() {
    let place = Place::new();
    for (args, said) in [
        (["--publish", "a.b"], "TOPIC=JSON"),
        (["--publish", "a..b={}"], "a..b"),
        (["--publish", "a.b={"], "not JSON"),
        (["--call", "probe={}"], "CAPSULE:ACTION=JSON"),
        (["--expect", "a b"], "a b"),
        (["--timeout", "soon"], "seconds"),
        (["--count", "x"], "x"),
    ] {
        place.run(&args).refused(2, &[said]);
    }
    assert!(!place.home().exists(), "nothing is made for a command that is wrong");
}

#[test]
fn wrong_names_and_places_are_one_line_and_code_1() {
    let place = Place::new();
    place.run(&["--principal", "a/b"]).refused(1, &["--principal", "a/b"]);
    place.run(&["--workspace", "nowhere"]).refused(1, &["nowhere", "existing directory"]);
    std::fs::write(place.path().join("file"), "").unwrap();
    run(place.path(), &["run", "probe", "--home", "file"]).refused(1, &["home file"]);
    run(place.path(), &["run", "gone", "--home", "home"]).refused(1, &["gone/Capsule.toml"]);
    for (call, said) in [("other:echo={}", "\"other\" is loaded; allowed: probe"), ("probe:nope={}", "echo")]
    {
        let ended = place.run(&["--call", call]);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
}

#[test]
fn a_component_that_was_changed_is_refused_and_leaves_nothing_compiled() {
    let place = Place::new();
    let path = place.path().join("probe/probe.wasm");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.push(0);
    std::fs::write(&path, bytes).unwrap();
    place.run(&["--call", "probe:echo={}"]).refused(1, &["probe.wasm", "meta.json wasm_hash"]);
}

#[test]
fn a_store_of_an_unknown_format_is_refused_and_left_alone() {
    let place = Place::new();
    let format = place.home().join("state/kv/format");
    std::fs::create_dir_all(format.parent().unwrap()).unwrap();
    std::fs::write(&format, "from the future\n").unwrap();
    place.run(&["--call", "probe:echo={}"]).refused(1, &["format", "from the future"]);
    assert_eq!(std::fs::read_to_string(format).unwrap(), "from the future\n");
}

/// A manifest without a component.
fn plain(dir: &Path, id: &str, rest: &str) {
    let text = format!(
        "[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n[[skill]]\nname = \"s\"\ndescription = \"d\"\nfile = \"s.md\"\n{rest}"
    );
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("Capsule.toml"), text).unwrap();
}

#[test]
fn a_directory_of_capsules_is_loaded_in_the_order_of_their_needs() {
    let place = Place::new();
    let all = place.path().join("all");
    plain(&all.join("a"), "a", "[imports]\n\"x:y\" = \"^1\"\n");
    plain(&all.join("b"), "b", "[exports]\n\"x:y\" = \"1.0.0\"\n");
    let ended =
        run(place.path(), &["run", "all", "probe", "--home", "home", "--strict", "--call", "probe:echo={}"]);
    let order: Vec<_> =
        ended.stderr.lines().filter_map(|line| line.split_once(" ready ")).map(|(id, _)| id).collect();
    let at = |id: &str| order.iter().position(|one| *one == id).unwrap();
    assert!(order.len() == 3 && at("b") < at("a"), "{}", ended.stderr);
    ended.good();
}

#[test]
fn a_broken_capsule_is_named_and_the_others_run_unless_the_start_is_strict() {
    let place = Place::new();
    let broken = place.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::copy(place.path().join("probe/Capsule.toml"), broken.join("Capsule.toml")).unwrap();
    let text = std::fs::read_to_string(broken.join("Capsule.toml")).unwrap();
    std::fs::write(broken.join("Capsule.toml"), text.replace("name = \"probe\"", "name = \"broken\""))
        .unwrap();
    plain(&place.path().join("lacking"), "lacking", "[imports]\n\"x:y\" = \"^1\"\n");
    let args = ["run", "broken", "lacking", "probe", "--home", "home", "--call", "probe:echo={}"];
    let ended = run(place.path(), &args);
    for said in
        ["error: capsule 'broken': component broken/probe.wasm", "error: missing-import: capsule 'lacking'"]
    {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    assert_eq!(ended.good(), "{}\n");
    let strict = run(place.path(), &[&args[..], &["--strict"]].concat());
    assert_eq!((strict.code, strict.stdout.as_str()), (Some(1), ""));
    assert!(strict.stderr.contains("'broken'") && strict.stderr.contains("x:y"), "{}", strict.stderr);
}

#[test]
fn trusting_a_capsule_is_remembered_in_the_home_and_says_what() {
    let place = Place::new();
    let said = run(place.path(), &["trust", "probe", "--home", "home"]).good();
    assert!(said.contains("/probe is trusted"), "{said}");
    let file = std::fs::read_to_string(place.home().join("etc/trusted-capsules.json")).unwrap();
    assert!(file.contains("/probe\"") && file.contains("manifest_hash"), "{file}");
    run(place.path(), &["trust", "gone", "--home", "home"]).refused(1, &["gone/Capsule.toml"]);
}
