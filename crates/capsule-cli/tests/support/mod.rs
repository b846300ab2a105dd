//! Runs the program and looks at what it leaves.
#![expect(unreachable_pub, reason = "shared by the test files, each of which is a crate")]

pub mod place;
pub mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

/// How a run of the program ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program, to be run in `dir`.
pub fn capsule(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule"));
    command.current_dir(dir).args(args);
    // What the surroundings of the test run set is nothing the tests may depend on.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTC"]
    {
        command.env_remove(name);
    }
    command
}

/// Runs to the end.
pub fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs `capsule ARGS` in `dir` to the end.
pub fn run(dir: &Path, args: &[&str]) -> Ended {
    ended(capsule(dir, args))
}

impl Ended {
    /// Asserts success and answers stdout.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}", self.stderr);
        self.stdout
    }

    /// Asserts one error line with all `parts`, exit code `code` and nothing on stdout.
    #[track_caller]
    pub fn refused(&self, code: i32, parts: &[&str]) {
        self.refused_lines(code, 1);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in: {}", self.stderr);
        }
        assert_eq!(self.stdout, "");
    }

    /// Asserts `count` error lines and nothing else on stderr.
    #[track_caller]
    pub fn refused_lines(&self, code: i32, count: usize) {
        assert_eq!(self.code, Some(code), "stderr: {}", self.stderr);
        assert_eq!(self.stderr.lines().count(), count, "stderr: {}", self.stderr);
        assert!(self.stderr.lines().all(|line| line.starts_with("error: ")), "stderr: {}", self.stderr);
    }
}

/// The names in `dir`, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Writes `text` to `path` below `dir`, making directories on the way.
pub fn write(dir: &Path, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// A manifest of one component.
pub const MANIFEST: &str =
    "[package]\nname = \"fixture\"\nversion = \"1.2.3\"\n\n[[component]]\nfile = \"fixture.wasm\"\n";

/// A component with a background loop that asks for `import`.
pub fn component(import: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "{import}" (instance))
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#
    );
    wat::parse_str(text).unwrap()
}

/// A capsule that `check` finds good: a component, its manifest and its record.
pub fn good_capsule(dir: &Path) {
    let bytes = component("astrid:kv/host@1.0.0");
    write(dir, "Capsule.toml", MANIFEST);
    write(dir, "fixture.wasm", &bytes);
    let hash = blake3::hash(&bytes).to_hex();
    write(dir, "meta.json", format!("{{\"version\":\"1.2.3\",\"wasm_hash\":\"{hash}\"}}"));
}
