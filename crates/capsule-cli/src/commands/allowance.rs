//! `capsule allowance`.

use astrid_host_context::text;

use super::keeper::Keeper;
use super::place::Place;
use crate::control::{Granted, Reply, Request};
use crate::error::CliError;
use crate::{output, run, worker};

/// Lists or revokes what was answered with "always" when capsules asked for approval
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists it, by principal and capsule
    List(List),
    /// Takes it back: the capsule's next call asks again
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// Only this principal's
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// Print one JSON object for each
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    #[command(flatten)]
    place: Place,
    /// Which, as `list` names them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Asks the run that listens, or does it in the home itself where nobody does.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    run::log_to_stderr();
    match &args.what {
        What::List(list) => {
            let all = worker::run(async {
                let mut keeper = Keeper::of(&list.place).await?;
                let all = keeper.ask(&Request::Allowances {}, |reply| match reply {
                    Reply::Allowances { allowances } => Ok(allowances),
                    other => Err(other),
                });
                let all = all.await;
                keeper.leave().await;
                all
            })?;
            let wanted = |one: &&Granted| list.principal.as_ref().is_none_or(|who| *who == one.principal);
            output::result(&all.iter().filter(wanted).map(|one| line(one, list.json)).collect::<String>())
        }
        What::Revoke(Revoke { place, ids }) => worker::run(async {
            let mut keeper = Keeper::of(place).await?;
            let revoked = revoke(&mut keeper, ids).await;
            keeper.leave().await;
            revoked
        }),
    }
}

async fn revoke(keeper: &mut Keeper, ids: &[String]) -> Result<(), CliError> {
    let mut unknown = Vec::new();
    for id in ids {
        let request = Request::Revoke { id: id.clone() };
        let found = keeper.ask(&request, |reply| match reply {
            Reply::Revoked { found } => Ok(found),
            other => Err(other),
        });
        match found.await? {
            true => output::result(&format!("{id} revoked\n"))?,
            false => unknown.push(
                CliError::new(format!("{id:?} is no allowance"))
                    .allowed("one that `capsule allowance list` names"),
            ),
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(CliError::all(unknown)) }
}

fn line(one: &Granted, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", serde_json::json!(one));
    }
    let Granted { id, principal, capsule, workspace, pattern, created, expires, uses } = one;
    let uses = uses.map(|uses| format!(", {uses} uses left")).unwrap_or_default();
    let expires = expires.as_ref().map(|at| format!(", until {at}")).unwrap_or_default();
    let workspace = text::shown(workspace);
    format!("{id} {principal} {capsule} \"{pattern}\" in {workspace}, since {created}{expires}{uses}\n")
}
