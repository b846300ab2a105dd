//! `capsule allowance`: what was answered with "always", listed and taken back.

use astrid_capsule::{Config, NewAllowance, Runtime};

use crate::control::Running;
use crate::support::place::Place;
use crate::support::run;

/// A host remembers two, and ends.
fn remember(place: &Place) {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        let config = Config { allocation: astrid_capsule::Allocation::OnDemand, ..Config::default() };
        let builder = Runtime::builder().home(place.home()).workspace(place.path()).config(config);
        let runtime = builder.build().await.unwrap();
        for (principal, pattern, uses) in [("alice", "git push *", None), ("bob", "ls *", Some(3))] {
            let new = NewAllowance {
                principal: principal.to_owned(),
                capsule: "shell".to_owned(),
                pattern: pattern.to_owned(),
                expires: None,
                uses,
            };
            runtime.allow(new).await.unwrap();
        }
        runtime.shutdown().await;
    });
}

fn ids(listed: &str) -> Vec<String> {
    listed.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

// approval case 26
#[test]
fn without_a_run_the_home_is_opened_and_what_is_revoked_is_gone() {
    let place = Place::new();
    remember(&place);
    let allowance = |args: &[&str]| run(place.path(), &[&["allowance"], args, &["--home", "home"]].concat());
    let listed = allowance(&["list"]).good();
    let [alice, bob] = &ids(&listed)[..] else { unreachable!("{listed}") };
    let first = listed.lines().next().unwrap();
    let workspace = place.path().canonicalize().unwrap();
    assert!(
        first
            .starts_with(&format!("{alice} alice shell \"git push *\" in {}, since 20", workspace.display())),
        "{listed}"
    );
    assert!(listed.ends_with(", 3 uses left\n"), "{listed}");
    let json = allowance(&["list", "--principal", "bob", "--json"]).good();
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((row["id"].as_str(), row["uses"].as_u64()), (Some(&**bob), Some(3)));
    let nobody = allowance(&["revoke", "x"]);
    nobody.refused(1, &["\"x\" is no allowance", "capsule allowance list"]);
    let both = allowance(&["revoke", alice, "x"]);
    assert_eq!((both.code, both.stdout), (Some(1), format!("{alice} revoked\n")));
    assert_eq!(ids(&allowance(&["list"]).good()), std::slice::from_ref(bob));
    run(place.path(), &["allowance", "revoke", "--home", "home"]).refused_lines(2, 1);
}

// approval case 26
#[test]
fn a_run_that_listens_is_asked_and_forgets_at_once() {
    let place = Place::new();
    remember(&place);
    let running = Running::start_at(place, &["--listen"]);
    let listed = running.ask(&["allowance", "list"]).good();
    let [alice, bob] = &ids(&listed)[..] else { unreachable!("{listed}") };
    assert_eq!(running.ask(&["allowance", "revoke", alice]).good(), format!("{alice} revoked\n"));
    assert_eq!(ids(&running.ask(&["allowance", "list"]).good()), std::slice::from_ref(bob));
    running.ask(&["allowance", "revoke", alice]).refused(1, &["is no allowance"]);
}
