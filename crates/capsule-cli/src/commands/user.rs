//! `capsule user`.

use super::keeper::Keeper;
use super::place::Place;
use crate::control::{Account, Person, Reply, Request};
use crate::error::CliError;
use crate::{output, run, worker};

/// Lists, adds and deletes the users of a host: whom accounts on outside platforms are linked to
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists users with their links
    List {
        #[command(flatten)]
        place: Place,
        /// Print one JSON object for each user
        #[arg(long)]
        json: bool,
    },
    /// Adds a user whose accounts will speak for a principal, and prints its id
    Add {
        /// The principal; `default` is who operates the host
        principal: String,
        /// What people call the user
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Deletes a user with all its links; the principal and what it has stay
    Delete {
        /// The user's id, as `list` prints it
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Asks the run that listens, or does it in the home itself where nobody does.
pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    run::log_to_stderr();
    match &args.what {
        What::List { place, json } => {
            let users = asked(place, &Request::Users {}, |reply| match reply {
                Reply::Users { users } => Ok(users),
                other => Err(other),
            })?;
            output::result(&users.iter().map(|user| lines(user, *json)).collect::<String>())
        }
        What::Add { principal, name, place } => {
            let request = Request::AddUser { principal: principal.clone(), name: name.clone() };
            let id = asked(place, &request, |reply| match reply {
                Reply::Added { id } => Ok(id),
                other => Err(other),
            })?;
            output::result(&format!("{id}\n"))
        }
        What::Delete { id, place } => {
            let links = asked(place, &Request::DeleteUser { id: id.clone() }, |reply| match reply {
                Reply::Deleted { links } => Ok(links),
                other => Err(other),
            })?;
            let plural = if links == 1 { "" } else { "s" };
            output::result(&format!("{id} deleted with {links} link{plural}\n"))
        }
    }
}

fn asked<T>(
    place: &Place,
    request: &Request,
    expected: impl FnOnce(Reply) -> Result<T, Reply>,
) -> Result<T, CliError> {
    worker::run(async {
        let mut keeper = Keeper::of(place).await?;
        let answered = keeper.ask(request, expected).await;
        keeper.leave().await;
        answered
    })
}

fn lines(user: &Person, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", serde_json::json!(user));
    }
    let Person { id, principal, name, links } = user;
    let name = name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
    let mut lines = format!("{id} {principal}{name}\n");
    for Account { platform, account, linked_at, method, through } in links {
        let through = through.as_ref().map(|capsule| format!(" through {capsule}")).unwrap_or_default();
        lines.push_str(&format!("  {platform} {account:?} since {linked_at} by {method}{through}\n"));
    }
    lines
}
