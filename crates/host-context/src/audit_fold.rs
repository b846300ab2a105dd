//! Folds what comes in masses into one record a second.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::locked;
use crate::{Audit, AuditEvent, CapsuleId, Outcome, Principal, Uuid};

/// How long alike events are folded into one record (ipc chapter §2.12).
const WINDOW: Duration = Duration::from_secs(1);
/// Different records that may be open at once. Beyond it events are folded without their target.
const MAX_OPEN: usize = 8_192;
/// Beyond this, which takes thousands of capsules and principals in one second, they are counted as lost.
const HARD_MAX: usize = 2 * MAX_OPEN;
/// The fact by which the first and the last of the folded events are told.
const SEQ: &str = "seq";

/// What makes two events alike.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    function: (&'static str, &'static str),
    capsule: CapsuleId,
    uuid: Uuid,
    principal: Option<Principal>,
    target: Option<String>,
    outcome: Outcome,
}

/// Alike events of one second.
#[derive(Debug)]
pub(crate) struct Fold {
    /// The first of them; `bytes` and `elapsed` are the sums, `seq` is replaced by the range.
    pub(crate) event: AuditEvent,
    /// How many they are.
    pub(crate) times: u64,
    began: Instant,
}

/// All records that are open.
#[derive(Debug, Default)]
pub(crate) struct Folds(Mutex<HashMap<Key, Fold>>);

impl Folds {
    /// Whether an event is one of masses: the high-volume stream, and denials, so that a loop of
    /// them cannot flood the record. What must be recorded before its effect never is.
    pub(crate) fn takes(event: &AuditEvent) -> bool {
        match event.op.audit {
            Audit::Event => true,
            Audit::Record => matches!(event.outcome, Outcome::Denied(_)),
            Audit::Silent | Audit::Counted | Audit::Required => false,
        }
    }

    /// Folds the event; false if there is no room for it at all.
    pub(crate) fn add(&self, event: AuditEvent) -> bool {
        let mut open = locked(&self.0);
        let mut key = Key {
            function: (event.op.domain, event.op.function),
            capsule: event.capsule.clone(),
            uuid: event.capsule_uuid,
            principal: event.principal.clone(),
            target: event.target.clone(),
            outcome: event.outcome,
        };
        if open.len() >= MAX_OPEN && !open.contains_key(&key) {
            key.target = None;
            if open.len() >= HARD_MAX && !open.contains_key(&key) {
                return false;
            }
        }
        match open.get_mut(&key) {
            Some(fold) => fold.add(event),
            None => {
                let target = key.target.clone();
                open.insert(key, Fold::new(AuditEvent { target, ..event }));
            }
        }
        true
    }

    /// Takes out the records whose second is over, or `all` of them.
    pub(crate) fn take(&self, all: bool) -> Vec<Fold> {
        let mut open = locked(&self.0);
        if open.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let over = |fold: &Fold| all || now.saturating_duration_since(fold.began) >= WINDOW;
        let mut taken: Vec<_> = open.extract_if(|_, fold| over(fold)).map(|(_, fold)| fold).collect();
        if open.is_empty() {
            *open = HashMap::new();
        }
        taken.sort_by_key(|fold| fold.event.at);
        taken
    }
}

impl Fold {
    fn new(mut event: AuditEvent) -> Self {
        let seq = event.facts.iter().position(|(name, _)| *name == SEQ);
        if let Some((_, seq)) = seq.map(|at| event.facts.remove(at)) {
            event.facts.push(("first_seq", seq.clone()));
            event.facts.push(("last_seq", seq));
        }
        Self { event, times: 1, began: Instant::now() }
    }

    fn add(&mut self, event: AuditEvent) {
        self.times += 1;
        self.event.bytes = self.event.bytes.saturating_add(event.bytes);
        self.event.elapsed = self.event.elapsed.saturating_add(event.elapsed);
        let seq = event.facts.into_iter().find(|(name, _)| *name == SEQ);
        let last = self.event.facts.iter_mut().find(|(name, _)| *name == "last_seq");
        if let (Some((_, seq)), Some((_, last))) = (seq, last) {
            *last = seq;
        }
    }
}
