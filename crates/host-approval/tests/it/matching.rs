//! What remembered consent covers.

use astrid_host_approval::{Action, InvalidPattern, MAX_PATTERN, Pattern, Reply, Resource};

use crate::common::{Desk, desk};

fn covers(pattern: &str, resource: &str) -> bool {
    Pattern::parse(pattern).unwrap().covers(resource)
}

// approval case 3
#[tokio::test]
async fn consent_to_a_family_covers_it_bare_and_with_arguments_and_nothing_that_only_begins_alike() {
    let mut desk = Desk::with_session().await;
    for covered in ["git push", "git push --force x", "  git push origin ", "git push a..b", "git push v1.2"]
    {
        assert!(desk.remembers(covered).await, "{covered}");
    }
    for other in ["git pushx", "Git push a", "git  push a", "git", "xgit push a", "git push\u{a0}a", ""] {
        assert!(!desk.remembers(other).await, "{other}");
    }
}

// approval case 4
#[tokio::test]
async fn nothing_that_could_be_a_second_command_or_climb_is_covered() {
    let mut desk = Desk::with_session().await;
    for dangerous in [
        "git push a; rm -rf /",
        "git push $(x)",
        "git push `x`",
        "git push a && b",
        "git push > f",
        "git push < f",
        "git push a | b",
        "git push ../x",
        "git push ..",
        "git push a/..",
        "git push a/../b",
        "git push --file=../x",
        "git push \"../x\"",
        "git push -I../x",
        "git push a\\..\\b",
        "git push a\u{202e}b",
    ] {
        assert!(!desk.remembers(dangerous).await, "{dangerous}");
    }
}

// approval case 5
#[tokio::test]
async fn what_cleaning_takes_away_is_in_what_matches() {
    let mut desk = Desk::with_session().await;
    for hidden in ["git push a\nrm -rf ~", "git push a\u{1b}[2K", "git push a\tb", "git\u{9b} push a"] {
        assert!(!desk.remembers(hidden).await, "{hidden:?}");
    }
    assert!(desk.remembers("\n\t git push a\r\n").await, "whitespace around it");
}

// approval case 6
#[tokio::test]
async fn a_resource_of_up_to_1024_characters_is_covered_and_a_longer_one_is_asked_about() {
    let mut desk = Desk::with_session().await;
    let long = |length: usize, c: &str| format!("git push {}", c.repeat(length - 9));
    for length in [1023, 1024] {
        assert!(desk.remembers(&long(length, "x")).await);
        assert!(desk.remembers(&long(length, "é")).await, "characters, not bytes");
    }
    let asked = desk.unasked("git push", &long(1025, "x")).await.unwrap_err();
    assert!(asked.resource.ends_with("… [+25 chars]"), "{}", asked.resource);
    assert_eq!(asked.resource.chars().count(), 1000 + "… [+25 chars]".chars().count());
    assert!(asked.reason.contains("shortened"), "{}", asked.reason);
    assert!(!desk.remembers(&format!("{}; rm -rf ~", long(1020, "x"))).await);
}

// approval case 14
#[tokio::test]
async fn what_an_action_holds_means_itself() {
    let mut desk = desk();
    desk.exchange("*", "* x", Reply::Session).await.unwrap();
    desk.exchange("a? [b] {c} \\", "x", Reply::Session).await.unwrap();
    assert!(!desk.remembers("rm -rf x").await);
    assert!(desk.remembers("* y").await);
    assert!(desk.remembers("a? [b] {c} \\ y").await);
    assert!(!desk.remembers("ax b c \\ y").await);
}

#[test]
fn the_pattern_of_an_action_reads_back_as_itself() {
    for action in ["git push", "*", "a?b", "\\", "[x]{y}", "é \u{1f980}", &"*".repeat(256)] {
        let of = Pattern::of(&Action::parse(action).unwrap()).unwrap();
        assert_eq!(Pattern::parse(of.as_str()), Ok(of.clone()), "{action}");
        assert!(of.covers(action) && of.covers(&format!("{action} x")) && !of.covers(&format!("{action}x")));
    }
    assert_eq!(Pattern::of(&Action::parse("").unwrap()), None);
}

// approval §2.3: operators' patterns
#[test]
fn a_star_is_any_run_of_characters() {
    for (pattern, covered, not) in [
        ("*", &["", "a", "a b"][..], &["a;b", "a/../b"][..]),
        ("git *", &["git", "git x", "git "], &["gitx", "agit x"]),
        (
            "git * --dry-run",
            &["git push --dry-run", "git  --dry-run"],
            &["git --dry-run", "git push --dry-run x"],
        ),
        ("*.txt", &["a.txt", ".txt"], &["a.txt2", "txt"]),
        ("a*b*c", &["abc", "axbxc", "abbcc", "a bc c"], &["acb", "ab", "abcx"]),
        ("a**b", &["ab", "axb"], &["a"]),
        ("plain", &["plain"], &["plain ", "plai", "plain x"]),
        ("a \\*", &["a *"], &["a", "a x"]),
        ("aXa*aXa", &["aXaaXa", "aXa-aXa"], &["aXa", "aXaXa"]),
    ] {
        for text in covered {
            assert!(covers(pattern, text), "{pattern} {text:?}");
        }
        for text in not {
            assert!(!covers(pattern, text), "{pattern} {text:?}");
        }
    }
}

#[test]
fn a_pattern_that_would_mean_something_elsewhere_is_refused() {
    for (bad, why) in [
        ("", InvalidPattern::Length(0)),
        (&*"x".repeat(MAX_PATTERN + 1), InvalidPattern::Length(MAX_PATTERN + 1)),
        ("a?", InvalidPattern::Special('?')),
        ("[a]", InvalidPattern::Special('[')),
        ("{a}", InvalidPattern::Special('{')),
        ("a\\", InvalidPattern::Escape),
        ("\\a", InvalidPattern::Escape),
        ("a\nb", InvalidPattern::Control),
        ("a\u{202e}", InvalidPattern::Control),
    ] {
        assert_eq!(Pattern::parse(bad), Err(why), "{bad:?}");
    }
    assert!(Pattern::parse(&"x".repeat(MAX_PATTERN)).is_ok());
}

// approval §3: a linear-time matcher
#[test]
fn a_hostile_pair_of_pattern_and_resource_is_compared_at_once() {
    let pattern = Pattern::parse(&"a*".repeat(MAX_PATTERN / 2)).unwrap();
    let resource = "a".repeat(100_000);
    let begun = std::time::Instant::now();
    assert!(!pattern.covers(&format!("{resource}b;")) && pattern.covers(&resource));
    let short = Pattern::parse(&format!("{}b", "a*".repeat(MAX_PATTERN / 2 - 1))).unwrap();
    assert!(!short.covers(&resource));
    // Milliseconds; whoever tries all ways to place the stars never ends.
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn what_cannot_be_shown_whole_matches_nothing() {
    let matched = |text: &str| Resource::parse(text).unwrap().matched().map(str::to_owned);
    assert_eq!(matched(" a b "), Some("a b".to_owned()));
    assert_eq!(matched("a\u{7}b"), None);
    assert_eq!(matched(&"x".repeat(1025)), None);
}
