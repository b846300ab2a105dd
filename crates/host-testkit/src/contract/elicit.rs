//! What every `astrid_host_elicit::Secrets` does, whatever it stores in.

use std::sync::Arc;

use astrid_host_elicit::{AnswerText, Key, Secrets, Slot};

/// Runs every case on a fresh backend from `make`.
///
/// # Panics
/// At the first wrong answer, with what was expected.
#[expect(clippy::panic, reason = "a suite's way to fail")]
pub async fn all<F>(make: impl Fn() -> F)
where
    F: Future<Output = Arc<dyn Secrets>>,
{
    let text = |text: &str| AnswerText::from(text.to_owned());
    let long = "k".repeat(256);
    let secrets = make().await;
    let slots = [
        slot("alice", "mail", "token"),
        slot("bob", "mail", "token"),
        slot("alice", "chat", "token"),
        slot("alice", "mail", "Token"),
        slot("alice", "mail", "a.b-c_"),
        slot("alice", "mail", ".."),
        slot("alice", "mail", &long),
    ];
    for (at, one) in slots.iter().enumerate() {
        for (other, slot) in slots.iter().enumerate() {
            let expected = other < at;
            match secrets.has(slot).await {
                Ok(found) if found == expected => {}
                answer => panic!("with {at} stored, {slot:?}: expected {expected}, got {answer:?}"),
            }
        }
        if let Err(error) = secrets.store(one, text("first")).await {
            panic!("storing {one:?}: {error}");
        }
    }
    for value in [text("second"), text(&"x".repeat(65_536)), text("é\n\u{1f980}")] {
        for one in &slots {
            let stored = secrets.store(one, value.clone()).await;
            assert_eq!((stored, secrets.has(one).await), (Ok(()), Ok(true)), "replacing {one:?}");
        }
    }
}

#[expect(clippy::unwrap_used, reason = "names of this suite")]
fn slot(principal: &str, capsule: &str, key: &str) -> Slot {
    Slot {
        principal: principal.parse().unwrap(),
        capsule: capsule.parse().unwrap(),
        key: Key::parse(key).unwrap(),
    }
}
