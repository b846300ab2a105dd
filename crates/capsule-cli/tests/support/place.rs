//! A directory with a capsule in it.

use std::path::{Path, PathBuf};

use super::{Ended, run};

/// A home and the `probe` capsule of the conformance guests.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let capsule = dir.path().join("probe");
        std::fs::create_dir(&capsule).unwrap();
        let component = astrid_host_testkit::guest("probe").unwrap();
        let meta = format!("{{\"wasm_hash\":\"{}\"}}", blake3::hash(&component).to_hex());
        std::fs::write(capsule.join("probe.wasm"), component).unwrap();
        std::fs::write(capsule.join("meta.json"), meta).unwrap();
        let manifest = "[package]\nname = \"probe\"\nversion = \"1.0.0\"\n\n[[component]]\nfile = \"probe.wasm\"\n\n[publish]\n\"probe.v1.*\" = \"opaque\"\n\n[subscribe]\n\"probe.v1.echo\" = { wit = \"opaque\", handler = \"echo\" }\n\"probe.v1.say\" = { wit = \"opaque\", handler = \"say\" }\n\"probe.v1.publish\" = { wit = \"opaque\", handler = \"publish\" }\n\"probe.v1.set\" = { wit = \"opaque\", handler = \"set\" }\n\"probe.v1.get\" = { wit = \"opaque\", handler = \"get\" }\n";
        std::fs::write(capsule.join("Capsule.toml"), manifest).unwrap();
        Self { dir }
    }

    /// The same, where the capsule may start `commands`, in the workspace `ws`.
    pub fn with_processes(commands: &str) -> Self {
        let place = Self::new();
        let file = place.path().join("probe/Capsule.toml");
        let capabilities = format!("\n[capabilities]\nhost_process = {commands}\n\n[publish]\n");
        let mut manifest = std::fs::read_to_string(&file).unwrap().replace("\n[publish]\n", &capabilities);
        for handler in ["process-run", "process-start", "process-finish"] {
            manifest +=
                &format!("\"probe.v1.{handler}\" = {{ wit = \"opaque\", handler = \"{handler}\" }}\n");
        }
        std::fs::write(file, manifest).unwrap();
        super::write(place.path(), "ws/old", "old");
        place
    }

    /// A home, a workspace `ws` with the file `old`, and the capsule `scribe`, which works on files.
    pub fn scribe() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let component = astrid_host_testkit::guest("scribe").unwrap();
        let meta = format!("{{\"wasm_hash\":\"{}\"}}", blake3::hash(&component).to_hex());
        let mut manifest = "[package]\nname = \"scribe\"\nversion = \"1.0.0\"\n\n[[component]]\nfile = \"scribe.wasm\"\n\n[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]\n\n[subscribe]\n".to_owned();
        for handler in ["write", "read", "list", "unlink", "refuse"] {
            manifest +=
                &format!("\"scribe.v1.{handler}\" = {{ wit = \"opaque\", handler = \"{handler}\" }}\n");
        }
        super::write(dir.path(), "scribe/scribe.wasm", component);
        super::write(dir.path(), "scribe/meta.json", meta);
        super::write(dir.path(), "scribe/Capsule.toml", manifest);
        super::write(dir.path(), "ws/old", "old");
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        run(self.path(), &[&["run", "probe", "--home", "home"], args].concat())
    }
}
