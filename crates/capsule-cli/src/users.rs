//! What an operator asks about users, answered by a runtime: that of a run, or one of the command's own.

use astrid_capsule::{CapsuleError, LinkedUser, Runtime};

use crate::control::{Account, Person, Reply, Request};

/// Answers requests about users; every other is refused.
pub(crate) async fn answer(runtime: &Runtime, request: &Request) -> Reply {
    let answered = match request {
        Request::Users {} => users(runtime).await,
        Request::AddUser { principal, name } => {
            runtime.add_user(principal, name.as_deref()).await.map(|id| Reply::Added { id: id.to_string() })
        }
        Request::DeleteUser { id } => runtime.delete_user(id).await.map(|links| Reply::Deleted { links }),
        other => return Reply::Refused { reason: format!("{other:?} is not about users") },
    };
    answered.unwrap_or_else(|error| Reply::Refused { reason: error.to_string() })
}

async fn users(runtime: &Runtime) -> Result<Reply, CapsuleError> {
    let users = runtime.users().await?.into_iter().map(person).collect();
    Ok(Reply::Users { users })
}

fn person(LinkedUser { user, links }: LinkedUser) -> Person {
    let links = links.into_iter().map(|link| Account {
        platform: link.account.platform.to_string(),
        account: link.account.user.to_string(),
        linked_at: link.linked_at.to_string(),
        method: link.method.as_str().to_owned(),
        through: link.made_by.capsule.map(|capsule| capsule.to_string()),
    });
    Person {
        id: user.id.to_string(),
        principal: user.principal.to_string(),
        name: user.display_name.map(|name| name.as_str().to_owned()),
        links: links.collect(),
    }
}
