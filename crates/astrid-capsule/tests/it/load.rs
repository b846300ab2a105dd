//! What loads, what does not, and what the refusal says.

use crate::support::{Place, guest, record_hash};
use astrid_capsule::{Code, Runtime, State};

async fn refusal(runtime: &Runtime, dir: &std::path::Path) -> (Code, String) {
    let error = runtime.load(dir).await.map(|c| c.id().to_owned()).unwrap_err();
    (error.code(), error.to_string())
}

fn component(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

#[tokio::test]
async fn a_capsule_with_a_recorded_hash_loads_and_is_ready() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.probe("probe")).await.unwrap();
    assert_eq!(capsule.state(), State::Ready);
    assert_eq!(capsule.id(), "probe");
}

// engines case 9
#[tokio::test]
async fn bytes_that_differ_from_the_recorded_hash_are_refused_before_anything_is_compiled() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let dir = place.probe("probe");
    record_hash(&dir, b"other bytes");
    let (code, text) = refusal(&runtime, &dir).await;
    assert_eq!(code, Code::Integrity);
    let actual = blake3::hash(&guest("probe")).to_hex().to_string();
    let expected = blake3::hash(b"other bytes").to_hex().to_string();
    assert!(text.contains("c.wasm") && text.contains(&actual) && text.contains(&expected), "{text}");
    assert_eq!(runtime.compilations(), 0);
}

// engines case 10
#[tokio::test]
async fn a_component_without_recorded_hash_is_refused_unless_the_operator_allows_it() {
    let place = Place::new();
    let dir = place.probe("probe");
    std::fs::remove_file(dir.join("meta.json")).unwrap();
    let strict = place.runtime().await;
    let (code, text) = refusal(&strict, &dir).await;
    assert_eq!(code, Code::Integrity);
    assert!(text.contains("no recorded BLAKE3 hash"), "{text}");
    strict.shutdown().await;
    let lax = place.runtime_with(|config| config.allow_unverified = true).await;
    assert!(lax.load(&dir).await.is_ok());
}

// engines case 11
#[tokio::test]
async fn files_that_are_no_component_are_told_apart() {
    let place = Place::new();
    let runtime = place.runtime().await;
    for (id, bytes, expected) in [
        ("core", component("(module)"), "core module"),
        ("text", b"hello, not wasm".to_vec(), "not a WebAssembly binary"),
        ("empty", Vec::new(), "not a WebAssembly binary"),
    ] {
        let (code, text) = refusal(&runtime, &place.capsule(id, &bytes, "")).await;
        assert_eq!(code, Code::UnsupportedEntryPoint, "{id}");
        assert!(text.contains(expected) && text.contains("c.wasm"), "{text}");
        assert!(text.starts_with(&format!("capsule '{id}': ")), "{text}");
    }
    let mut cut = guest("probe");
    cut.truncate(cut.len() / 2);
    let (_, text) = refusal(&runtime, &place.capsule("cut", &cut, "")).await;
    assert!(text.starts_with("capsule 'cut': "), "{text}");
    let huge = place.capsule("huge", &vec![0; (64 << 20) + 1], "");
    let (_, text) = refusal(&runtime, &huge).await;
    assert!(text.contains("67108864"), "{text}");
}

// engines case 12, guest case 10
#[tokio::test]
async fn an_import_this_host_does_not_offer_is_named_with_what_it_offers() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let importing =
        |name: &str| component(&format!("(component (import \"{name}\" (instance (export \"f\" (func)))))"));
    for (id, import, advice) in [
        ("wasi", "wasi:cli/environment@0.2.3", "capsule SDK"),
        ("later", "astrid:ipc/host@9.0.0", "1.0.0"),
        ("other", "astrid:nope/host@1.0.0", "astrid:kv@1.0.0"),
    ] {
        let (code, text) = refusal(&runtime, &place.capsule(id, &importing(import), "")).await;
        assert_eq!(code, Code::UnlinkedImport, "{text}");
        assert!(text.contains(import) && text.contains(advice), "{text}");
    }
}

// guest case 10, sys case 44: an instance that asks for nothing links whoever it is named after, and the linker
// takes a version for a later one of its line
#[tokio::test]
async fn an_import_without_functions_and_one_of_a_later_version_are_refused_all_the_same() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let importing =
        |name: &str, of: &str| component(&format!("(component (import \"{name}\" (instance {of})))"));
    let sleep = "(export \"clock-ms\" (func (result u64)))";
    for (id, import, of, advice) in [
        ("clocks", "wasi:clocks/monotonic-clock@0.2.0", "", "allowed: astrid:approval@1.0.0"),
        ("foreign", "other:pkg/api@1.0.0", "", "allowed: astrid:approval@1.0.0"),
        ("unversioned", "astrid:sys/host", "", "it offers astrid:sys in version 1.0.0"),
        ("elder", "astrid:sys/host@0.9.0", "", "it offers astrid:sys in version 1.0.0"),
        ("later", "astrid:sys/host@1.0.1", sleep, "it offers astrid:sys in version 1.0.0"),
        ("plain", "clock", "", "allowed: astrid:approval@1.0.0"),
    ] {
        let (code, text) = refusal(&runtime, &place.capsule(id, &importing(import, of), "")).await;
        assert_eq!(code, Code::UnlinkedImport, "{text}");
        assert!(text.starts_with(&format!("capsule '{id}': imports \"{import}\"")), "{text}");
        assert!(text.contains(advice), "{text}");
    }
    for (id, import, of) in
        [("types", "astrid:guest/lifecycle@1.0.0", ""), ("exact", "astrid:sys/host@1.0.0", sleep)]
    {
        runtime.load(place.capsule(id, &importing(import, of), "")).await.unwrap();
    }
}

// guest case 2
#[tokio::test]
async fn an_export_of_the_wrong_type_is_named_with_the_type_found() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let wrong = component(
        r#"(component
            (core module $m (func (export "run") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#,
    );
    let (code, text) = refusal(&runtime, &place.capsule("wrong", &wrong, "")).await;
    assert_eq!(code, Code::UnsupportedEntryPoint);
    assert!(text.contains("run") && text.contains("u32"), "{text}");
}

#[tokio::test]
async fn a_handler_that_no_export_can_serve_is_a_load_error() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest = "[subscribe]\n\"a.b\" = { wit = \"opaque\", handler = \"h\" }\n";
    let dir = place.capsule("silent", &component("(component)"), manifest);
    let (code, text) = refusal(&runtime, &dir).await;
    assert_eq!(code, Code::UnsupportedEntryPoint);
    assert!(text.contains("astrid-hook-trigger"), "{text}");
}

#[tokio::test]
async fn a_component_without_exports_loads_and_is_idle() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let capsule = runtime.load(place.capsule("data", &component("(component)"), "")).await.unwrap();
    let error = capsule.invoke_interceptor("anything", "{}".into(), None).await.unwrap_err();
    assert_eq!(error.code(), Code::NotSupported);
}

#[tokio::test]
async fn missing_files_and_wrong_manifests_are_named() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let (code, text) = refusal(&runtime, &place.path("nowhere")).await;
    assert_eq!(code, Code::Manifest);
    assert!(text.contains("nowhere/Capsule.toml"), "{text}");
    let dir = place.probe("gone");
    std::fs::remove_file(dir.join("c.wasm")).unwrap();
    let (code, text) = refusal(&runtime, &dir).await;
    assert_eq!(code, Code::NotFound);
    assert!(text.contains("c.wasm") && text.contains("capsule build"), "{text}");
}

#[tokio::test]
async fn a_second_capsule_of_one_id_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let dir = place.probe("probe");
    let first = runtime.load(&dir).await.unwrap();
    let (_, text) = refusal(&runtime, &dir).await;
    assert!(text.contains("already registered: probe"), "{text}");
    assert_eq!(first.state(), State::Ready);
}

// engines case 26
#[tokio::test]
async fn a_capsule_that_was_unloaded_refuses_calls_and_can_be_loaded_again() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let dir = place.probe("probe");
    for _ in 0..5 {
        let capsule = runtime.load(&dir).await.unwrap();
        crate::support::call(&capsule, "alice", "noop", serde_json::json!({})).await;
        runtime.unload("probe").await.unwrap();
        let error = capsule.invoke_interceptor("noop", "{}".into(), None).await.unwrap_err();
        assert_eq!(error.code(), Code::NotReady);
    }
    assert_eq!(runtime.unload("probe").await.unwrap_err().code(), Code::NotFound);
}
