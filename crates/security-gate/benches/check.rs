//! What one check costs from 64 threads, beside the floor: one lookup in a plain hash set.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run must fail")]

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Principal, Request, Target};
use astrid_security_gate::ManifestSecurityGate;

const THREADS: usize = 64;
const CHECKS: usize = 100_000;

/// Best of seven runs of `CHECKS` over `threads` threads: CPU nanoseconds a check.
fn best(threads: usize, check: impl Fn() + Sync) -> f64 {
    let cores = std::thread::available_parallelism().unwrap().get().min(threads);
    let mut best = f64::MAX;
    for _ in 0..7 {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..CHECKS / threads).for_each(|_| check()));
            }
        });
        best = best.min(started.elapsed().as_secs_f64() * 1e9 * cores as f64 / CHECKS as f64);
    }
    best
}

fn report(name: &str, check: impl Fn() + Sync) {
    let (alone, crowded) = (best(1, &check), best(THREADS, &check));
    println!("{name:<26} {alone:>8.1} ns alone {crowded:>8.1} ns from {THREADS} threads");
}

fn main() {
    let set: HashSet<String> = (0..8).map(|n| format!("host-{n}.example.com")).collect();
    report("thread start and loop", || {
        black_box(());
    });
    report("floor: set lookup", || {
        black_box(set.contains(black_box("host-3.example.com")));
    });

    let text = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\nnet = [\"api.github.com\"]\n\
                net_connect = [\"db.local:5432\"]\nfs_read = [\"cwd://src\"]\nhost_process = [\"git status\"]\n\
                identity = [\"link\"]\nuplink = true\n";
    let (manifest, _) = astrid_capsule_manifest::parse_manifest(text, Path::new("Capsule.toml")).unwrap();
    let gate = ManifestSecurityGate::builder(&manifest).build().unwrap();
    let (capsule, alice) = (CapsuleId::parse("demo").unwrap(), Principal::parse("alice").unwrap());
    let args = vec!["status".to_owned(), "-s".to_owned()];
    let url = "https://v1.api.github.com/repos/astrid";
    for (name, action, target) in [
        ("http request", Action::new("http", "request"), Target::Other { kind: "url", name: url }),
        ("net connect", Action::new("net", "connect"), Target::Endpoint { host: "db.local", port: 5432 }),
        ("fs read", Action::new("fs", "read"), Target::Path("workspace://src/gate/lib.rs")),
        ("process spawn", Action::new("process", "spawn"), Target::Command { program: "git", args: &args }),
        ("identity link", Action::new("identity", "link"), Target::None),
        (
            "http request, denied",
            Action::new("http", "request"),
            Target::Other { kind: "url", name: "https://evil.io/" },
        ),
    ] {
        report(name, || {
            let request = Request { principal: Some(&alice), capsule: &capsule, action, target };
            let _ = black_box(gate.check(black_box(&request)));
        });
    }
}
