//! Which crate of the repository may build on which.

use cargo_metadata::{DependencyKind, Metadata};

/// A normal or build dependency between two crates of the repository, by package name.
pub(crate) type Edge = (String, String);

/// What cargo knows.
pub(crate) fn edges(metadata: &Metadata) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            if dependency.path.is_some() {
                edges.push((package.name.to_string(), dependency.name.clone()));
            }
        }
    }
    edges
}

/// The edges that the rule does not allow.
pub(crate) fn breaches(edges: &[Edge]) -> Vec<String> {
    let forbidden = edges.iter().filter(|(from, to)| !allowed(short(from), short(to)));
    forbidden.map(|(from, to)| format!("{from} depends on {to}, which the dependency rule forbids")).collect()
}

fn short(package: &str) -> &str {
    match package {
        "astrid-capsule" => package,
        other => other.strip_prefix("astrid-").unwrap_or(other),
    }
}

fn allowed(from: &str, to: &str) -> bool {
    // Suites of the testkit are for tests; it may look at every domain whose backends it proves.
    if from == "host-testkit" {
        return to.starts_with("host-");
    }
    if to == "host-testkit" || to == "xtask" {
        return false;
    }
    match from {
        "host-context" | "xtask" => false,
        "host-io" | "event-bus" | "airlock" | "principals" | "capsule-manifest" | "guest" => {
            to == "host-context"
        }
        "security-gate" => ["host-context", "capsule-manifest"].contains(&to),
        "capsule-discovery" | "capsule-install" | "cron" => to == "capsule-manifest",
        "dispatch" => ["host-context", "event-bus"].contains(&to),
        "process-sandbox" => to == "host-process",
        "store-redb" => to == "host-context" || (is_domain(to) && !to.contains("-v")),
        // A later version builds on its own engine, and on what that may name.
        domain if is_domain(domain) => {
            let engine = domain.rsplit_once("-v").map_or(domain, |(engine, _)| engine);
            ["host-context", "host-io"].contains(&to)
                || (engine != domain && engine == to)
                || ONE_OFF.contains(&(engine, to))
        }
        "astrid-capsule" => to != "capsule-cli",
        _ => true,
    }
}

/// Whoever dials asks the airlock; `request-context` hands out `tcp-stream`, which is net's.
const ONE_OFF: [(&str, &str); 4] = [
    ("host-ipc", "event-bus"),
    ("host-http", "airlock"),
    ("host-net", "airlock"),
    ("host-request-context", "host-net"),
];

fn is_domain(name: &str) -> bool {
    name.starts_with("host-") && !["host-context", "host-io", "host-testkit"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(from: &str, to: &str) -> bool {
        breaches(&[(from.to_owned(), to.to_owned())]).is_empty()
    }

    #[test]
    fn the_ladder_passes() {
        for (from, to) in [
            ("astrid-host-io", "astrid-host-context"),
            ("astrid-host-kv", "astrid-host-context"),
            ("astrid-host-net", "astrid-host-io"),
            ("astrid-host-ipc", "astrid-event-bus"),
            ("astrid-airlock", "astrid-host-context"),
            ("astrid-host-net", "astrid-airlock"),
            ("astrid-host-request-context", "astrid-host-net"),
            ("astrid-host-http-v1-1", "astrid-host-http"),
            ("astrid-event-bus", "astrid-host-context"),
            ("astrid-dispatch", "astrid-event-bus"),
            ("astrid-store-redb", "astrid-host-kv"),
            ("astrid-process-sandbox", "astrid-host-process"),
            ("astrid-host-testkit", "astrid-host-kv"),
            ("astrid-security-gate", "astrid-capsule-manifest"),
            ("astrid-capsule", "astrid-capsule-manifest"),
            ("astrid-capsule-discovery", "astrid-capsule-manifest"),
            ("astrid-cron", "astrid-capsule-manifest"),
            ("astrid-capsule-install", "astrid-capsule-manifest"),
            ("capsule-cli", "astrid-capsule"),
        ] {
            assert!(passes(from, to), "{from} on {to}");
        }
    }

    #[test]
    fn a_step_up_or_sideways_does_not() {
        for (from, to) in [
            ("astrid-host-context", "astrid-host-io"),
            ("astrid-host-io", "astrid-host-kv"),
            ("astrid-host-kv", "astrid-host-fs"),
            ("astrid-host-kv", "astrid-event-bus"),
            ("astrid-host-http-v1-1", "astrid-host-net"),
            ("astrid-event-bus", "astrid-host-io"),
            ("astrid-dispatch", "astrid-guest"),
            ("astrid-airlock", "astrid-host-io"),
            ("astrid-host-kv", "astrid-airlock"),
            ("astrid-guest", "astrid-host-io"),
            ("astrid-capsule-manifest", "astrid-guest"),
            ("astrid-cron", "astrid-host-kv"),
            ("astrid-capsule-discovery", "astrid-capsule"),
            ("astrid-capsule-install", "astrid-principals"),
            ("astrid-store-redb", "astrid-capsule"),
            ("astrid-process-sandbox", "astrid-host-context"),
            ("astrid-security-gate", "astrid-host-ipc"),
            ("astrid-host-kv", "astrid-security-gate"),
            ("astrid-store-redb", "astrid-host-io"),
            ("astrid-capsule", "capsule-cli"),
            ("astrid-host-kv", "astrid-host-testkit"),
            ("capsule-cli", "astrid-host-testkit"),
        ] {
            assert!(!passes(from, to), "{from} on {to}");
        }
    }
}
