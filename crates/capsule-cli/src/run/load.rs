//! Building, starting and loading, with a word on stderr for each.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use astrid_capsule::{Capsule, Origin, Readiness, Runtime, State, Timings};

use crate::commands::run::Args;
use crate::error::CliError;
use crate::progress::{Line, Progress};
use crate::{build, output};

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
    let mut builder = builder.allow_unverified(args.dev);
    if let Some(home) = &args.home {
        builder = builder.home(home);
    }
    builder.build().await.map_err(CliError::new)
}

/// Loads all capsules and waits until they are ready.
pub(crate) async fn capsules(args: &Args, runtime: &Runtime) -> Result<(), CliError> {
    for dir in &args.dirs {
        let capsule = load(runtime, dir).await?;
        let timeout = runtime.config().ready_timeout;
        let readiness = capsule.wait_ready(timeout).await;
        report(&*capsule, readiness, timeout)?;
        if args.timings {
            eprint_timings(capsule.id(), capsule.timings());
        }
    }
    Ok(())
}

async fn load(runtime: &Runtime, dir: &Path) -> Result<Arc<dyn Capsule>, CliError> {
    let progress = Line::new();
    progress.step("loading");
    progress.detail(&dir.display().to_string());
    let dir: PathBuf = dir.to_owned();
    let loaded = runtime.load(dir).await;
    progress.done();
    loaded.map_err(CliError::new)
}

fn report(capsule: &dyn Capsule, readiness: Readiness, timeout: Duration) -> Result<(), CliError> {
    let id = capsule.id();
    match readiness {
        Readiness::Ready => {
            let Timings { origin, total, .. } = capsule.timings();
            let from = match origin {
                Some(Origin::Compiled) => ", compiled",
                Some(Origin::Disk) => ", from the compile cache",
                Some(Origin::Memory) => ", shared with another capsule",
                None => "",
            };
            output::state(id, "ready", &format!("{:.1} ms{from}", total.as_secs_f64() * 1e3));
            Ok(())
        }
        Readiness::Timeout => {
            output::state(id, "not ready", &format!("after {} s, going on without it", timeout.as_secs()));
            Ok(())
        }
        Readiness::Crashed => Err(CliError::new(match capsule.state() {
            State::Failed(reason) => format!("capsule '{id}': {reason}"),
            state => format!("capsule '{id}': {state:?}"),
        })),
    }
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
