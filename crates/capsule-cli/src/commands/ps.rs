//! `capsule ps`.

use super::place::Place;
use crate::control::{Reply, Request, Row};
use crate::error::CliError;
use crate::{output, worker};

/// Lists the capsules of a running `capsule run --listen`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object for each capsule
    #[arg(long)]
    json: bool,
}

/// Asks and prints.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let capsules = worker::run(async {
        let mut client = args.place.connect().await?;
        match client.ask(&Request::Ps {}).await? {
            Reply::Capsules { capsules } => Ok(capsules),
            other => Err(client.unexpected(&other)),
        }
    })?;
    output::result(&capsules.iter().map(|row| line(row, args.json)).collect::<String>())
}

fn line(row: &Row, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", serde_json::json!(row));
    }
    let Row { capsule, version, state, reason, handlers, source } = row;
    let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{capsule} {version} {state}{reason} {handlers} handlers {source}\n")
}
