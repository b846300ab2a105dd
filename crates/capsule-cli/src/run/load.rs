//! Building, starting and loading, with a word on stderr for each.

use std::path::Path;
use std::time::Duration;

use astrid_capsule::{Capsule, Origin, Readiness, Runtime, SearchPath, Severity, Timings};
use astrid_capsule_manifest::MANIFEST_FILE;

use super::AllowLocal;
use crate::commands::run::Args;
use crate::error::{CliError, one_line};
use crate::progress::{Line, Progress};
use crate::{build, output};

/// How long run loops may take to be ready.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// Builds what `--dev` asks to build, then starts the runtime.
pub(crate) async fn start(args: &Args) -> Result<Runtime, CliError> {
    if args.dev {
        let sources = args.dirs.iter().filter(|dir| dir.join("Cargo.toml").is_file());
        for dir in sources {
            let dir = dir.clone();
            let built = tokio::task::spawn_blocking(move || build::build_dir(&dir, &Line::new())).await;
            built.map_err(CliError::new)??;
        }
    }
    let builder = Runtime::builder().workspace(&args.workspace).owner(&args.principal);
    let mut builder = builder.allow_unverified(args.dev).overlay(args.overlay);
    for AllowLocal { rules, .. } in &args.allow_local {
        builder = builder.allow_local(rules.clone());
    }
    if let Some(home) = &args.home {
        builder = builder.home(home);
    }
    builder.build().await.map_err(CliError::new)
}

/// Loads all capsules and waits until they are ready. One that cannot be loaded is reported and stops no other,
/// unless nothing is left or `--strict` is given.
pub(crate) async fn capsules(args: &Args, runtime: &Runtime) -> Result<(), CliError> {
    args.dirs.iter().try_for_each(|dir| holds_capsules(dir))?;
    let paths = paths(args, runtime);
    let progress = Line::new();
    progress.step("loading");
    progress.detail(&paths.iter().map(|path| path.dir().display().to_string()).collect::<Vec<_>>().join(" "));
    let report = runtime.boot(&paths).await;
    progress.done();
    for one in &report.loaded {
        // A boot goes on after its half second; whoever watches has a reason to wait for what they run.
        let readiness = match one.readiness {
            Readiness::Timeout => one.capsule.wait_ready(READY_TIMEOUT).await,
            ended => ended,
        };
        state(&*one.capsule, readiness);
        if args.timings {
            eprint_timings(one.capsule.id(), one.capsule.timings());
        }
    }
    let problems: Vec<_> = report.problems().into_iter().map(CliError::new).collect();
    if !problems.is_empty() && (args.strict || report.loaded.is_empty()) {
        return Err(CliError::all(problems));
    }
    problems.iter().for_each(output::errors);
    for AllowLocal { capsule, .. } in &args.allow_local {
        if runtime.capsule(capsule).is_none() {
            let loaded: Vec<_> = runtime.capsules().iter().map(|c| c.id().to_owned()).collect();
            let unknown = CliError::new(format!("--allow-local: no capsule {capsule:?} is loaded"));
            return Err(unknown.allowed(loaded.join(", ")));
        }
    }
    if args.dirs.is_empty() && report.loaded.is_empty() && report.skipped.is_empty() {
        return Err(CliError::new(format!("nothing is installed for {}", args.principal))
            .allowed("directories of capsules, or `capsule install SOURCE` before"));
    }
    let skipped = report.skipped.iter().map(ToString::to_string).filter(|text| !was_said(&problems, text));
    let findings = report.findings.iter().filter(|one| one.severity() == Severity::Warning);
    let warnings = skipped.chain(findings.map(ToString::to_string));
    warnings.for_each(|text| output::warning(one_line(&text)));
    Ok(())
}

/// What was named, or else what is there for the principal and the workspace.
fn paths(args: &Args, runtime: &Runtime) -> Vec<SearchPath> {
    if args.dirs.is_empty() {
        let installed = SearchPath::installed(runtime.home().root(), &args.principal);
        return vec![installed, SearchPath::workspace(&args.workspace)];
    }
    args.dirs.iter().map(SearchPath::explicit).collect()
}

/// A directory that was named and holds nothing is a mistake, where a search path that does is not.
fn holds_capsules(dir: &Path) -> Result<(), CliError> {
    let holds = |dir: &Path| dir.join(MANIFEST_FILE).symlink_metadata().is_ok();
    let mut below = std::fs::read_dir(dir).into_iter().flatten().flatten();
    if holds(dir) || below.any(|entry| holds(&entry.path())) {
        return Ok(());
    }
    let missing =
        CliError::at(&dir.join(MANIFEST_FILE), "no such file, and no capsule directories beside it");
    Err(missing.allowed("a capsule directory, or a directory of them"))
}

fn was_said(problems: &[CliError], text: &str) -> bool {
    let line = one_line(text);
    problems.iter().any(|problem| problem.lines().contains(&line))
}

fn state(capsule: &dyn Capsule, readiness: Readiness) {
    let id = capsule.id();
    if readiness != Readiness::Ready {
        let detail = format!("after {} s, going on without it", READY_TIMEOUT.as_secs());
        return output::state(id, "not ready", &detail);
    }
    let Timings { origin, total, .. } = capsule.timings();
    let from = match origin {
        Some(Origin::Compiled) => ", compiled",
        Some(Origin::Disk) => ", from the compile cache",
        Some(Origin::Memory) => ", shared with another capsule",
        None => "",
    };
    output::state(id, "ready", &format!("{:.1} ms{from}", total.as_secs_f64() * 1e3));
}

fn eprint_timings(id: &str, timings: &Timings) {
    let Timings { read, compile, origin, link, instantiate, total } = timings;
    let native = match origin {
        Some(Origin::Compiled) => "compile",
        Some(Origin::Disk) => "cache-hit",
        Some(Origin::Memory) => "shared",
        None => "no-component",
    };
    for (phase, took) in
        [("read", read), (native, compile), ("link", link), ("instantiate", instantiate), ("load", total)]
    {
        let line = serde_json::json!({ "capsule": id, "phase": phase, "ms": took.as_secs_f64() * 1e3 });
        output::diagnostic(&line.to_string());
    }
}
