//! A gate from a few lines of capabilities, and one line a question.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::path::Path;

use astrid_capsule_manifest::{CapsuleManifest, parse_manifest};
use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Denial, Principal, Request, Target};
use astrid_security_gate::{ManifestSecurityGate, Roots};

pub(crate) fn manifest(capabilities: &str) -> CapsuleManifest {
    let text = format!("[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\n{capabilities}");
    parse_manifest(&text, Path::new("Capsule.toml")).unwrap().0
}

pub(crate) fn gate(capabilities: &str) -> ManifestSecurityGate {
    ManifestSecurityGate::builder(&manifest(capabilities)).build().unwrap()
}

pub(crate) fn gate_in(capabilities: &str, roots: &Roots) -> ManifestSecurityGate {
    ManifestSecurityGate::builder(&manifest(capabilities)).roots(roots).build().unwrap()
}

pub(crate) type Verdict = Result<(), Denial>;

/// Asks as `principal` through the capsule `demo`.
pub(crate) fn ask(
    gate: &dyn CapsuleSecurityGate,
    principal: &str,
    (domain, verb): (&'static str, &'static str),
    target: Target<'_>,
) -> Verdict {
    let capsule = CapsuleId::parse("demo").unwrap();
    let principal = Principal::parse(principal).unwrap();
    let action = Action::new(domain, verb);
    gate.check(&Request { principal: Some(&principal), capsule: &capsule, action, target })
}

pub(crate) fn read(gate: &dyn CapsuleSecurityGate, path: &str) -> Verdict {
    ask(gate, "alice", ("fs", "read"), Target::Path(path))
}

pub(crate) fn write(gate: &dyn CapsuleSecurityGate, path: &str) -> Verdict {
    ask(gate, "alice", ("fs", "write"), Target::Path(path))
}

pub(crate) fn get(gate: &dyn CapsuleSecurityGate, url: &str) -> Verdict {
    ask(gate, "alice", ("http", "request"), Target::Other { kind: "url", name: url })
}

pub(crate) fn socket(gate: &dyn CapsuleSecurityGate, verb: &'static str, host: &str, port: u16) -> Verdict {
    ask(gate, "alice", ("net", verb), Target::Endpoint { host, port })
}

pub(crate) fn lookup(gate: &dyn CapsuleSecurityGate, name: &str) -> Verdict {
    ask(gate, "alice", ("net", "lookup"), Target::Other { kind: "host", name })
}

pub(crate) fn run(gate: &dyn CapsuleSecurityGate, verb: &'static str, command: &[&str]) -> Verdict {
    let args: Vec<String> = command.iter().skip(1).map(|&arg| arg.to_owned()).collect();
    let program = command.first().copied().unwrap_or_default();
    ask(gate, "alice", ("process", verb), Target::Command { program, args: &args })
}

pub(crate) fn register(gate: &dyn CapsuleSecurityGate, endpoint: &str) -> Verdict {
    ask(gate, "alice", ("uplink", "register"), Target::Other { kind: "uplink", name: endpoint })
}

pub(crate) fn reason(verdict: Verdict) -> String {
    verdict.unwrap_err().reason
}
