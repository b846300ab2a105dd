//! `capsule tail`.

use std::process::ExitCode;

use astrid_event_bus::AccessPattern;

use super::place::Place;
use crate::control::{Reply, Request};
use crate::error::CliError;
use crate::run::{self, message};
use crate::{output, worker};

/// Prints the messages of a running `capsule run --listen` as they come
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which topics; a last `*` stands for any number of segments
    #[arg(value_name = "PATTERN", value_parser = run::pattern)]
    pattern: AccessPattern,
    /// End after this many messages [default: when the run ends]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Print messages as JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints until enough have come or Ctrl-C.
pub(crate) fn run(args: &Args) -> Result<ExitCode, CliError> {
    worker::run(async {
        let mut client = args.place.connect().await?;
        match client.ask(&Request::Tail { pattern: args.pattern.to_string() }).await? {
            Reply::Tailing => output::diagnostic(&format!("tailing {}", args.pattern)),
            other => return Err(client.unexpected(&other)),
        }
        let mut left = args.count;
        while left != Some(0) {
            match client.next().await? {
                Reply::Message { message } => output::result(&message::line(&message, args.json))?,
                Reply::Lost { count } => {
                    output::warning(format!("{count} messages were lost: they came too fast"));
                    continue;
                }
                other => return Err(client.unexpected(&other)),
            }
            left = left.map(|left| left - 1);
        }
        Ok(ExitCode::SUCCESS)
    })
}
