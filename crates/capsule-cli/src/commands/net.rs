//! `capsule net`.

use serde_json::Value;

use super::place::Place;
use crate::control::{Reply, Request};
use crate::error::CliError;
use crate::{output, worker};

/// Counts what the capsules of a running `capsule run --listen` did on the network
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Asks and prints.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let figures = worker::run(async {
        let mut client = args.place.connect().await?;
        match client.ask(&Request::Net {}).await? {
            Reply::Network { figures } => Ok(figures),
            other => Err(client.unexpected(&other)),
        }
    })?;
    if args.json {
        return output::result(&format!("{figures}\n"));
    }
    let mut lines = String::new();
    list("", &figures, &mut lines);
    output::result(&lines)
}

/// One line for each number, by its dotted name.
fn list(name: &str, figures: &Value, into: &mut String) {
    match figures {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                list(&name, value, into);
            }
        }
        number => into.push_str(&format!("{name} {number}\n")),
    }
}
