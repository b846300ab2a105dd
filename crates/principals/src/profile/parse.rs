//! From TOML to a [`Profile`].

use std::collections::BTreeMap;

use astrid_host_context::CapsuleId;

use super::{Auth, Profile, Quotas};
use crate::capability::{Capabilities, CapabilityPattern};
use crate::groups::group_name;
use crate::problem::Problem;
use crate::section::{Section, texts};

/// Longest host pattern or command; the manifest allows no more.
const MAX_RULE: usize = 1024;

pub(super) fn profile(text: &str, defaults: Quotas) -> Result<Profile, Problem> {
    let mut file = Section::parse(text)?;
    file.number("profile_version", 1, 1..=1)?;
    let enabled = file.flag("enabled", true)?;
    let groups = file.list("groups", group_name)?.unwrap_or_default();
    let grants = file.list("grants", pattern)?.unwrap_or_default();
    let revokes = file.list("revokes", pattern)?.unwrap_or_default();
    let capsules = file.list("capsules", capsule)?.unwrap_or_default();
    let auth = Auth::read(file.section("auth")?)?;
    // The decisions' own package checks them where it uses them.
    file.section("approvals")?;
    let mut network = file.section("network")?;
    let egress = network.list("egress", rule)?;
    let capsule_egress = per_capsule(network.section("capsule_egress")?)?;
    network.finish()?;
    let mut process = file.section("process")?;
    let commands = process.list("allow", rule)?;
    process.finish()?;
    let quotas = Quotas::read(file.section("quotas")?, defaults)?;
    file.finish()?;
    Ok(Profile {
        registered: true,
        enabled,
        groups,
        grants,
        revokes,
        capsules,
        auth,
        egress,
        capsule_egress,
        commands,
        quotas,
        capabilities: Capabilities::default(),
    })
}

fn per_capsule(section: Section) -> Result<BTreeMap<CapsuleId, Vec<String>>, Problem> {
    let path = section.at("");
    let lists = section.entries().into_iter().map(|(name, value)| {
        let at = format!("{path}{name}");
        let id = capsule(&name).map_err(|what| Problem::key(&at, what))?;
        Ok((id, texts(&at, value, rule)?))
    });
    lists.collect()
}

fn pattern(text: &str) -> Result<CapabilityPattern, String> {
    CapabilityPattern::parse(text).map_err(|error| error.to_string())
}

fn capsule(text: &str) -> Result<CapsuleId, String> {
    CapsuleId::parse(text).map_err(|error| error.to_string())
}

fn rule(text: &str) -> Result<String, String> {
    let plain = !text.trim().is_empty() && text.len() <= MAX_RULE && !text.chars().any(char::is_control);
    if plain {
        Ok(text.to_owned())
    } else {
        Err("holds an entry that is blank, too long or not plain text; allowed: up to 1024 bytes".to_owned())
    }
}
