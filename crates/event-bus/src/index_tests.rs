use std::collections::BTreeSet;

use astrid_host_context::CapsuleId;
use proptest::prelude::*;

use super::*;
use crate::admission::{Admission, Audience};
use crate::gate::Gate;
use crate::mailbox::Mailbox;
use crate::queue::QueueLimits;
use crate::{AccessPattern, Charset, Pattern, Topic};

fn route(number: u64, pattern: Pattern) -> Arc<Route> {
    let audience = Audience {
        capsule: CapsuleId::parse("c").unwrap(),
        owner: None,
        admission: Admission::Everyone,
        reads_all_audit: false,
    };
    let mailbox = Mailbox::new(QueueLimits::default());
    Arc::new(Route { number, pattern, audience, gate: Gate::opened(), mailbox })
}

/// Few names and short topics, so that matches are common.
fn segments() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "A", "x:y"]), 1..6)
        .prop_map(|v| v.into_iter().map(str::to_owned).collect())
}

fn guest_pattern() -> impl Strategy<Value = Pattern> {
    (segments(), any::<bool>()).prop_map(|(mut segments, open)| {
        if open {
            segments.push("*".to_owned());
        }
        Pattern::parse(&segments.join("."), Charset::Token).unwrap()
    })
}

fn host_pattern() -> impl Strategy<Value = AccessPattern> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "*", "*"]), 1..6)
        .prop_map(|v| AccessPattern::parse(&v.join("."), Charset::Token).unwrap())
}

/// The rules once more, by recursion over lists and nothing shared with the crate's own.
fn naive(pattern: &[&str], topic: &[&str], open_end: bool) -> bool {
    match (pattern, topic) {
        ([], []) => true,
        (["*"], [_, ..]) if open_end => true,
        (["*", p @ ..], [_, t @ ..]) => naive(p, t, open_end),
        ([a, p @ ..], [b, t @ ..]) => a == b && naive(p, t, open_end),
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    text.split('.').collect()
}

proptest! {
    // ipc case 54
    #[test]
    fn the_index_agrees_with_a_naive_matcher_also_after_removals(
        patterns in prop::collection::vec((guest_pattern(), any::<bool>()), 0..40),
        topics in prop::collection::vec(segments(), 1..20),
    ) {
        let index = Index::new();
        let routes: Vec<_> = (0..).zip(&patterns).map(|(n, (p, _))| route(n, p.clone())).collect();
        routes.iter().for_each(|r| index.insert(r));
        for (route, (_, stays)) in routes.iter().zip(&patterns) {
            if !stays {
                index.remove(route);
            }
        }
        for topic in topics {
            let topic = Topic::parse(&topic.join("."), Charset::Token).unwrap();
            let found: BTreeSet<u64> = index.find(topic.as_str(), |_| true).iter().map(|r| r.number).collect();
            let expected: BTreeSet<u64> = routes
                .iter()
                .zip(&patterns)
                .filter(|(r, (_, stays))| *stays && naive(&split(r.pattern.as_str()), &split(topic.as_str()), true))
                .map(|(r, _)| r.number)
                .collect();
            prop_assert_eq!(found, expected);
        }
        routes.iter().for_each(|r| index.remove(r));
        prop_assert!(index.is_empty());
    }

    // ipc case 54
    #[test]
    fn both_tries_and_both_direct_rules_agree_with_a_naive_matcher(
        patterns in prop::collection::vec(host_pattern(), 0..30),
        topic in segments(),
    ) {
        let topic = Topic::parse(&topic.join("."), Charset::Token).unwrap();
        for (rule, open_end) in [(Rule::Subtree, true), (Rule::EqualCount, false)] {
            let mut trie = Trie::default();
            for (n, pattern) in patterns.iter().enumerate() {
                trie.insert(pattern.as_str(), rule, n);
            }
            let mut found = BTreeSet::new();
            trie.visit(topic.as_str(), |n| assert!(found.insert(*n), "visited twice"));
            for (n, pattern) in patterns.iter().enumerate() {
                let expected = naive(&split(pattern.as_str()), &split(topic.as_str()), open_end);
                prop_assert_eq!(found.contains(&n), expected, "{} {}", pattern, topic);
                let direct = if open_end { pattern.matches(&topic) } else { pattern.matches_equal_count(&topic) };
                prop_assert_eq!(direct, expected);
            }
        }
    }

    // ipc case 54
    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,300}", dotted in "[a-c.*A:é]{0,40}") {
        for text in [text, dotted] {
            for charset in [Charset::Strict, Charset::Token] {
                let topic = Topic::parse(&text, charset);
                let pattern = Pattern::parse(&text, charset);
                let key = AccessPattern::parse(&text, charset);
                prop_assert!(topic.is_err() || (pattern.is_ok() && key.is_ok()));
                prop_assert!(pattern.is_err() || key.is_ok());
            }
            let _ = crate::Payload::parse(text);
        }
    }
}
