//! `capsule install`, `capsule uninstall`, and `capsule run` of what is installed.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::{Ended, capsule, names, run, write};

/// A home and sources of the guest `hooker`.
pub(crate) struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The source `source-{version}`, whose hooks do what `mode` says, with these tables before its handlers.
    pub(crate) fn source(&self, version: &str, mode: &str, tables: &str) -> String {
        let dir = format!("source-{version}");
        let manifest = format!(
            "[package]\nname = \"hooker\"\nversion = \"{version}\"\n\n[[component]]\nfile = \"c.wasm\"\n\n[env]\n\
             mode = {{ default = \"{mode}\" }}\ntoken = {{ type = \"secret\" }}\n{tables}\n\
             [publish]\n\"hooker.v1.said\" = \"opaque\"\n\n[subscribe]\n\
             \"hooker.v1.get\" = {{ wit = \"opaque\", handler = \"get\" }}\n\
             \"hooker.v1.config\" = {{ wit = \"opaque\", handler = \"config\" }}\n"
        );
        let mut component = astrid_host_testkit::guest("hooker").unwrap();
        // A custom section, so that every version is another build.
        let size = u8::try_from(version.len()).unwrap();
        component.extend([0, size + 1, size]);
        component.extend(version.bytes());
        write(self.path(), &format!("{dir}/Capsule.toml"), manifest);
        write(self.path(), &format!("{dir}/c.wasm"), component);
        dir
    }

    pub(crate) fn install(&self, args: &[&str]) -> Ended {
        run(self.path(), &[&["install", "--home", "home"], args].concat())
    }

    /// What a handler of the installed capsule answers.
    fn ask(&self, call: &str) -> String {
        run(self.path(), &["run", "--home", "home", "--call", call]).good()
    }

    fn installed(&self) -> PathBuf {
        self.path().join("home/home/default/.local/capsules")
    }
}

const KEPT: &str = r#"hooker:get={"key":"kept"}"#;

#[test]
fn a_capsule_is_installed_run_upgraded_and_removed() {
    let site = Site::new();
    let first = site.source("1.0.0", "", "");
    let ended = site.install(&[&first, "--env", "token=hidden"]);
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.good(), "hooker 1.0.0 installed for default\n");
    std::fs::remove_dir_all(site.path().join(&first)).unwrap();
    assert_eq!(site.ask(KEPT), "\"install\"\n");
    assert_eq!(site.ask(r#"hooker:config={"key":"token"}"#), "\"hidden\"\n");

    let second = site.source("1.1.0", "", "");
    assert_eq!(site.install(&[&second]).good(), "hooker 1.1.0 installed in place of 1.0.0 for default\n");
    assert_eq!(site.ask(KEPT), "\"upgrade\"\n");
    assert_eq!(site.install(&[&second]).good(), "hooker 1.1.0 installed already for default\n");
    assert_eq!(site.install(&[&second, "--reinstall"]).good(), "hooker 1.1.0 installed again for default\n");
    let first = site.source("1.0.0", "", "");
    site.install(&[&first]).refused(1, &["1.0.0 is lower than the installed 1.1.0", "--allow-downgrade"]);
    site.install(&[&first, "--allow-downgrade"]).good();
    assert_eq!(names(&site.installed()), ["hooker"]);

    let gone = |args: &[&str]| run(site.path(), &[&["uninstall", "--home", "home"], args].concat());
    assert_eq!(gone(&["hooker"]).good(), "hooker removed for default\n");
    gone(&["hooker"]).refused(1, &["hooker is not installed for default", "nothing is installed"]);
    assert_eq!(
        gone(&["hooker", "--purge"]).good(),
        "hooker removed for default, with its data and secrets\n"
    );
    run(site.path(), &["run", "--home", "home"])
        .refused(1, &["nothing is installed for default", "capsule install"]);
}

#[test]
fn principals_have_their_own_and_a_workspaces_trusted_capsules_come_after() {
    let site = Site::new();
    let source = site.source("1.0.0", "", "");
    site.install(&[&source, "--principal", "alice"]).good();
    run(site.path(), &["run", "--home", "home"]).refused(1, &["nothing is installed for default"]);
    let both = ["run", "--home", "home", "--workspace", "ws", "--principal", "alice"];
    crate::support::good_capsule(&site.path().join("ws/.astrid/capsules/fixture"));
    let untrusted = run(site.path(), &[&both[..], &["--call", KEPT]].concat());
    assert!(untrusted.stderr.contains("capsule trust"), "{}", untrusted.stderr);
    assert_eq!(untrusted.good(), "\"install\"\n");
    run(site.path(), &["trust", "ws/.astrid/capsules/fixture", "--home", "home"]).good();
    let trusted = run(site.path(), &[&both[..], &["--call", KEPT]].concat());
    assert!(
        trusted.stderr.contains("fixture ready") || trusted.stderr.contains("fixture"),
        "{}",
        trusted.stderr
    );
    assert!(!trusted.stderr.contains("capsule trust"), "{}", trusted.stderr);
}

// lifecycle case 10
#[test]
fn a_hook_that_traps_ends_the_program_with_its_words_and_leaves_nothing() {
    let site = Site::new();
    let source = site.source("1.0.0", "trap", "");
    site.install(&[&source]).refused(1, &["hooker", "trapped"]);
    assert!(names(&site.installed()).is_empty());
    assert!(names(&site.path().join("home/bin")).is_empty());
    site.install(&[&site.source("1.0.0", "", "")]).good();
    site.install(&[&site.source("1.1.0", "trap", "")]).refused(1, &["hooker", "trapped"]);
    assert_eq!(site.ask(KEPT), "\"install\"\n");
}

// lifecycle case 12
#[test]
fn an_archive_is_installed_and_one_that_leads_out_is_refused_with_its_entry() {
    let site = Site::new();
    let source = site.source("1.0.0", "", "");
    let pack = |name: &str, entries: &[&str], extra: &[&str]| {
        let made = std::process::Command::new("tar")
            .current_dir(site.path().join(&source))
            .args(["-czf", &format!("../{name}")])
            .args(extra)
            .args(entries)
            .status();
        assert!(made.unwrap().success());
    };
    pack("good.capsule", &["Capsule.toml", "c.wasm"], &[]);
    assert_eq!(site.install(&["good.capsule"]).good(), "hooker 1.0.0 installed for default\n");
    assert_eq!(site.ask(KEPT), "\"install\"\n");
    write(site.path(), "evil", "");
    pack("evil.capsule", &["Capsule.toml", "../evil"], &["-P"]);
    site.install(&["evil.capsule", "--reinstall"]).refused(1, &["evil.capsule", "\"../evil\"", "leads out"]);
    pack("last.capsule", &["c.wasm", "Capsule.toml"], &[]);
    site.install(&["last.capsule"]).refused(1, &["\"c.wasm\" is the first entry", "Capsule.toml"]);
    let huge = std::process::Command::new("sh")
        .current_dir(site.path().join(&source))
        .args(["-c", "truncate -s 1G zeros && tar -czf ../huge.capsule Capsule.toml zeros && rm zeros"])
        .status();
    assert!(huge.unwrap().success());
    site.install(&["huge.capsule"]).refused(1, &["\"zeros\"", "archive-too-large"]);
    assert_eq!(names(&site.installed()), ["hooker"], "nothing that was unpacked is left");
}

// lifecycle case 13
#[test]
fn headless_nothing_is_allowed_that_nobody_approved() {
    let site = Site::new();
    let net = |hosts: &str| format!("[capabilities]\nnet = [{hosts}]");
    let first = site.source("1.0.0", "", &net("\"y.io\""));
    site.install(&[&first]).refused(1, &["hooker", "nobody approved net: y.io"]);
    let allowed = site.install(&[&first, "--yes"]);
    assert!(allowed.stderr.contains("asks to be allowed:\n  net: y.io\n"), "{}", allowed.stderr);
    allowed.good();
    let second = site.source("1.1.0", "", &net("\"y.io\", \"x.io\""));
    site.install(&[&second]).refused(1, &["nobody approved net: x.io"]);
    let allowed = site.install(&[&second, "--yes"]);
    assert!(allowed.stderr.contains("beyond what it was allowed:\n  net: x.io\n"), "{}", allowed.stderr);
    allowed.good();
    site.install(&[&site.source("1.2.0", "", &net("\"x.io\""))]).good();
}

// lifecycle case 16, without elicit
#[test]
fn headless_values_that_are_given_are_stored_and_the_others_are_named() {
    let site = Site::new();
    let env = "pick = { type = \"select\", enum_values = [\"a\", \"b\"] }\nfree = {}";
    let source = site.source("1.0.0", "", env);
    let ended = site.install(&[&source, "--env", "pick=b"]);
    assert!(ended.stderr.contains("no value for token, free"), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("warning: "), "{}", ended.stderr);
    ended.good();
    assert_eq!(site.ask(r#"hooker:config={"key":"pick"}"#), "\"b\"\n");
    site.install(&[&source, "--reinstall", "--env", "pick=c"]).refused(1, &["\"pick\"", "allowed: a, b"]);
    site.install(&[&source, "--reinstall", "--env", "no=1"])
        .refused(1, &["\"no\"", "mode, token, pick, free"]);
}

/// Runs an upgrade whose hook waits, until the new files are in place: from then on it ends only by force.
fn upgrading(site: &Site) -> std::process::Child {
    let source = site.source("1.1.0", "wait", "");
    let mut command = capsule(site.path(), &["install", "--home", "home", &source]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let copied = site.installed().join("hooker/Capsule.toml");
    while !(site.installed().join("hooker.bak").exists() && copied.exists()) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child
}

// guest case 32, lifecycle case 11
#[test]
fn a_program_killed_during_an_upgrade_leaves_the_old_version_and_the_next_upgrade_succeeds() {
    let site = Site::new();
    site.install(&[&site.source("1.0.0", "", "")]).good();
    let mut child = upgrading(&site);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(names(&site.installed()), ["hooker", "hooker.bak"]);
    assert_eq!(site.ask(KEPT), "\"install\"\n");
    assert_eq!(names(&site.installed()), ["hooker"]);
    assert!(!site.path().join("home/state/install/default/hooker.journal").exists());
    assert_eq!(names(&site.path().join("home/bin")).len(), 1);
    let again = site.source("1.1.0", "", "");
    assert_eq!(site.install(&[&again]).good(), "hooker 1.1.0 installed in place of 1.0.0 for default\n");
    assert_eq!(site.ask(KEPT), "\"upgrade\"\n");
}

#[test]
fn an_interrupt_takes_the_upgrade_back_before_the_program_ends() {
    let site = Site::new();
    site.install(&[&site.source("1.0.0", "", "")]).good();
    let mut child = upgrading(&site);
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(names(&site.installed()), ["hooker"]);
    assert!(!site.path().join("home/state/install/default/hooker.journal").exists());
    assert_eq!(site.ask(KEPT), "\"install\"\n");
}

#[test]
fn a_home_that_another_program_has_open_is_one_line() {
    let site = Site::new();
    let source = site.source("1.0.0", "", "");
    site.install(&[&source]).good();
    let mut running = capsule(site.path(), &["run", "--home", "home", "--listen"]);
    let mut running = running.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = std::io::BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("hooker ready") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "the run ended");
    }
    site.install(&[&source, "--reinstall"]).refused(1, &["home/state/kv/lock", "another process"]);
    run(site.path(), &["uninstall", "hooker", "--home", "home"]).refused(1, &["home/state/kv/lock"]);
    running.kill().unwrap();
    running.wait().unwrap();
    site.install(&[&source, "--reinstall"]).good();
}

#[test]
fn what_cannot_be_installed_says_what_can() {
    let site = Site::new();
    run(site.path(), &["install"]).refused(2, &["<SOURCE>"]);
    run(site.path(), &["uninstall"]).refused(2, &["<NAME>"]);
    site.install(&["x", "--env", "=secret"]).refused(2, &["KEY=VALUE"]);
    assert!(!site.path().join("home").exists(), "nothing is made for a command that is wrong");
    site.install(&["nowhere"]).refused(1, &["nowhere", ".capsule archive"]);
    site.install(&["@acme/notes@1.2"])
        .refused(1, &["@acme/notes@1.2", "registry or repository", "a directory"]);
    site.install(&["https://acme.io/notes.git"]).refused(1, &["registry or repository"]);
    site.install(&["x", "--principal", "a/b"]).refused(1, &["--principal"]);
    write(site.path(), "bad/Capsule.toml", "[package]\nname = \"A\"\nversion = \"1\"\n");
    site.install(&["bad"]).refused_lines(1, 2);
}

const QUESTIONS: &str =
    r#"questions = { default = '[{"kind":"text","key":"name"},{"kind":"secret","key":"token"}]' }"#;

// elicit §2.4: a front end without a person declines
#[test]
fn where_nobody_can_be_asked_what_the_hook_asks_is_declined_at_once() {
    let site = Site::new();
    let source = site.source("1.0.0", "ask", QUESTIONS);
    let begun = std::time::Instant::now();
    let ended = site.install(&[&source, "--yes"]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    for key in ["name", "token"] {
        let said =
            format!("hooker: the install hook's question for {key} was declined: there is nobody to ask");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    }
    assert_eq!(ended.good(), "hooker 1.0.0 installed for default\n");
}
