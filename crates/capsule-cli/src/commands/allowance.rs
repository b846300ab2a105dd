//! `capsule allowance`.

use astrid_capsule::Runtime;
use astrid_host_context::text;

use super::place::Place;
use crate::control::{self, Client, Granted, Reply, Request};
use crate::error::CliError;
use crate::{output, worker};

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

/// Asks the run that has the home, or opens the home where none has it.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    match &args.what {
        What::List(list) => {
            let all = worker::run(async {
                let mut host = Host::find(&list.place).await?;
                let all = host.list().await;
                host.leave().await;
                all
            })?;
            let wanted = |one: &&Granted| list.principal.as_ref().is_none_or(|who| *who == one.principal);
            output::result(&all.iter().filter(wanted).map(|one| line(one, list.json)).collect::<String>())
        }
        What::Revoke(revoke) => worker::run(async {
            let mut host = Host::find(&revoke.place).await?;
            let revoked = host.revoke(&revoke.ids).await;
            host.leave().await;
            revoked
        }),
    }
}

/// Who has the home.
enum Host {
    Running(Client),
    /// This process, which loads no capsule.
    Here(Runtime),
}

impl Host {
    async fn find(place: &Place) -> Result<Self, CliError> {
        if let Some(client) = place.connect_if_any().await? {
            return Ok(Self::Running(client));
        }
        let builder = Runtime::builder();
        let builder = place.home().into_iter().fold(builder, |builder, home| builder.home(home));
        builder.build().await.map(Self::Here).map_err(CliError::new)
    }

    async fn list(&mut self) -> Result<Vec<Granted>, CliError> {
        match self {
            Self::Here(runtime) => control::granted(runtime).await.map_err(CliError::new),
            Self::Running(client) => match client.ask(&Request::Allowances {}).await? {
                Reply::Allowances { allowances } => Ok(allowances),
                other => Err(client.unexpected(&other)),
            },
        }
    }

    async fn revoke(&mut self, ids: &[String]) -> Result<(), CliError> {
        let mut unknown = Vec::new();
        for id in ids {
            let found = match self {
                Self::Here(runtime) => control::revoke(runtime, id).await.map_err(CliError::new)?,
                Self::Running(client) => match client.ask(&Request::Revoke { id: id.clone() }).await? {
                    Reply::Revoked { found } => found,
                    other => return Err(client.unexpected(&other)),
                },
            };
            match found {
                true => output::result(&format!("{id} revoked\n"))?,
                false => unknown.push(
                    CliError::new(format!("{id:?} is no allowance"))
                        .allowed("one that `capsule allowance list` names"),
                ),
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(CliError::all(unknown)) }
    }

    async fn leave(self) {
        if let Self::Here(runtime) = self {
            runtime.shutdown().await;
        }
    }
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
