//! The question at the end of `capsule run --overlay`, on a terminal: `script` gives the program one.

use crate::support::place::Place;
use crate::support::terminal::{self, PROGRAM};
use crate::support::{names, run};

const PROMPT: &str = "anything else keeps them";
const WRITE: &str = r#"scribe:write={"path":"new","content":"text"}"#;

/// Types when the program asks.
fn typed(place: &Place, keys: &str) -> Option<(String, Option<i32>)> {
    let line = format!(
        "exec {PROGRAM} run scribe --home home --workspace ws --overlay --principal alice --call '{WRITE}'"
    );
    terminal::typed(place.path(), &line, &[(PROMPT, keys)])
}

fn kept(place: &Place) -> bool {
    let listed = run(place.path(), &["overlay", "--home", "home", "--workspace", "ws"]);
    listed.stderr.contains("added new")
}

// fs case 51
#[test]
fn yes_commits() {
    let place = Place::scribe();
    let Some((shown, code)) = typed(&place, "y\n") else { return };
    assert!(shown.contains("added new") && shown.contains("1 change committed to ws"), "{shown}");
    assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["new".to_owned(), "old".to_owned()]));
    assert!(!kept(&place));
}

// fs case 51
#[test]
fn drop_rolls_back() {
    let place = Place::scribe();
    let Some((shown, code)) = typed(&place, "d\n") else { return };
    assert!(shown.contains("1 change rolled back in ws"), "{shown}");
    assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["old".to_owned()]));
    assert!(!kept(&place));
}

#[test]
fn an_empty_line_another_word_the_end_of_the_input_and_an_interrupt_keep_the_changes() {
    for keys in ["\n", "perhaps\n", "\u{4}", "\u{3}"] {
        let place = Place::scribe();
        let Some((shown, code)) = typed(&place, keys) else { return };
        assert!(shown.contains("the changes are kept apart"), "{keys:?}: {shown}");
        assert_eq!((code, names(&place.path().join("ws"))), (Some(0), vec!["old".to_owned()]), "{keys:?}");
        assert!(kept(&place), "{keys:?}");
    }
}
