//! The keys of `[identity]`.

use astrid_host_context::Principal;
use astrid_host_identity::LinkPolicy;
use toml_edit::Item;

use super::lists::strings;
use super::{Entry, Takes, Wrong, word};
use crate::Config;

pub(super) static ENTRIES: &[Entry] = &[
    word("identity", "link_policy", &["capability", "same-principal"], |config, n| {
        config.identity_link_policy = if n == 0 { LinkPolicy::Capability } else { LinkPolicy::SamePrincipal };
    }),
    Entry { section: "identity", key: "protected", takes: Takes::ProtectedPrincipals },
];

/// `identity.protected`.
pub(super) fn protected(config: &mut Config, item: &Item) -> Result<(), Wrong> {
    for entry in strings(item, "principals") {
        let entry = entry?;
        let principal = Principal::parse(entry.text).map_err(|error| entry.wrong(error.to_string()))?;
        config.identity_protected.insert(principal);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_operator_says_whose_links_are_protected() {
        let config =
            parse("[identity]\nlink_policy = \"same-principal\"\nprotected = [\"alice\", \"ops\"]\n")
                .unwrap();
        assert_eq!(config.identity_link_policy, LinkPolicy::SamePrincipal);
        let protected: Vec<_> = config.identity_protected.iter().map(Principal::as_str).collect();
        assert_eq!(protected, ["alice", "ops"]);
        let default = parse("").unwrap();
        assert_eq!(default.identity_link_policy, LinkPolicy::Capability);
        assert!(default.identity_protected.is_empty());
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line_and_what_would_be_accepted() {
        for (text, said) in [
            (
                "[identity]\nlink_policy = \"same\"\n",
                "2:identity.link_policy: not \"same\"; allowed: capability, same-principal",
            ),
            (
                "[identity]\nprotected = \"alice\"\n",
                "2:identity.protected: found string; allowed: a list of principals",
            ),
            ("[identity]\nprotected = [\n\"a b\"]\n", "3:identity.protected: principal \"a b\" is not valid"),
            ("[identity]\nprotect = []\n", "did you mean protected"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
