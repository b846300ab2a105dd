//! `Distro.toml`.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::Path;

use astrid_capsule_manifest::{
    Code, DistroManifest, ManifestError, ManifestWarning, load_distro, parse_distro,
};

const HEAD: &str = "schema-version=1\n[distro]\nid=\"d\"\nname=\"D\"\nversion=\"1\"\n";

fn parse(text: &str) -> Result<(DistroManifest, Vec<ManifestWarning>), ManifestError> {
    parse_distro(text, Path::new("Distro.toml"))
}

fn code(text: &str) -> Code {
    match parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.code().unwrap_or(Code::Unreadable),
    }
}

#[test]
fn a_distro_of_the_real_shape_loads_without_warning() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/distro.toml");
    let (manifest, warnings) = load_distro(&path).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(manifest.distro.requires.len(), 2);
    assert!(manifest.variables["api_key"].secret);
    let [cli, mcp, provider] = manifest.capsules.as_slice() else {
        panic!("three capsules")
    };
    assert_eq!(cli.role.as_deref(), Some("uplink"));
    assert_eq!(mcp.version, None);
    assert_eq!(provider.group.as_deref(), Some("providers"));
    assert_eq!(provider.env["base_url"], "{{base_url}}/");
}

#[test]
fn another_schema_version_is_refused_and_the_known_one_named() {
    let error = parse(&HEAD.replace("schema-version=1", "schema-version=2")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Distro.toml:1:16: [schema-version] is a schema version that this runtime does not read; allowed: 1"
    );
    assert_eq!(
        code(&HEAD.replace("schema-version=1", "")),
        Code::MissingKey
    );
}

#[test]
fn an_undeclared_variable_is_refused() {
    let capsule = |value: &str| {
        format!(
            "{HEAD}[variables]\nkey={{}}\n[[capsule]]\nname=\"a\"\nsource=\"s\"\nenv={{ k = \"{value}\" }}"
        )
    };
    assert!(parse(&capsule("{{ key }} and {{key}}")).is_ok());
    assert_eq!(code(&capsule("{{ other }}")), Code::UnknownVariable);
    assert_eq!(code(&capsule("{{ key")), Code::BadTemplate);
    let error = parse(&capsule("{{ other }}")).unwrap_err();
    assert_eq!(error.faults()[0].key, "capsule[0].env.k");
}

#[test]
fn ids_requirements_and_the_runtime_version_are_checked() {
    assert_eq!(
        code(&format!("{HEAD}[[capsule]]\nname=\"A\"\nsource=\"s\"")),
        Code::BadCapsuleId
    );
    assert_eq!(
        code(&format!(
            "{HEAD}[[capsule]]\nname=\"a\"\nsource=\"s\"\n[[capsule]]\nname=\"a\"\nsource=\"t\""
        )),
        Code::DuplicateCapsule
    );
    assert_eq!(
        code(&format!("{HEAD}[distro.requires.astrid]\nllm=\"one\"")),
        Code::BadImportVersion
    );
    assert_eq!(
        code(&format!("{HEAD}[distro.requires.Astrid]\nllm=\"1\"")),
        Code::BadInterfaceKey
    );
    assert_eq!(
        code(&format!("{HEAD}astrid-version=\"=0.9.0\"")),
        Code::IncompatibleRuntime
    );
    assert_eq!(code("schema-version=1"), Code::MissingKey);
}

#[test]
fn unknown_keys_are_warned_about() {
    let (_, warnings) = parse(&format!("{HEAD}prety-name=\"x\"")).unwrap();
    assert_eq!(
        warnings[0].to_string(),
        "Distro.toml:6: unknown key \"distro.prety-name\" is ignored (did you mean \"pretty-name\"?)"
    );
}
