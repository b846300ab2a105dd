//! Whether the loaded capsules make an agent that answers.

use astrid_capsule_discovery::{Severity, validate};
use astrid_capsule_manifest::{CapsuleManifest, TopicPattern};
use astrid_event_bus::{AccessPattern, Charset, Topic};

/// Where a user's words arrive.
const PROMPT: &str = "user.v1.prompt";
/// Where the agent's answer goes.
const RESPONSE: &str = "agent.v1.response";

/// What is missing for an agent loop, one sentence each: who hears the user, who answers, what capsules require.
pub(super) fn missing<'a>(manifests: impl IntoIterator<Item = &'a CapsuleManifest>) -> Vec<String> {
    let manifests: Vec<_> = manifests.into_iter().collect();
    let mut missing = Vec::new();
    let hears = |one: &&CapsuleManifest| {
        one.bindings
            .iter()
            .any(|binding| matches(&binding.pattern, PROMPT, AccessPattern::matches_equal_count))
    };
    if !manifests.iter().any(hears) {
        missing.push(format!("no capsule has a handler bound to {PROMPT}"));
    }
    let answers = |one: &&CapsuleManifest| {
        one.ipc_publish_patterns.iter().any(|pattern| matches(pattern, RESPONSE, AccessPattern::matches))
    };
    if !manifests.iter().any(answers) {
        missing.push(format!("no capsule may publish on {RESPONSE}"));
    }
    let findings = validate(manifests);
    let errors = findings.iter().filter(|one| one.severity() == Severity::Error);
    missing.extend(errors.map(ToString::to_string));
    missing
}

fn matches(pattern: &TopicPattern, topic: &str, rule: fn(&AccessPattern, &Topic) -> bool) -> bool {
    let parsed = (AccessPattern::parse(pattern.as_str(), Charset::Token), Topic::host(topic));
    matches!(parsed, (Ok(pattern), Ok(topic)) if rule(&pattern, &topic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(id: &str, tables: &str) -> CapsuleManifest {
        let text = format!("[package]\nname = \"{id}\"\nversion = \"1.0.0\"\n{tables}");
        astrid_capsule_manifest::parse_manifest(&text, std::path::Path::new("Capsule.toml")).unwrap().0
    }

    #[test]
    fn exactly_what_is_missing_is_named() {
        let react = manifest(
            "react",
            "[imports]\n\"astrid:llm\" = \"^1\"\n[publish]\n\"agent.v1.*\" = \"opaque\"\n[subscribe]\n\"user.v1.prompt\" = { wit = \"opaque\", handler = \"h\" }\n",
        );
        let llm = manifest("llm", "[exports]\n\"astrid:llm\" = \"1.0.0\"\n");
        assert!(missing([&react, &llm]).is_empty());
        let alone = missing([&react]);
        assert!(matches!(alone.as_slice(), [one] if one.contains("astrid:llm")), "{alone:?}");
        let nobody = missing([&llm]);
        assert!(
            matches!(nobody.as_slice(), [a, b] if a.contains(PROMPT) && b.contains(RESPONSE)),
            "{nobody:?}"
        );
        // A subscription without a handler hears nothing by itself.
        let deaf = manifest(
            "deaf",
            "[publish]\n\"agent.v1.response\" = \"opaque\"\n[subscribe]\n\"user.v1.prompt\" = \"opaque\"\n",
        );
        assert_eq!(missing([&deaf]).len(), 1);
    }
}
