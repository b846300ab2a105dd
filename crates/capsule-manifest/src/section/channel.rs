//! `[publish]`, `[subscribe]`, `[[interceptor]]` and the legacy access lists: which topics a capsule may speak and
//! hear, and which of its actions an event triggers.

use indexmap::{IndexMap, IndexSet};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::section::capability_merge;
use crate::section::wit::{SourcePin, WitRef, read_pin, read_wit};
use crate::sink::{Faulted, Sink, key_of};
use crate::text::quote;
use crate::topic::{self, TopicPattern};

/// Priority of a binding that states none; smaller numbers run earlier.
pub const DEFAULT_PRIORITY: u32 = 100;

/// A topic that the capsule may publish on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishDef {
    /// What the payload looks like.
    pub wit: WitRef,
    /// Where the WIT package comes from.
    pub pin: Option<SourcePin>,
    /// Advisory: one message reaches many.
    pub fanout: bool,
}

/// A topic that the capsule may subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscribeDef {
    /// What the payload looks like.
    pub wit: WitRef,
    /// Where the WIT package comes from.
    pub pin: Option<SourcePin>,
    /// The action a matching event triggers; without one the guest reads the topic itself.
    pub handler: Option<String>,
    /// Order among handlers of one event, smaller first.
    pub priority: u32,
}

/// An event that triggers an action of the capsule. Matches strictly: the same number of segments, `*` for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Binding {
    /// Topics that trigger it.
    pub pattern: TopicPattern,
    /// The name the guest's hook export gets.
    pub action: String,
    /// Order among handlers of one event, smaller first.
    pub priority: u32,
}

impl Binding {
    pub(crate) fn new(pattern: TopicPattern, action: String, priority: u32) -> Self {
        Self {
            pattern,
            action,
            priority,
        }
    }
}

/// Everything that the topic tables say.
pub(crate) struct Channels {
    pub(crate) publishes: IndexMap<TopicPattern, PublishDef>,
    pub(crate) subscribes: IndexMap<TopicPattern, SubscribeDef>,
    pub(crate) publish_acl: Vec<TopicPattern>,
    pub(crate) subscribe_acl: Vec<TopicPattern>,
    pub(crate) bindings: Vec<Binding>,
}

pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Channels {
    let publishes = read_table(root, "publish", sink, read_publish);
    let subscribes = read_table(root, "subscribe", sink, read_subscribe);
    let publish_acl = read_acl(root, "ipc_publish", publishes.keys(), sink);
    let subscribe_acl = read_acl(root, "ipc_subscribe", subscribes.keys(), sink);
    let handled = subscribes.iter().filter_map(|(pattern, entry)| {
        Some(Binding::new(
            pattern.clone(),
            entry.handler.clone()?,
            entry.priority,
        ))
    });
    let mut all: Vec<Binding> = handled.collect();
    for entry in root.tables("interceptor") {
        all.extend(read_interceptor(&entry, sink).ok());
    }
    Channels {
        publishes,
        subscribes,
        publish_acl,
        subscribe_acl,
        bindings: collapse(all),
    }
}

fn read_table<T>(
    root: &Cursor<'_>,
    key: &str,
    sink: &mut Sink<'_>,
    read: fn(&Cursor<'_>, &mut Sink<'_>) -> Result<T, Faulted>,
) -> IndexMap<TopicPattern, T> {
    let mut table = IndexMap::new();
    for (name, entry) in root.get(key).iter().flat_map(Cursor::entries) {
        let pattern = topic::read_key(name, &entry, sink);
        if name == "*" {
            sink.warn(
                key_of(&entry),
                Code::BroadTopic,
                format!("topic \"*\" of {key} covers every topic"),
            );
        }
        if let (Ok(pattern), Ok(value)) = (pattern, read(&entry, sink)) {
            table.insert(pattern, value);
        }
    }
    table
}

fn read_publish(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<PublishDef, Faulted> {
    let wit = read_wit(entry, sink);
    let pin = read_pin(entry, sink);
    Ok(PublishDef {
        wit: wit?,
        pin: pin?,
        fanout: entry.bool_at("fanout").unwrap_or_default(),
    })
}

fn read_subscribe(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<SubscribeDef, Faulted> {
    let wit = read_wit(entry, sink);
    let pin = read_pin(entry, sink);
    let handler = entry.string_at("handler");
    if let (Some(priority), None) = (entry.get("priority"), &handler) {
        let problem = "a priority without a handler orders nothing";
        return Err(sink.fault(
            &priority,
            Code::PriorityWithoutHandler,
            problem,
            "priority beside handler",
        ));
    }
    let priority = entry.u32_at("priority").unwrap_or(DEFAULT_PRIORITY);
    Ok(SubscribeDef {
        wit: wit?,
        pin: pin?,
        handler,
        priority,
    })
}

fn read_interceptor(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<Binding, Faulted> {
    let pattern = topic::read_value(&entry.field("event"), sink)?;
    let action = entry.string_at("action").unwrap_or_default();
    Ok(Binding::new(
        pattern,
        action,
        entry.u32_at("priority").unwrap_or(DEFAULT_PRIORITY),
    ))
}

/// The keys of the table, then the legacy list of every capability table, without repeats.
fn read_acl<'k>(
    root: &Cursor<'_>,
    legacy: &str,
    keys: impl Iterator<Item = &'k TopicPattern>,
    sink: &mut Sink<'_>,
) -> Vec<TopicPattern> {
    let mut patterns: IndexSet<TopicPattern> = keys.cloned().collect();
    for table in capability_merge::tables(root) {
        for (text, entry) in table.texts_at(legacy) {
            if text == "*" {
                sink.warn(
                    &entry,
                    Code::BroadTopic,
                    format!("topic {} of {legacy} covers every topic", quote(text)),
                );
            }
            patterns.extend(topic::read_value(&entry, sink).ok());
        }
    }
    patterns.into_iter().collect()
}

/// One binding a pattern and action, with the lowest priority number any of them states.
fn collapse(all: Vec<Binding>) -> Vec<Binding> {
    let mut merged: IndexMap<(TopicPattern, String), u32> = IndexMap::new();
    for Binding {
        pattern,
        action,
        priority,
    } in all
    {
        merged
            .entry((pattern, action))
            .and_modify(|known| *known = priority.min(*known))
            .or_insert(priority);
    }
    merged
        .into_iter()
        .map(|((pattern, action), priority)| Binding {
            pattern,
            action,
            priority,
        })
        .collect()
}
