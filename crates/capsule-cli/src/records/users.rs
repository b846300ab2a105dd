//! Users and their links, as the two sides speak of them.

use astrid_capsule::{CapsuleError, LinkedUser, Runtime};

use crate::control::{Account, Person, Reply};

/// All of them.
pub(super) async fn list(runtime: &Runtime) -> Result<Reply, CapsuleError> {
    let users = runtime.users().await?.into_iter().map(person).collect();
    Ok(Reply::Users { users })
}

/// A user for a principal.
pub(super) async fn add(
    runtime: &Runtime,
    principal: &str,
    name: Option<&str>,
) -> Result<Reply, CapsuleError> {
    let id = runtime.add_user(principal, name).await?;
    Ok(Reply::Added { id: id.to_string() })
}

/// Takes the user with this id away.
pub(super) async fn delete(runtime: &Runtime, id: &str) -> Result<Reply, CapsuleError> {
    Ok(Reply::Deleted { links: runtime.delete_user(id).await? })
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
