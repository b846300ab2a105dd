//! One session of `capsule run`: load, call, publish, watch, unload.

mod decide;
mod input;
mod load;
pub(crate) mod message;
mod print;
mod watch;

use std::process::ExitCode;

use astrid_capsule::{HandlerResult, Invoker, Runtime};
use astrid_host_context::Principal;
use tracing_subscriber::EnvFilter;

use crate::commands::run::Args;
use crate::error::CliError;
use crate::{control, output};
pub(crate) use decide::{Decision, decide};
pub(crate) use input::{AllowLocal, Call, Publication, pattern, seconds};
use watch::Watch;

/// Exit code when the expected messages did not come in time.
const TIMED_OUT: u8 = 3;

/// Sends diagnostics to stderr: `ASTRID_LOG` says which, warnings without it. What a boot reports is
/// printed by this program.
pub(crate) fn log_to_stderr() {
    log_without("astrid.boot=off");
}

/// The same, where what a lifecycle hook failed of is printed too: its backtrace is for whoever asks for logs.
pub(crate) fn log_without_hooks() {
    log_without("astrid.boot=off,astrid.capsule=off");
}

fn log_without(targets: &str) {
    let filter = EnvFilter::try_from_env("ASTRID_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(format!("warn,{targets}")));
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_target(false);
    // Only a second call in one process could fail, and its diagnostics go where the first ones do.
    let _ = subscriber.with_writer(std::io::stderr).try_init();
}

/// Everything from the first load to the last unload.
pub(crate) async fn session(args: &Args) -> Result<ExitCode, CliError> {
    let principal =
        Principal::parse(&args.principal).map_err(|error| CliError::new(format!("--principal: {error}")))?;
    let runtime = load::start(args).await?;
    let mut early = false;
    let result = tokio::select! {
        result = work(args, &runtime, &principal) => result,
        error = listen(args, &runtime) => Err(error),
        () = interrupted() => {
            early = !args.is_open_ended();
            Ok(ExitCode::SUCCESS)
        }
    };
    runtime.shutdown().await;
    if args.overlay {
        let whole = !early && result.as_ref().is_ok_and(|code| *code == ExitCode::SUCCESS);
        let decided = decide(&runtime, &args.workspace, Some(&principal), decision(args, whole)).await;
        if result.is_ok() {
            decided?;
        } else if let Err(error) = decided {
            output::errors(&error);
        }
    }
    result
}

/// What the switches say; but what a run left half done is never committed without a look at it.
fn decision(args: &Args, whole: bool) -> Option<Decision> {
    match Decision::of(args.commit, args.rollback) {
        Some(Decision::Commit) if !whole => {
            output::warning("--commit: the run did not do all it was asked to, so nothing is committed");
            Some(Decision::Keep)
        }
        decided => decided,
    }
}

async fn work(args: &Args, runtime: &Runtime, principal: &Principal) -> Result<ExitCode, CliError> {
    // Before the first load, so that what a capsule says while it starts is seen.
    let mut watch = Watch::new(runtime, args);
    load::capsules(args, runtime).await?;
    let mut denied = false;
    for call in &args.call {
        denied |= !invoke(args, runtime, principal, call).await?;
    }
    for Publication { topic, payload } in &args.publish {
        let published = runtime.publish(topic, payload.clone(), Some(principal.as_str())).await;
        published.map_err(CliError::new)?;
    }
    if !args.expect.is_empty() {
        if !watch.until_done().await? {
            output::errors(&watch.timed_out());
            return Ok(ExitCode::from(TIMED_OUT));
        }
    } else if !args.publish.is_empty() {
        if !runtime.settle(args.timeout).await {
            let seconds = args.timeout.as_secs_f64();
            output::errors(&CliError::new(format!("--timeout: handlers still run after {seconds} s")));
            return Ok(ExitCode::from(TIMED_OUT));
        }
    } else if args.is_open_ended() {
        std::future::pending::<()>().await;
    }
    Ok(if denied { ExitCode::from(crate::error::FAILED) } else { ExitCode::SUCCESS })
}

/// Serves `--listen` for as long as the session lasts; comes back only when that cannot begin.
async fn listen(args: &Args, runtime: &Runtime) -> CliError {
    let Some(path) = &args.listen else { return std::future::pending().await };
    let path = path.clone().unwrap_or_else(|| control::default_path(runtime.home().root()));
    match control::Endpoint::bind(&path).await {
        Ok(endpoint) => {
            output::diagnostic(&format!("listening {}", path.display()));
            control::serve(endpoint, runtime.clone(), args.principal.clone()).await;
            std::future::pending().await
        }
        Err(error) => error,
    }
}

/// Calls a handler and prints what it said; false if it refused.
async fn invoke(
    args: &Args,
    runtime: &Runtime,
    principal: &Principal,
    call: &Call,
) -> Result<bool, CliError> {
    let capsule = runtime.capsule(&call.capsule).ok_or_else(|| {
        let loaded: Vec<_> = runtime.capsules().iter().map(|c| c.id().to_owned()).collect();
        CliError::new(format!("--call: no capsule {:?} is loaded", call.capsule)).allowed(loaded.join(", "))
    })?;
    let invoker = Some(Invoker::verified(principal.clone()));
    let result =
        capsule.invoke_interceptor(&call.action, call.payload.clone().into(), invoker.as_ref()).await;
    let result = result.map_err(|error| CliError::new(format!("--call: {error}")))?;
    output::result(&print::result(call, &result, args.json))?;
    if let (HandlerResult::Deny { reason }, false) = (&result, args.json) {
        output::errors(&CliError::new(format!("{}:{} refused: {reason}", call.capsule, call.action)));
    }
    Ok(!matches!(result, HandlerResult::Deny { .. }))
}

/// Ends at Ctrl-C, or when a service manager asks.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            output::warning(format!("SIGTERM ends without unloading: {error}"));
            return std::future::pending().await;
        }
    };
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => if let Err(error) = interrupt {
            output::warning(format!("Ctrl-C ends without unloading: {error}"));
            std::future::pending::<()>().await;
        },
        _ = terminate.recv() => {}
    }
}
