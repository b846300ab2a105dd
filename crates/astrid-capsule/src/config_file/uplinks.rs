//! `[uplinks."<capsule>"]`: what an operator lets one capsule do for people of outside platforms.

use std::collections::HashSet;

use astrid_host_context::{CapsuleId, Principal};
use astrid_host_ipc::ActFor;
use astrid_host_uplink::Platform;
use toml_edit::Item;

use super::lists::strings;
use super::{ANY, Entry, Takes, Wrong, span_of, unknown};
use crate::Config;

pub(super) static ENTRIES: &[Entry] = &[Entry { section: "uplinks", key: ANY, takes: Takes::Uplink }];

/// Whoever acts for everybody.
const EVERYBODY: &str = "*";

/// One capsule's table.
pub(super) fn uplink(config: &mut Config, name: &str, item: &Item) -> Result<(), Wrong> {
    let capsule = CapsuleId::parse(name).map_err(|error| Wrong::from(error.to_string()))?;
    let table = item.as_table_like().ok_or_else(|| {
        Wrong::from(format!("found {}; allowed: a table of platforms, act_for", item.type_name()))
    })?;
    for (key, item) in table.iter() {
        let below = |wrong: Wrong| Wrong {
            below: Some(key.to_owned()),
            span: wrong.span.or_else(|| span_of(table, key)),
            problem: wrong.problem,
        };
        let name = capsule.as_str().to_owned();
        match key {
            "platforms" => drop(config.uplink_platforms.insert(name, platforms(item).map_err(below)?)),
            "act_for" => drop(config.act_for.insert(name, act_for(item).map_err(below)?)),
            other => return Err(below(unknown(other, ["platforms", "act_for"].into_iter()).into())),
        }
    }
    Ok(())
}

fn platforms(item: &Item) -> Result<Vec<Platform>, Wrong> {
    let mut platforms = Vec::new();
    for entry in strings(item, "names of platforms") {
        let entry = entry?;
        let platform = Platform::parse(entry.text);
        platforms.push(platform.map_err(|error| entry.wrong(error.to_string()))?);
    }
    Ok(platforms)
}

fn act_for(item: &Item) -> Result<ActFor, Wrong> {
    let mut names = HashSet::new();
    for entry in strings(item, "principals, or \"*\" alone") {
        let entry = entry?;
        if entry.text == EVERYBODY {
            let alone = item.as_array().is_some_and(|list| list.len() == 1);
            let mixed = || entry.wrong("\"*\" is everybody; allowed: \"*\" alone, or names".to_owned());
            return if alone { Ok(ActFor::Anybody) } else { Err(mixed()) };
        }
        let principal = Principal::parse(entry.text).map_err(|error| entry.wrong(error.to_string()))?;
        if principal.is_anonymous() {
            return Err(entry.wrong(format!("nobody acts for {principal}; allowed: other principals")));
        }
        names.insert(principal);
    }
    Ok(if names.is_empty() { ActFor::Nobody } else { ActFor::These(names) })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use astrid_host_ipc::ActFor;

    use crate::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::from_toml(text, Path::new("etc/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_uplink_has_the_platforms_and_the_principals_that_an_operator_lists() {
        let config = parse(
            "[uplinks.bridge]\nplatforms = [\"Chat\", \"mail\"]\nact_for = [\"alice\"]\n\
             [uplinks.\"b-2\"]\nact_for = [\"*\"]\n[uplinks.none]\nact_for = []\n",
        )
        .unwrap();
        let platforms: Vec<_> = config.uplink_platforms["bridge"].iter().map(|of| of.as_str()).collect();
        assert_eq!(platforms, ["chat", "mail"]);
        let covers = |capsule: &str, who: &str| config.act_for[capsule].covers(&who.parse().unwrap());
        assert!(covers("bridge", "alice") && !covers("bridge", "bob") && covers("b-2", "bob"));
        assert_eq!(config.act_for["none"], ActFor::Nobody);
    }

    #[test]
    fn a_wrong_uplink_is_named_with_its_line_and_what_would_be_accepted() {
        for (text, at, said) in [
            ("[uplinks.bridge]\nplatform = []\n", "2:uplinks.bridge.platform: ", "did you mean platforms"),
            (
                "[uplinks.bridge]\nplatforms = \"chat\"\n",
                "2:uplinks.bridge.platforms: ",
                "allowed: a list of",
            ),
            (
                "[uplinks.bridge]\nplatforms = [\n\"a b\"]\n",
                "3:uplinks.bridge.platforms: ",
                "is no platform; allowed",
            ),
            ("[uplinks.bridge]\nact_for = [\"a/b\"]\n", "2:uplinks.bridge.act_for: ", "a/b"),
            ("[uplinks.bridge]\nact_for = [\"a\", \"*\"]\n", "2:uplinks.bridge.act_for: ", "\"*\" alone"),
            (
                "[uplinks.bridge]\nact_for = [\"anonymous\"]\n",
                "2:uplinks.bridge.act_for: ",
                "nobody acts for",
            ),
            ("[uplinks]\nbridge = 1\n", "2:uplinks.bridge: ", "found integer; allowed: a table"),
            ("[uplinks.\"B /\"]\n", "1:uplinks.B /: ", "B /"),
        ] {
            let error = parse(text).unwrap_err();
            let start = format!("etc/config.toml:{at}");
            assert!(error.starts_with(&start) && error.contains(said), "{text:?}: {error}");
        }
    }
}
