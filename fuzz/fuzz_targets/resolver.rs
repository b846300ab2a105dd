//! A tree full of links and paths through it, made of the fuzzer's bytes, against the model of the tests:
//! by `openat2`, by the walk, and in an overlay.
#![no_main]

#[path = "../src/bytes.rs"]
mod bytes;
#[path = "../../crates/host-fs/tests/common/model.rs"]
mod model;

use std::sync::Arc;

use astrid_host_context::Cancellation;
use astrid_host_fs::{At, Consent, Direct, Fault, Overlay, Scheme, Stop, VfsPath, Volume};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use model::{Node, Tree};

struct Free;

impl Consent for Free {
    fn resolved(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    fn proceed(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn name(bytes: &mut Bytes<'_>) -> String {
    ["a", "b", "c", "d"][bytes.below(4)].to_owned()
}

fn path(bytes: &mut Bytes<'_>) -> String {
    let mut text = String::new();
    for _ in 0..=bytes.below(6) {
        match bytes.below(10) {
            0..=2 => text.push_str(".."),
            3 => text.push('.'),
            _ => text.push_str(&name(bytes)),
        }
        text.push_str(if bytes.below(4) == 0 { "//" } else { "/" });
    }
    if bytes.below(2) == 0 { text } else { text.trim_end_matches('/').to_owned() }
}

fn tree(bytes: &mut Bytes<'_>) -> Tree {
    let mut tree = Tree::default();
    for _ in 0..=bytes.below(24) {
        let at = (0..=bytes.below(3)).map(|_| name(bytes)).collect();
        let node = match bytes.below(12) {
            0 | 1 => Node::File,
            2..=5 => Node::Directory,
            6 => Node::Link("/etc".into()),
            _ => Node::Link(path(bytes)),
        };
        tree.add(at, node);
    }
    tree
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let tree = tree(&mut bytes);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    tree.plant(&root);
    let stop = Stop::new(Cancellation::new(), None);
    let volume = |openat2| Direct::builder().openat2(openat2).open(&root).unwrap();
    let overlay = Overlay::open(Arc::new(volume(true)), Scheme::Workspace, &directory.path().join("changes"));
    let (quick, walk, overlay) = (volume(true), volume(false), overlay.unwrap());
    let volumes: [(&str, &dyn Volume); 3] =
        [("openat2", &quick), ("the walk", &walk), ("an overlay", &overlay)];
    for _ in 0..16 {
        let text = path(&mut bytes);
        let Ok(path) = VfsPath::parse(&text) else { continue };
        let expected = tree.resolve(&path);
        let at = At { path: &path, consent: &Free, stop: &stop };
        for (how, volume) in volumes {
            assert_eq!(volume.canonicalize(at), expected, "{text} by {how} in {tree:?}");
            assert_eq!(
                volume.stat(at, true).map(drop),
                expected.clone().map(drop),
                "{text} by {how} in {tree:?}"
            );
            if let Some(known) = volume.try_stat(&path, true) {
                assert_eq!(known.map(drop), expected.clone().map(drop), "{text} from memory in {tree:?}");
            }
        }
    }
});
