//! The two wildcard rules, segment by segment. The tries must agree with them; a property test holds
//! them to it.

use crate::topic::MAX_HOST_SEGMENTS;

/// A last `*` stands for one or more segments, any other for exactly one.
pub(crate) fn subtree(pattern: &str, topic: &str) -> bool {
    matches(pattern, topic, true)
}

/// Every `*` stands for exactly one segment, so both have equally many.
pub(crate) fn equal_count(pattern: &str, topic: &str) -> bool {
    matches(pattern, topic, false)
}

fn matches(pattern: &str, topic: &str, open_end: bool) -> bool {
    if topic.split('.').count() > MAX_HOST_SEGMENTS || topic.split('.').any(str::is_empty) {
        return false;
    }
    let mut topic = topic.split('.');
    let mut pattern = pattern.split('.').peekable();
    loop {
        match (pattern.next(), topic.next()) {
            (None, None) => return true,
            (Some("*"), Some(_)) if open_end && pattern.peek().is_none() => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // dispatch case 1
    #[test]
    fn the_table_of_the_dispatch_chapter_holds() {
        for (pattern, topic, strict, sub) in [
            ("a.b", "a.b", true, true),
            ("a.*", "a.b", true, true),
            ("a.*", "a.b.c", false, true),
            ("a.*", "a", false, false),
            ("a.*.c", "a.b.c", true, true),
            ("a.*.c", "a.b.x.c", false, false),
            ("a.*.*", "a.b.c.d", false, true),
            ("*", "a.b", false, true),
        ] {
            assert_eq!(equal_count(pattern, topic), strict, "{pattern} {topic} equal-count");
            assert_eq!(subtree(pattern, topic), sub, "{pattern} {topic} subtree");
        }
    }

    // dispatch case 1
    #[test]
    fn empty_segments_and_depths_over_20_never_match() {
        for odd in ["", "a..b", ".a", "a."] {
            for rule in [subtree, equal_count] {
                assert!(!rule(odd, odd), "{odd:?} as both");
                assert!(!rule("*", odd), "{odd:?} as topic");
                assert!(!rule("*.*", odd), "{odd:?} as topic");
                assert!(!rule(odd, "a"), "{odd:?} as pattern");
                assert!(!rule(odd, "a.b"), "{odd:?} as pattern");
            }
        }
        let deep = |n| ["a"; 21].get(..n).unwrap_or_default().join(".");
        assert!(subtree("*", &deep(20)) && equal_count(&deep(20), &deep(20)));
        for rule in [subtree, equal_count] {
            assert!(!rule(&deep(21), &deep(21)));
            assert!(!rule("*", &deep(21)));
        }
    }

    // dispatch case 2
    #[test]
    fn a_binding_for_results_takes_one_tools_name() {
        let binding = "tool.v1.execute.*.result";
        assert!(equal_count(binding, "tool.v1.execute.grep.result"));
        assert!(!equal_count(binding, "tool.v1.execute.result"));
        assert!(!equal_count(binding, "tool.v1.execute.a.b.result"));
    }
}
