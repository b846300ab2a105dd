//! Manifests that mean harm.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::Path;

use astrid_capsule_manifest::{
    CapabilitiesDef, Code, MAX_MANIFEST_BYTES, ManifestError, ManifestFault, check_manifest,
    load_manifest, parse_manifest, parse_manifest_bytes,
};

const PACKAGE: &str = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
const COMPONENT: &str = "[[component]]\nfile = \"x.wasm\"\n";

fn refuse(text: &str) -> ManifestError {
    match parse_manifest(text, Path::new("Capsule.toml")) {
        Ok(_) => panic!("accepted: {text:.200}"),
        Err(error) => error,
    }
}

fn only(error: &ManifestError) -> ManifestFault {
    let [fault] = error.faults() else {
        panic!("more than one fault:\n{error}")
    };
    fault.clone()
}

// manifest case 24
#[test]
fn a_misspelt_capability_grants_nothing_and_fails_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Capsule.toml");
    std::fs::write(
        &path,
        format!("{PACKAGE}{COMPONENT}[capabilities]\nfs_raed=[\"cwd://\"]"),
    )
    .unwrap();
    let (manifest, warnings) = load_manifest(&path).unwrap();
    assert!(manifest.capabilities.held_names().is_empty());
    let text = "unknown key \"capabilities.fs_raed\" grants nothing (did you mean \"fs_read\"?)";
    assert_eq!(warnings.len(), 1);
    assert_eq!(
        warnings[0].to_string(),
        format!("{}:7: {text}", path.display())
    );
    let fault = only(&check_manifest(&path).unwrap_err());
    assert_eq!(
        (fault.code, fault.problem.as_str()),
        (Code::UnknownKey, text)
    );
    assert_eq!((fault.line, fault.column), (Some(7), Some(1)));
}

#[test]
fn the_check_lets_an_unresolved_reference_pass() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Capsule.toml");
    std::fs::write(
        &path,
        format!("{PACKAGE}{COMPONENT}[publish]\n\"a\"=\"TODO\""),
    )
    .unwrap();
    let (_, warnings) = check_manifest(&path).unwrap();
    assert_eq!(
        warnings
            .iter()
            .map(|warning| warning.code)
            .collect::<Vec<_>>(),
        [Code::UnresolvedWit]
    );
}

#[test]
fn unknown_keys_name_the_key_that_is_near_and_no_other() {
    let text = format!(
        "{PACKAGE}astrid_version=\"*\"\n{COMPONENT}wholly-else=1\n[subscribe]\n\"a\"={{wit=\"opaque\",handelr=\"h\"}}"
    );
    let (_, warnings) = parse_manifest(&text, Path::new("Capsule.toml")).unwrap();
    let lines: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "Capsule.toml:4: unknown key \"package.astrid_version\" is ignored (did you mean \"astrid-version\"?)",
            "Capsule.toml:7: unknown key \"component[0].wholly-else\" is ignored",
            "Capsule.toml:9: unknown key \"subscribe.\"a\".handelr\" is ignored (did you mean \"handler\"?)",
        ]
    );
}

// manifest case 29
#[test]
fn paths_that_leave_the_capsule_are_refused() {
    for path in [
        "../../etc/passwd",
        "a/../b",
        "a\\u0000b",
        "C:\\\\x",
        "a\\\\..\\\\b",
        "\\\\x",
        "..",
    ] {
        for rest in [
            format!("[[component]]\nfile=\"{path}\""),
            format!("[[skill]]\nfile=\"{path}\""),
            format!("[[context_file]]\nname=\"a\"\nfile=\"{path}\""),
            format!("[[command]]\nname=\"a\"\nfile=\"{path}\""),
            format!("[[topic]]\nname=\"a\"\ndirection=\"publish\"\nschema=\"{path}\""),
        ] {
            assert_eq!(
                only(&refuse(&format!("{PACKAGE}{rest}"))).code,
                Code::PathEscape,
                "{rest}"
            );
        }
        for key in ["license-file", "readme"] {
            assert_eq!(
                only(&refuse(&format!("{PACKAGE}{key}=\"{path}\""))).code,
                Code::PathEscape,
                "{key}"
            );
        }
        let pin = format!("{PACKAGE}[publish]\na={{wit=\"opaque\",path=\"{path}\"}}");
        assert_eq!(only(&refuse(&pin)).code, Code::PathEscape);
    }
    assert_eq!(
        only(&refuse(&format!(
            "{PACKAGE}[[skill]]\nfile=\"/etc/passwd\""
        )))
        .code,
        Code::PathEscape
    );
}

// manifest case 30
#[test]
fn a_manifest_of_five_megabytes_is_too_large_before_it_is_parsed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Capsule.toml");
    // Not TOML and not UTF-8 either: only the size can be what is reported.
    std::fs::write(&path, vec![0xFF; 5 * 1024 * 1024]).unwrap();
    assert_eq!(
        load_manifest(&path).unwrap_err().code(),
        Some(Code::ManifestTooLarge)
    );
    let text = "x".repeat(MAX_MANIFEST_BYTES + 1);
    assert_eq!(refuse(&text).code(), Some(Code::ManifestTooLarge));
    assert_eq!(
        parse_manifest_bytes(&vec![0xFF; MAX_MANIFEST_BYTES + 1], &path)
            .unwrap_err()
            .code(),
        Some(Code::ManifestTooLarge)
    );
    let comment = format!("{PACKAGE}{COMPONENT}#");
    let full = comment.clone() + &"x".repeat(MAX_MANIFEST_BYTES - comment.len());
    assert!(parse_manifest(&full, &path).is_ok());
}

// manifest case 30
#[test]
fn nesting_without_end_is_a_syntax_error_and_no_overflow() {
    let dotted = ["a"; 79].join(".");
    let deep_tables: String = (0..78)
        .map(|_| format!("{dotted} = {{ "))
        .collect::<String>()
        + "b = 1"
        + &" }".repeat(78);
    for text in [
        format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("a = {}1{}", "{ a = ".repeat(10_000), " }".repeat(10_000)),
        format!("a = {}", "[".repeat(500_000)),
        format!("[{}]", ["a"; 10_000].join(".")),
        format!(
            "[package.metadata]\na = {}{}",
            "[".repeat(70),
            "]".repeat(70)
        ),
        format!("[package.metadata.{}]", ["a"; 70].join(".")),
        deep_tables,
    ] {
        assert_eq!(only(&refuse(&text)).code, Code::TomlSyntax, "{text:.80}");
    }
}

// manifest case 31
#[test]
fn a_key_given_twice_is_a_syntax_error_with_its_place() {
    let fault = only(&refuse("[package]\nname=\"a\"\nname=\"b\"\n"));
    assert_eq!(
        (fault.code, fault.line, fault.column),
        (Code::TomlSyntax, Some(3), Some(1))
    );
    assert_eq!(
        fault.to_string(),
        "Capsule.toml:3:1: not valid TOML: duplicate key"
    );
}

#[test]
fn columns_do_not_count_a_byte_order_mark() {
    let fault = only(&refuse("\u{feff}package=1"));
    assert_eq!((fault.line, fault.column), (Some(1), Some(9)));
}

// manifest case 32
#[test]
fn the_socket_path_is_no_key_of_a_manifest() {
    let fault = only(&refuse(&format!(
        "{PACKAGE}{COMPONENT}[env]\nASTRID_SOCKET_PATH={{}}"
    )));
    assert_eq!(
        (fault.key.as_str(), fault.code),
        ("env.ASTRID_SOCKET_PATH", Code::ReservedEnv)
    );
}

// manifest case 33
#[test]
fn patterns_that_climb_and_hosts_that_are_urls_are_refused() {
    let fault = |rest: &str| {
        only(&refuse(&format!(
            "{PACKAGE}{COMPONENT}[capabilities]\n{rest}"
        )))
    };
    let climbing = fault("fs_read=[\"cwd://../..\"]");
    assert_eq!(
        (climbing.key.as_str(), climbing.code),
        ("capabilities.fs_read[0]", Code::PathEscape)
    );
    let url = fault("net=[\"https://x/\"]");
    assert_eq!(
        (url.key.as_str(), url.code),
        ("capabilities.net[0]", Code::BadNetPattern)
    );
    assert_eq!(url.allowed.as_deref(), Some("host, host:port, *.host, *"));
}

// manifest case 34
#[test]
fn a_byte_that_is_not_utf8_is_refused_with_its_offset() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Capsule.toml");
    std::fs::write(&path, b"[package]\nname=\"a\xFF\"").unwrap();
    let fault = only(&load_manifest(&path).unwrap_err());
    assert_eq!(fault.code, Code::NotUtf8);
    assert!(fault.problem.contains("offset 17"), "{fault}");
    assert_eq!((fault.line, fault.column), (Some(2), Some(8)));
}

// manifest case 35
#[test]
fn a_grant_stated_on_a_library_is_held_by_the_capsule() {
    let library = "[[component]]\nid=\"l\"\nfile=\"l.wasm\"\ntype=\"library\"\ncapabilities={ host_process=[\"sh\"], uplink=true }\n";
    let (manifest, _) = parse_manifest(
        &format!("{PACKAGE}{COMPONENT}{library}"),
        Path::new("Capsule.toml"),
    )
    .unwrap();
    assert_eq!(
        manifest.capabilities.held_names(),
        ["host_process", "uplink"]
    );
    let asked = manifest
        .capabilities
        .expansions_from(&CapabilitiesDef::default());
    assert_eq!(asked["host_process"], ["sh"]);
}

// manifest case 36
#[test]
fn env_keys_that_wait_for_each_other_are_named() {
    let text = format!(
        "{PACKAGE}{COMPONENT}[env.z]\noptions_from={{http=\"x\",after=[\"a\"]}}\n[env.b]\noptions_from={{http=\"x\",after=[\"a\"]}}\n[env.a]\noptions_from={{http=\"x\",after=[\"b\"]}}\n[env.free]"
    );
    let fault = only(&refuse(&text));
    assert_eq!(fault.code, Code::EnvCycle);
    assert!(fault.problem.ends_with(": a, b"), "{fault}");
    let own = only(&refuse(&format!(
        "{PACKAGE}{COMPONENT}[env.a]\noptions_from={{http=\"{{a}}\"}}"
    )));
    assert_eq!(own.code, Code::EnvCycle);
}

#[test]
fn a_file_that_is_none_is_unreadable() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path(), &dir.path().join("absent")] {
        let fault = only(&load_manifest(path).unwrap_err());
        assert_eq!(fault.code, Code::Unreadable);
        assert!(fault.line.is_none());
    }
}

#[test]
fn messages_about_hostile_text_stay_short_and_on_one_line() {
    let key = "k".repeat(400_000);
    let text = format!("{PACKAGE}{COMPONENT}[subscribe.\"{key}\"]\nwit=\"opaque\"");
    assert!(refuse(&text).to_string().len() < 1000);
    let control = only(&refuse(
        "[package]\nname=\"a\\n\\u001b[31m\"\nversion=\"1.0.0\"",
    ));
    assert_eq!(control.to_string().lines().count(), 1);
    assert!(!control.to_string().contains('\u{1b}'));
}

#[test]
fn a_manifest_full_of_unknown_keys_on_one_line_is_still_read_at_once() {
    let keys: String = (0..100_000).map(|n| format!("k{n}=0,")).collect();
    let text = format!("{PACKAGE}{COMPONENT}capabilities={{ {keys} uplink=false }}");
    let (_, warnings) = parse_manifest(&text, Path::new("Capsule.toml")).unwrap();
    assert_eq!(warnings.len(), 100_000);
    assert!(warnings.iter().all(|warning| warning.line == Some(6)));
}
