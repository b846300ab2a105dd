//! What the two sides say to each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a client asks; several may follow each other on one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Request {
    /// Which capsules are loaded; answered by [`Reply::Capsules`].
    Ps {},
    /// What the capsules' network came to; answered by [`Reply::Network`].
    Net {},
    /// What is remembered for good; answered by [`Reply::Allowances`].
    Allowances {},
    /// Takes one of them back; answered by [`Reply::Revoked`].
    Revoke { id: String },
    /// Publishes one message; answered by [`Reply::Published`].
    Publish {
        topic: String,
        payload: Value,
        /// Whose message it is; the one the run was started for when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal: Option<String>,
    },
    /// Who the users of the host are; answered by [`Reply::Users`].
    Users {},
    /// A user for a principal; answered by [`Reply::Added`].
    AddUser {
        principal: String,
        /// What people call it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Takes a user away; answered by [`Reply::Deleted`].
    DeleteUser { id: String },
    /// Every message on matching topics from now on: [`Reply::Tailing`], then [`Reply::Message`]s until the client
    /// closes. Nothing else can be asked on this connection any more.
    Tail { pattern: String },
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(crate) enum Reply {
    Capsules {
        capsules: Vec<Row>,
    },
    Network {
        /// Counts, in objects by what they are of.
        figures: Value,
    },
    Allowances {
        allowances: Vec<Granted>,
    },
    Revoked {
        /// False if there was none of this number.
        found: bool,
    },
    Published {
        /// Subscriptions and handlers it went to.
        receivers: usize,
    },
    Users {
        users: Vec<Person>,
    },
    Added {
        id: String,
    },
    Deleted {
        /// How many links went with the user.
        links: u64,
    },
    /// Messages published from now on will come.
    Tailing,
    Message {
        message: Value,
    },
    /// So many messages came faster than this connection took them.
    Lost {
        count: u64,
    },
    /// The request was not carried out; the connection stays usable.
    Refused {
        reason: String,
    },
}

/// One loaded capsule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) capsule: String,
    pub(crate) version: String,
    /// `ready`, `loading`, …
    pub(crate) state: String,
    /// Why, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Handlers on the bus.
    pub(crate) handlers: usize,
    /// The source of its messages.
    pub(crate) source: String,
}

/// One user of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Oldest first.
    pub(crate) links: Vec<Account>,
}

/// One account that is linked to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) platform: String,
    pub(crate) account: String,
    pub(crate) linked_at: String,
    pub(crate) method: String,
    /// The capsule that made the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<String>,
}

/// Consent that is remembered for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) id: String,
    pub(crate) principal: String,
    pub(crate) capsule: String,
    pub(crate) workspace: String,
    pub(crate) pattern: String,
    /// As RFC 3339 has it.
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    /// How often it still counts; absent is without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uses: Option<u64>,
}
