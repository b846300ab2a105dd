//! One `capsule install`: whom it asks, and what it says.

mod asks;
mod desk;
mod prompt;

use std::path::PathBuf;
use std::sync::Arc;

use astrid_capsule::{CapsuleError, Code, InstallOptions, InstallStep, Installed, Runtime};
use astrid_host_context::Principal;

use crate::commands::install::Args;
use crate::error::{CliError, one_line};
use crate::progress::Line;
use crate::{build, output};
use desk::Desk;

/// Installs, and waits until everything of it is on the disk or taken back.
pub(crate) async fn session(args: &Args) -> Result<(), CliError> {
    let principal =
        Principal::parse(&args.principal).map_err(|error| CliError::new(format!("--principal: {error}")))?;
    if args.dev {
        build(args.source.clone()).await?;
    }
    let mut builder = Runtime::builder().owner(&args.principal);
    if let Some(home) = &args.home {
        builder = builder.home(home);
    }
    let runtime = builder.build().await.map_err(CliError::new)?;
    let mut options = InstallOptions::new(&args.source)
        .principal(principal)
        .reinstall(args.reinstall)
        .allow_downgrade(args.allow_downgrade)
        .load(false)
        .desk(Arc::new(Desk::new(args.yes)));
    for (key, value) in &args.env {
        options = options.value(key, value);
    }
    let answers = asks::answer(runtime.prompts(), !args.yes && prompt::can_ask());
    let result = tokio::select! {
        installed = runtime.install(options) => installed.map_err(failed),
        never = answers => match never {},
        _ = tokio::signal::ctrl_c() => Err(CliError::new("interrupted: nothing was installed")),
    };
    // Also waits until what was interrupted is taken back.
    runtime.shutdown().await;
    say(&args.principal, &result?)
}

/// A manifest may have several faults, each in a line.
fn failed(error: CapsuleError) -> CliError {
    match error.code() {
        Code::Manifest => CliError::all(error.to_string().lines().map(CliError::new).collect()),
        Code::Unapproved => CliError::new(error).allowed("--yes, or a yes on a terminal"),
        _ => CliError::new(error),
    }
}

async fn build(dir: PathBuf) -> Result<(), CliError> {
    if !dir.join("Cargo.toml").is_file() {
        return Ok(());
    }
    let built = tokio::task::spawn_blocking(move || build::build_dir(&dir, &Line::new())).await;
    built.map_err(CliError::new)?.map(drop)
}

fn say(principal: &str, installed: &Installed) -> Result<(), CliError> {
    let Installed { capsule, version, unresolved, .. } = installed;
    if !unresolved.is_empty() {
        let keys = unresolved.join(", ");
        output::warning(one_line(&format!(
            "{capsule}: no value for {keys}; `--reinstall --env KEY=VALUE` stores one"
        )));
    }
    let what = match &installed.step {
        InstallStep::First => "installed".to_owned(),
        InstallStep::Upgrade { from } => format!("installed in place of {}", one_line(from)),
        InstallStep::Again => "installed again".to_owned(),
        _ => {
            if installed.differs {
                output::warning(format!(
                    "{capsule} {version}: the component differs from the installed one; `--reinstall` puts it in place"
                ));
            }
            "installed already".to_owned()
        }
    };
    output::result(&format!("{capsule} {version} {what} for {principal}\n"))
}
