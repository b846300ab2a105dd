//! `capsule publish`.

use super::place::Place;
use crate::control::{Reply, Request};
use crate::error::CliError;
use crate::run::Publication;
use crate::{output, worker};

/// Publishes messages to the capsules of a running `capsule run --listen`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to publish, in this order
    #[arg(required = true, value_name = "TOPIC=JSON", value_parser = Publication::parse)]
    messages: Vec<Publication>,
    /// Whose messages they are [default: the principal of the run]
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Publishes one after the other; the first that is refused ends it.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    worker::run(async {
        let mut client = args.place.connect().await?;
        for Publication { topic, payload } in &args.messages {
            let payload = serde_json::from_str(payload).map_err(CliError::new)?;
            let principal = args.principal.clone();
            match client.ask(&Request::Publish { topic: topic.clone(), payload, principal }).await? {
                Reply::Published { receivers: 0 } => output::warning(format!("{topic}: nobody listens")),
                Reply::Published { .. } => {}
                other => return Err(client.unexpected(&other)),
            }
        }
        Ok(())
    })
}
