//! What the payloads of topics look like, as the loaded manifests say.

use std::collections::BTreeMap;

use astrid_capsule_manifest::{CapsuleManifest, WitRef};

/// What one capsule says about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schema {
    /// Who says it.
    pub capsule: String,
    /// The WIT record.
    pub wit: WitRef,
}

/// Topic pattern → [`Schema`]. Who subscribes knows better than who publishes; of equals, the first loaded does.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaCatalog {
    topics: BTreeMap<String, Schema>,
    /// Sentences about topics that two capsules describe differently.
    pub(crate) conflicts: Vec<String>,
}

impl SchemaCatalog {
    /// The catalog of these manifests, given in load order.
    pub(crate) fn of<'a>(manifests: impl Iterator<Item = &'a CapsuleManifest>) -> Self {
        let manifests: Vec<_> = manifests.collect();
        let mut catalog = Self::default();
        for manifest in &manifests {
            for (topic, entry) in &manifest.subscribes {
                catalog.add(&manifest.package.name, topic.as_str(), &entry.wit);
            }
        }
        for manifest in &manifests {
            for (topic, entry) in &manifest.publishes {
                catalog.add(&manifest.package.name, topic.as_str(), &entry.wit);
            }
        }
        catalog
    }

    pub(crate) fn get(&self, topic: &str) -> Option<&Schema> {
        self.topics.get(topic)
    }

    fn add(&mut self, capsule: &str, topic: &str, wit: &WitRef) {
        if wit.is_opaque() {
            return;
        }
        match self.topics.get(topic) {
            None => {
                let schema = Schema { capsule: capsule.to_owned(), wit: wit.clone() };
                self.topics.insert(topic.to_owned(), schema);
            }
            Some(known) if known.wit != *wit => self.conflicts.push(format!(
                "topic {topic:?} is {} for '{}', which counts, and {wit} for '{capsule}'",
                known.wit, known.capsule
            )),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(id: &str, tables: &str) -> CapsuleManifest {
        let text = format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n{tables}");
        astrid_capsule_manifest::parse_manifest(&text, std::path::Path::new("Capsule.toml")).unwrap().0
    }

    #[test]
    fn who_subscribes_wins_over_who_publishes_then_the_first_loaded_and_opaque_says_nothing() {
        let list = [
            manifest("a", "[publish]\n\"t.a\" = \"@x/y/z/sent\"\n\"t.b\" = \"opaque\"\n"),
            manifest("b", "[subscribe]\n\"t.a\" = \"@x/y/z/heard\"\n\"t.b\" = \"@x/y/z/b\"\n"),
            manifest("c", "[subscribe]\n\"t.a\" = \"@x/y/z/other\"\n\"t.b\" = \"opaque\"\n"),
        ];
        let catalog = SchemaCatalog::of(list.iter());
        let said = |topic: &str| catalog.get(topic).map(|s| (s.capsule.as_str(), s.wit.as_str()));
        assert_eq!(said("t.a"), Some(("b", "@x/y/z/heard")));
        assert_eq!(said("t.b"), Some(("b", "@x/y/z/b")));
        assert_eq!(said("t.c"), None);
        let [first, second] = catalog.conflicts.as_slice() else { panic!("{:?}", catalog.conflicts) };
        assert!(first.contains("'b', which counts") && first.contains("'c'"), "{first}");
        assert!(second.contains("'a'"), "{second}");
    }
}
