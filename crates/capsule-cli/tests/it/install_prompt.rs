//! What `capsule install` asks on a terminal: `script` gives the program one.

use crate::install::Site;
use crate::support::run;
use crate::support::terminal::{self, PROGRAM};

/// Types each answer when its question is shown.
fn typed(site: &Site, source: &str, answers: &[(&str, &str)]) -> Option<(String, Option<i32>)> {
    terminal::typed(site.path(), &format!("exec {PROGRAM} install {source} --home home"), answers)
}

const TABLES: &str =
    "pick = { type = \"select\", request = \"Which one?\", enum_values = [\"alpha\", \"beta\"] }
many = { type = \"array\" }
free = { request = \"Any text\", placeholder = \"none\" }
[capabilities]
net = [\"x.io\"]";

// lifecycle case 13 and §6
#[test]
fn on_a_terminal_it_shows_what_is_asked_for_and_takes_answers_and_secrets_are_not_shown() {
    let site = Site::new();
    let source = site.source("1.0.0", "", TABLES);
    let answers = [
        ("allow hooker that? [y] yes", "y\n"),
        ("mode []: ", "\n"),
        ("token (not shown): ", "top-secret-value\n"),
        ("pick: Which one?: ", "9\n"),
        ("pick: Which one?: ", "2\n"),
        ("many (commas between them): ", "x, y\n"),
        ("free: Any text (such as none): ", "\n"),
    ];
    let Some((shown, code)) = typed(&site, &source, &answers) else { return };
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("hooker 1.0.0 asks to be allowed:") && shown.contains("  net: x.io"), "{shown}");
    assert!(shown.contains("1) alpha") && shown.contains("2) beta"), "{shown}");
    assert!(!shown.contains("top-secret-value"), "{shown}");
    assert!(shown.contains("hooker 1.0.0 installed for default"), "{shown}");
    for (key, value) in
        [("token", "top-secret-value"), ("pick", "beta"), ("many", "[\\\"x\\\",\\\"y\\\"]"), ("free", "")]
    {
        let call = format!("hooker:config={{\"key\":\"{key}\"}}");
        let answer = run(site.path(), &["run", "--home", "home", "--call", &call]).good();
        assert_eq!(answer, format!("\"{value}\"\n"), "{key}");
    }
}

#[test]
fn whoever_does_not_say_yes_and_whoever_interrupts_has_nothing_installed() {
    for (question, keys, said) in [
        ("[y] yes", "\n", "nobody approved net: x.io"),
        ("[y] yes", "n\n", "nobody approved net: x.io"),
        ("[y] yes", "\u{4}", "nobody approved net: x.io"),
        ("[y] yes", "\u{3}", "interrupted"),
    ] {
        let site = Site::new();
        let source = site.source("1.0.0", "", TABLES);
        let Some((shown, code)) = typed(&site, &source, &[(question, keys)]) else { return };
        assert_eq!(code, Some(1), "{keys:?}: {shown}");
        assert!(shown.contains(said), "{keys:?}: {shown}");
        assert!(!site.path().join("home/home/default/.local/capsules/hooker").exists());
    }
}

#[test]
fn an_interrupt_at_a_secret_leaves_a_terminal_that_shows_what_is_typed() {
    let site = Site::new();
    let source = site.source("1.0.0", "", "");
    let line = format!("trap : INT; {PROGRAM} install {source} --home home; stty -a");
    let answers = [("mode []: ", "\n"), ("token (not shown): ", "\u{3}")];
    let Some((shown, _)) = terminal::typed(site.path(), &line, &answers) else { return };
    assert!(shown.contains("interrupted: nothing was installed"), "{shown}");
    let modes: Vec<_> = shown.split_whitespace().collect();
    assert!(modes.contains(&"echo") && !modes.contains(&"-echo"), "{shown}");
}

// guest case 27, elicit cases 3 and 8
#[test]
fn what_the_hook_asks_is_answered_on_the_terminal_and_a_secret_is_not_shown() {
    let site = Site::new();
    let questions = r#"questions = { default = '[{"kind":"text","key":"name","default":"Ada"},{"kind":"secret","key":"key","description":"Your key"}]' }"#;
    let source = site.source("1.0.0", "ask", questions);
    let answers = [
        ("mode [ask]: ", "\n"),
        ("token (not shown): ", "\n"),
        ("questions [", "\n"),
        ("name [Ada]: ", "\n"),
        ("Your key (not shown): ", "s3cret\n"),
    ];
    let Some((shown, code)) = typed(&site, &source, &answers) else { return };
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("the install hook of hooker asks:"), "{shown}");
    assert!(shown.contains("installed for default") && !shown.contains("s3cret"), "{shown}");
    let stored = site.path().join("home/state/secrets/default/hooker/key");
    assert_eq!(std::fs::read_to_string(stored).unwrap(), "s3cret");
}
