//! Random paths in random trees full of links, against a model of what they mean.

use std::sync::Arc;

use crate::model::{Node, Tree};
use astrid_host_context::Cancellation;
use astrid_host_fs::{At, Consent, Direct, Fault, Overlay, Scheme, Stop, VfsPath, Volume};
use proptest::prelude::*;

/// Agrees to everything.
struct Free;

impl Consent for Free {
    fn resolved(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }

    fn proceed(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

/// Components with every kind of slash and dot between and after them.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![6 => name(), 3 => Just("..".to_owned()), 1 => Just(".".to_owned())];
    let parts = prop::collection::vec((part, prop::sample::select(vec!["/", "/", "/", "//"])), 1..7);
    (parts, any::<bool>()).prop_map(|(parts, slash)| {
        let text: String = parts.into_iter().flat_map(|(part, slash)| [part, slash.to_owned()]).collect();
        if slash { text } else { text.trim_end_matches('/').to_owned() }
    })
}

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![
        2 => Just(Node::File),
        4 => Just(Node::Directory),
        5 => path().prop_map(Node::Link),
        1 => Just(Node::Link("/etc".into())),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let place = prop::collection::vec(name(), 1..4);
    prop::collection::vec((place, node()), 1..24).prop_map(|nodes| {
        let mut tree = Tree::default();
        for (at, node) in nodes {
            tree.add(at, node);
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_leads_where_the_model_says_with_openat2_and_without_and_in_overlays(
        tree in tree(),
        paths in prop::collection::vec(path(), 1..24),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        std::fs::create_dir(&root).unwrap();
        tree.plant(&root);
        let stop = Stop::new(Cancellation::new(), None);
        for (openat2, overlaid) in [(true, false), (false, false), (true, true), (false, true)] {
            let direct = Direct::builder().openat2(openat2).open(&root).unwrap();
            let volume: Box<dyn Volume> = if overlaid {
                let kept = directory.path().join("changes");
                Box::new(Overlay::open(Arc::new(direct), Scheme::Workspace, &kept).unwrap())
            } else {
                Box::new(direct)
            };
            let how = format!("by openat2: {openat2}, in an overlay: {overlaid}");
            for text in &paths {
                // What climbs by its text alone never comes to a volume.
                let Ok(path) = VfsPath::parse(text) else { continue };
                let expected = tree.resolve(&path);
                let at = At { path: &path, consent: &Free, stop: &stop };
                prop_assert_eq!(volume.canonicalize(at), expected.clone(), "{} {}", text, how);
                let found = volume.stat(at, true).map(drop);
                prop_assert_eq!(found, expected.clone().map(drop), "{} {}", text, how);
                if let Some(known) = volume.try_stat(&path, true) {
                    prop_assert_eq!(known.map(drop), expected.map(drop), "{} from memory", text);
                }
            }
        }
    }
}
