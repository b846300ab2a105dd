//! What a manifest must not say, and how the refusal reads: path, key, problem, and what would be accepted.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::Path;

use astrid_capsule_manifest::{Code, ManifestError, ManifestFault, parse_manifest};

const PACKAGE: &str = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
const COMPONENT: &str = "[[component]]\nfile = \"x.wasm\"\n";

fn refuse(text: &str) -> ManifestError {
    match parse_manifest(text, Path::new("dir/Capsule.toml")) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(error) => error,
    }
}

/// The only fault of a manifest that is fine up to `rest`.
fn fault(rest: &str) -> ManifestFault {
    only(&refuse(&format!("{PACKAGE}{COMPONENT}{rest}")))
}

fn only(error: &ManifestError) -> ManifestFault {
    let [fault] = error.faults() else {
        panic!("more than one fault:\n{error}")
    };
    let line = fault.to_string();
    assert!(line.starts_with("dir/Capsule.toml:"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(fault.line.is_some() && fault.column.is_some(), "{line}");
    fault.clone()
}

#[track_caller]
fn expect(fault: &ManifestFault, key: &str, code: Code, allowed: &str) {
    let got = (
        fault.key.as_str(),
        fault.code,
        fault.allowed.as_deref().unwrap_or_default(),
    );
    assert_eq!(got, (key, code, allowed), "{fault}");
}

// manifest case 12
#[test]
fn a_name_with_capitals_is_no_capsule_id() {
    let fault = only(&refuse("[package]\nname=\"My_Cap\"\nversion=\"1.0.0\""));
    expect(
        &fault,
        "package.name",
        Code::BadCapsuleId,
        "lowercase letters, digits, hyphen",
    );
    assert_eq!(
        fault.to_string(),
        "dir/Capsule.toml:2:6: [package.name] \"My_Cap\" is no capsule id; allowed: lowercase letters, digits, hyphen"
    );
    for bad in ["", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(
            only(&refuse(&format!(
                "[package]\nname=\"{bad}\"\nversion=\"1.0.0\""
            )))
            .code,
            Code::BadCapsuleId
        );
    }
}

#[test]
fn an_uplink_name_has_no_hyphen_at_its_ends() {
    for (name, rest) in [
        ("-x", "[capabilities]\nuplink=true"),
        (
            "x-",
            "[[uplink]]\nname=\"a\"\nplatform=\"p\"\nprofile=\"chat\"",
        ),
    ] {
        let error = refuse(&format!(
            "[package]\nname=\"{name}\"\nversion=\"1.0.0\"\n{COMPONENT}{rest}"
        ));
        assert_eq!(only(&error).code, Code::BadCapsuleId);
    }
}

// manifest case 13
#[test]
fn a_version_needs_three_parts() {
    for bad in ["1.0", "v1.0.0", "", "1.0.0.0"] {
        let fault = only(&refuse(&format!(
            "[package]\nname=\"x\"\nversion=\"{bad}\""
        )));
        expect(
            &fault,
            "package.version",
            Code::BadVersion,
            "MAJOR.MINOR.PATCH",
        );
    }
}

// manifest case 14
#[test]
fn a_requirement_beyond_this_runtime_names_both_versions() {
    let with = |requirement: &str| {
        only(&refuse(&format!(
            "{PACKAGE}astrid-version=\"{requirement}\"\n{COMPONENT}"
        )))
    };
    let fault = with(">=99");
    assert_eq!(
        (fault.key.as_str(), fault.code),
        ("package.astrid-version", Code::IncompatibleRuntime)
    );
    assert_eq!(
        fault.problem,
        "needs astrid-version >=99, this runtime provides 0.10.4"
    );
    assert_eq!(with("=0.10.4-rc.1").code, Code::IncompatibleRuntime);
    assert_eq!(with("new").code, Code::BadAstridVersion);
}

// manifest case 15
#[test]
fn an_empty_segment_is_named_by_its_position() {
    let fault = fault("[publish]\n\"a..b\" = \"opaque\"");
    assert_eq!(
        (fault.key.as_str(), fault.code),
        ("publish.\"a..b\"", Code::BadTopic)
    );
    assert!(
        fault.problem.contains("empty segment at position 2"),
        "{fault}"
    );
    assert_eq!((fault.line, fault.column), (Some(7), Some(1)));
}

#[test]
fn topics_outside_the_grammar_are_refused_wherever_they_stand() {
    let long = "a".repeat(257);
    for bad in [
        "",
        ".a",
        "a.",
        "a b",
        "a.b*",
        "a.b.c.d.e.f.g.h.i",
        "a/b",
        &long,
    ] {
        for rest in [
            format!("[subscribe]\n\"{bad}\"=\"opaque\""),
            format!("[publish]\n\"{bad}\"=\"opaque\""),
            format!("[[interceptor]]\nevent=\"{bad}\"\naction=\"a\""),
            format!("[capabilities]\nipc_publish=[\"{bad}\"]"),
            format!("[capabilities]\nipc_subscribe=[\"{bad}\"]"),
        ] {
            assert_eq!(fault(&rest).code, Code::BadTopic, "{rest}");
        }
    }
}

// manifest case 16
#[test]
fn a_priority_needs_a_handler() {
    let fault = fault("[subscribe]\nx = { wit=\"opaque\", priority=5 }");
    expect(
        &fault,
        "subscribe.\"x\".priority",
        Code::PriorityWithoutHandler,
        "priority beside handler",
    );
}

// manifest case 17
#[test]
fn two_source_pins_conflict() {
    let fault = fault("[publish]\nx = { wit=\"opaque\", tag=\"v1\", rev=\"abc\" }");
    expect(
        &fault,
        "publish.\"x\"",
        Code::ConflictingPins,
        "one of version, tag, rev, branch, path",
    );
}

// manifest case 18
#[test]
fn a_component_type_is_executable_or_library() {
    let fault = only(&refuse(&format!(
        "{PACKAGE}[[component]]\nfile=\"a\"\ntype=\"exe\""
    )));
    expect(
        &fault,
        "component[0].type",
        Code::BadEnum,
        "executable, library",
    );
}

// manifest case 19
#[test]
fn an_uplink_profile_is_one_of_four() {
    let fault = fault("[[uplink]]\nname=\"n\"\nplatform=\"p\"\nprofile=\"robot\"");
    expect(
        &fault,
        "uplink[0].profile",
        Code::BadEnum,
        "chat, interactive, notify, bridge",
    );
}

// manifest case 20
#[test]
fn an_identity_word_is_one_of_three() {
    let fault = fault("[capabilities]\nidentity=[\"root\"]");
    expect(
        &fault,
        "capabilities.identity[0]",
        Code::BadEnum,
        "resolve, link, admin",
    );
}

// manifest case 21
#[test]
fn an_uplink_must_not_import() {
    let fault = fault(
        "[capabilities]\nuplink=true\n[imports]\n\"astrid:session\"=\"^1\"\n\"astrid:llm\"=\"^1\"",
    );
    assert_eq!(fault.code, Code::UplinkImports);
    assert!(fault.problem.contains("\"astrid:session\""), "{fault}");
}

// manifest case 22
#[test]
fn a_cli_command_must_not_hide_a_verb_of_the_host() {
    let fault = fault("[[command]]\nkind=\"cli\"\nname=\"install\"");
    let verbs =
        "new, install, update, list, remove, tree, deps, build, check, config, show, run, help";
    expect(
        &fault,
        "command[0].name",
        Code::ReservedCommand,
        &format!("any name but {verbs}"),
    );
    assert_eq!(verbs.split(", ").count(), 13);
}

// manifest case 23
#[test]
fn an_export_is_an_exact_version_where_an_import_is_a_requirement() {
    for bad in ["1.0", "^1.0", ">=1.0.0", ""] {
        let fault = fault(&format!("[exports]\n\"astrid:llm\" = \"{bad}\""));
        expect(
            &fault,
            "exports.\"astrid:llm\"",
            Code::BadExportVersion,
            "MAJOR.MINOR.PATCH",
        );
    }
    let text = format!("{PACKAGE}{COMPONENT}[imports]\n\"astrid:llm\" = \"1.0\"");
    assert!(parse_manifest(&text, Path::new("Capsule.toml")).is_ok());
    assert_eq!(
        fault("[imports]\n\"astrid:llm\" = \"one\"").code,
        Code::BadImportVersion
    );
}

#[test]
fn interface_keys_are_two_words_and_given_once() {
    for bad in [
        "llm",
        ":llm",
        "astrid:",
        "a:b:c",
        "Astrid:llm",
        "astrid:l_m",
        "1a:b",
        "a:-b",
    ] {
        assert_eq!(
            fault(&format!("[imports]\n\"{bad}\"=\"^1\"")).code,
            Code::BadInterfaceKey,
            "{bad}"
        );
    }
    assert!(
        fault("[imports]\n\"astrid:L\"=\"^1\"")
            .problem
            .contains("interface")
    );
    assert!(
        fault("[imports]\n\"A:llm\"=\"^1\"")
            .problem
            .contains("namespace")
    );
    let twice = fault("[imports]\n\"astrid:llm\"=\"^1\"\n[imports.astrid]\nllm=\"^1\"");
    expect(
        &twice,
        "imports.astrid.llm",
        Code::DuplicateInterface,
        "one of the flat and the nested spelling",
    );
    assert_eq!(
        fault("[imports.astrid.llm]\noptional=true").code,
        Code::MissingKey
    );
}

// manifest case 25
#[test]
fn a_missing_package_and_a_missing_component_file_are_named() {
    let package = only(&refuse(COMPONENT));
    assert_eq!(
        (package.key.as_str(), package.code),
        ("package", Code::MissingKey)
    );
    assert!(package.to_string().contains(" [package] "), "{package}");
    for component in ["[[component]]\nid=\"a\"", "[component]\nid=\"a\""] {
        let file = only(&refuse(&format!("{PACKAGE}{component}")));
        assert_eq!(
            (file.key.as_str(), file.code),
            ("component[0].file", Code::MissingKey)
        );
    }
}

// manifest case 26
#[test]
fn faults_of_one_step_are_listed_together_and_stop_the_next_step() {
    let error = refuse("[package]\nname=\"X\"\nversion=\"1\"\n[publish]\n\"a..b\"=\"opaque\"");
    let ManifestError::Many(faults) = &error else {
        panic!("one fault: {error}")
    };
    assert_eq!(
        faults.iter().map(|fault| fault.code).collect::<Vec<_>>(),
        [Code::BadCapsuleId, Code::BadVersion]
    );
    assert_eq!(error.to_string().lines().count(), 2);
}

#[test]
fn every_step_stops_those_after_it() {
    // One fault a step, last step first; taking the reported one away uncovers the next.
    let parts = [
        ("type", "[subscribe]\n\"a\"=5\n", Code::WrongType),
        (
            "capability",
            "[capabilities]\nnet=[\"\"]\nuplink=true\n",
            Code::BadNetPattern,
        ),
        ("version", "", Code::IncompatibleRuntime),
        ("name", "", Code::BadCapsuleId),
        ("topic", "[publish]\n\"..\"=\"opaque\"\n", Code::BadTopic),
        (
            "interface",
            "[exports]\n\"a\"=\"1.0.0\"\n",
            Code::BadInterfaceKey,
        ),
        ("section", "[[tool]]\nname=\"\"\n", Code::BadName),
        (
            "cross",
            "[[component]]\nfile=\"a\"\n[[component]]\nfile=\"b\"\n",
            Code::MultipleExecutables,
        ),
    ];
    for (first, (_, _, code)) in parts.iter().enumerate() {
        let requirement = if first <= 2 { ">=99" } else { "*" };
        let name = if first <= 3 { "X" } else { "x" };
        let rest: String = parts[first..].iter().map(|(_, text, _)| *text).collect();
        let text = format!(
            "[package]\nname=\"{name}\"\nversion=\"1.0.0\"\nastrid-version=\"{requirement}\"\n{rest}"
        );
        assert_eq!(only(&refuse(&text)).code, *code, "{text}");
    }
}

// manifest case 27
#[test]
fn a_binary_hash_is_blake3_and_says_so() {
    let digest = "0".repeat(64);
    for bad in [
        format!("sha256:{digest}"),
        digest.clone(),
        "blake3:00".to_owned(),
        format!("blake3:{}", "A".repeat(64)),
    ] {
        let fault = fault(&format!(
            "[[mcp_server]]\nid=\"a\"\ncommand=\"c\"\nbinary_hash=\"{bad}\""
        ));
        expect(
            &fault,
            "mcp_server[0].binary_hash",
            Code::BadHash,
            "blake3:<64 lowercase hex>",
        );
    }
}

#[test]
fn a_component_hash_is_blake3() {
    for bad in [
        format!("sha256:{}", "0".repeat(64)),
        "0".repeat(63),
        "F".repeat(64),
        String::new(),
    ] {
        let fault = only(&refuse(&format!("{PACKAGE}{COMPONENT}hash=\"{bad}\"")));
        expect(
            &fault,
            "component[0].hash",
            Code::BadHash,
            "64 lowercase hex digits, optionally prefixed \"blake3:\"",
        );
    }
}

// manifest case 28
#[test]
fn a_schedule_out_of_range_says_which_field() {
    let fault = fault("[[cron]]\nname=\"a\"\nschedule=\"61 * * * *\"");
    assert_eq!(
        (fault.key.as_str(), fault.code),
        ("cron[0].schedule", Code::BadSchedule)
    );
    assert_eq!(fault.problem, "minute 61 out of range 0-59");
}

#[test]
fn a_known_key_of_another_type_is_never_coerced() {
    expect(
        &fault("[capabilities]\nuplink=\"true\""),
        "capabilities.uplink",
        Code::WrongType,
        "true, false",
    );
    for rest in [
        "[capabilities]\nnet=\"*\"",
        "[capabilities]\nnet=[1]",
        "[capabilities]\nbind_workers=1.0",
        "env=1",
        "[env]\nk=\"v\"",
        "[env.k]\ndefault={}",
        "[env.k]\ndefault=2026-01-01",
        "[env.k]\ndefault=nan",
        "[env.k]\ndefault=[\"a\"]",
        "[subscribe]\na={wit=\"opaque\",handler=1}",
        "[publish]\na=true",
        "[tool]\nname=\"a\"",
        "[[tool]]\nname=\"a\"\nmutable=1",
        "[imports]\nastrid=1",
        "[imports.astrid]\nllm=1",
        "[[command]]\nname=1",
        "[dependencies]\nrequires=\"a\"",
        "[[cron]]\nname=\"a\"\nschedule=\"@daily\"\npayload=[1]",
        "[[capabilities]]",
    ] {
        // Keys of the root have to stand before the first table.
        let text = if rest.starts_with('[') {
            format!("{PACKAGE}{COMPONENT}{rest}")
        } else {
            format!("{rest}\n{PACKAGE}")
        };
        assert_eq!(only(&refuse(&text)).code, Code::WrongType, "{rest}");
    }
    assert_eq!(
        fault("[capabilities]\nbind_workers=-1").code,
        Code::OutOfRange
    );
    assert_eq!(
        fault("[subscribe]\na={wit=\"opaque\",handler=\"h\",priority=4294967296}").code,
        Code::OutOfRange
    );
}

#[test]
fn required_keys_and_non_empty_strings_are_required() {
    for (rest, key) in [
        ("[publish]\na={}", "publish.\"a\".wit"),
        ("[[tool]]", "tool[0].name"),
        ("[[command]]", "command[0].name"),
        ("[[mcp_server]]\ncommand=\"c\"", "mcp_server[0].id"),
        (
            "[[mcp_server]]\nid=\"a\"\ntype=\"stdio\"",
            "mcp_server[0].command",
        ),
        ("[[mcp_server]]\nid=\"a\"", "mcp_server[0].type"),
        ("[[context_file]]\nname=\"a\"", "context_file[0].file"),
        ("[[skill]]", "skill[0].file"),
        ("[[interceptor]]\naction=\"a\"", "interceptor[0].event"),
        ("[[topic]]\nname=\"a\"", "topic[0].direction"),
        ("[[cron]]\nname=\"a\"", "cron[0].schedule"),
        ("[env.k]\noptions_from={}", "env.k.options_from.http"),
    ] {
        let fault = fault(rest);
        assert_eq!(
            (fault.key.as_str(), fault.code),
            (key, Code::MissingKey),
            "{fault}"
        );
    }
    for rest in [
        "[publish]\na=\"\"",
        "[publish]\na={wit=\"\"}",
        "[subscribe]\na={wit=\"opaque\",handler=\"\"}",
        "[capabilities]\nuplink=true\n[[uplink]]\nname=\" \"\nplatform=\"p\"\nprofile=\"chat\"",
        "[capabilities]\nfs_read=[\"\"]",
        "[[skill]]\nfile=\"\"",
    ] {
        assert_eq!(fault(rest).code, Code::EmptyValue, "{rest}");
    }
}

#[test]
fn two_spellings_of_one_key_are_a_fault() {
    let fault = only(&refuse(&format!("{PACKAGE}{COMPONENT}entrypoint=\"y\"")));
    assert_eq!(
        (fault.key.as_str(), fault.code),
        ("component[0].entrypoint", Code::DuplicateKey)
    );
}

#[test]
fn components_link_to_others_and_one_is_the_program() {
    let library = |id: &str| format!("[[component]]\nid=\"{id}\"\nfile=\"l\"\ntype=\"library\"\n");
    let code = |text: &str| only(&refuse(&format!("{PACKAGE}{text}"))).code;
    assert_eq!(code(&library("a")), Code::NoExecutableComponent);
    assert_eq!(
        code(&format!("{COMPONENT}{COMPONENT}")),
        Code::MultipleExecutables
    );
    assert_eq!(
        code(&format!("{COMPONENT}{}{}", library("a"), library("a"))),
        Code::DuplicateComponent
    );
    assert_eq!(
        code(&format!("{COMPONENT}link=[\"b\"]\n{}", library("a"))),
        Code::UnknownLink
    );
    assert_eq!(
        code(&format!("{COMPONENT}id=\"me\"\nlink=[\"me\"]")),
        Code::UnknownLink
    );
}

#[test]
fn duplicates_within_a_section_are_faults() {
    for (entry, code) in [
        ("[[tool]]\nname=\"a\"\n", Code::DuplicateTool),
        ("[[command]]\nname=\"a\"\n", Code::DuplicateCommand),
        (
            "[[mcp_server]]\nid=\"a\"\ncommand=\"c\"\n",
            Code::DuplicateServer,
        ),
        (
            "[[topic]]\nname=\"a\"\ndirection=\"publish\"\n",
            Code::DuplicateTopic,
        ),
        (
            "[[cron]]\nname=\"a\"\nschedule=\"@daily\"\n",
            Code::DuplicateCron,
        ),
        (
            "[[uplink]]\nname=\"a\"\nplatform=\"P\"\nprofile=\"chat\"\n",
            Code::DuplicateUplink,
        ),
    ] {
        assert_eq!(fault(&format!("{entry}{entry}")).code, code);
    }
    let slash = fault("[[command]]\nname=\"a\"\n[[command]]\nname=\"/a\"\nkind=\"slash\"");
    assert_eq!(slash.code, Code::DuplicateCommand);
}

#[test]
fn names_outside_their_grammar_are_refused() {
    let long = "a".repeat(65);
    for rest in [
        "[[tool]]\nname=\"a b\"",
        "[[tool]]\nname=\"\"",
        &format!("[[tool]]\nname=\"{long}\""),
        "[[tool]]\nname=\"a.b\"",
        "[[command]]\nname=\"A\"",
        "[[command]]\nname=\"/\"",
        "[[command]]\nname=\"-a\"",
        "[[command]]\nname=\"9a\"\nkind=\"cli\"",
        "[[command]]\nname=\"/a\"\nkind=\"cli\"",
        &format!("[[command]]\nname=\"{}\"\nkind=\"cli\"", "a".repeat(33)),
        "[[mcp_server]]\nid=\"_a\"\ncommand=\"c\"",
        "[[cron]]\nname=\"A\"\nschedule=\"@daily\"",
    ] {
        assert_eq!(fault(rest).code, Code::BadName, "{rest}");
    }
    for name in ["*", "a.*.b", "a*", "", "a..b", "a:b"] {
        assert_eq!(
            fault(&format!(
                "[[topic]]\nname=\"{name}\"\ndirection=\"publish\""
            ))
            .code,
            Code::BadTopic,
            "{name}"
        );
    }
    for bad in ["a", "file:a", "topic:", "topic:a..b", "tool:a b"] {
        assert_eq!(
            fault(&format!("[dependencies]\nrequires=[\"{bad}\"]")).code,
            Code::BadCapabilityRef,
            "{bad}"
        );
    }
    assert_eq!(
        fault("[dependencies]\nprovides=[\"topic:a.*\"]").code,
        Code::BadCapabilityRef
    );
}

#[test]
fn lists_have_limits() {
    let many = |count: usize, entry: fn(usize) -> String| (0..count).map(entry).collect::<String>();
    let list = |count| {
        format!(
            "[capabilities]\nfs_read=[{}]",
            many(count, |n| format!("\"cwd://{n}\","))
        )
    };
    assert_eq!(fault(&list(257)).code, Code::TooManyEntries);
    assert!(
        parse_manifest(
            &format!("{PACKAGE}{COMPONENT}{}", list(256)),
            Path::new("Capsule.toml")
        )
        .is_ok()
    );
    let cron = many(33, |n| {
        format!("[[cron]]\nname=\"c{n}\"\nschedule=\"@daily\"\n")
    });
    assert_eq!(fault(&cron).code, Code::TooManyEntries);
    let uplinks = many(33, |n| {
        format!("[[uplink]]\nname=\"u{n}\"\nplatform=\"p\"\nprofile=\"chat\"\n")
    });
    assert_eq!(
        fault(&format!("[capabilities]\nuplink=true\n{uplinks}")).code,
        Code::TooManyEntries
    );
}

#[test]
fn an_uplink_of_a_current_manifest_needs_the_capability() {
    let fault = fault(
        "[publish]\n\"a\"=\"opaque\"\n[[uplink]]\nname=\"a\"\nplatform=\"p\"\nprofile=\"chat\"",
    );
    assert_eq!(fault.code, Code::UplinkWithoutCapability);
}

#[test]
fn capability_entries_outside_their_grammar_are_refused() {
    for (rest, code) in [
        ("net=[\"a b\"]", Code::BadNetPattern),
        ("net=[\"\"]", Code::BadNetPattern),
        ("net_connect=[\"host\"]", Code::BadEndpoint),
        ("net_connect=[\"host:0\"]", Code::BadEndpoint),
        ("net_connect=[\"*:80\"]", Code::BadEndpoint),
        ("net_bind=[\"/run/x.sock\"]", Code::BadEndpoint),
        ("net_udp=[\"bind:name:53\"]", Code::BadEndpoint),
        ("host_process=[\" \"]", Code::BadCommand),
        ("fs_write=[\"home://a/../b\"]", Code::PathEscape),
    ] {
        assert_eq!(
            fault(&format!("[capabilities]\n{rest}")).code,
            code,
            "{rest}"
        );
        let component = format!(
            "{PACKAGE}[[component]]\nfile=\"a\"\ntype=\"library\"\ncapabilities={{ {rest} }}"
        );
        assert_eq!(only(&refuse(&component)).code, code, "{rest}");
    }
}

#[test]
fn env_keys_and_defaults_outside_their_rules_are_refused() {
    let long = "k".repeat(65);
    for key in ["\"a-b\"", "9a", "\"\"", &long] {
        assert_eq!(
            fault(&format!("[env]\n{key}={{}}")).code,
            Code::BadEnvKey,
            "{key}"
        );
    }
    assert_eq!(fault("[env]\nprev_version={}").code, Code::ReservedEnv);
    assert_eq!(
        fault("[env.k]\ntype=\"secret\"\ndefault=\"x\"").code,
        Code::SecretDefault
    );
    expect(
        &fault("[env.k]\ntype=\"choice\""),
        "env.k.type",
        Code::BadEnum,
        "text, secret, select, array",
    );
    let outside = fault("[env.k]\ntype=\"select\"\nenum_values=[\"a\",\"b\"]\ndefault=\"c\"");
    expect(&outside, "env.k.default", Code::BadEnum, "a, b");
    for refers in [
        "http=\"{b}/x\"",
        "http=\"x\"\nbearer=\"{b}\"",
        "http=\"x\"\nafter=[\"b\"]",
    ] {
        let fault = fault(&format!("[env.a.options_from]\n{refers}"));
        assert_eq!(
            (fault.key.as_str(), fault.code),
            ("env.a.options_from", Code::UnknownEnvRef)
        );
    }
    for template in ["{", "}", "{}", "a{b", "{{b}}"] {
        assert_eq!(
            fault(&format!(
                "[env.b]\n[env.a.options_from]\nhttp=\"{template}\""
            ))
            .code,
            Code::BadTemplate,
            "{template}"
        );
    }
}
