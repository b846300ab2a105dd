//! What Landlock lets a command touch.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope, path_beneath_rules,
};

use crate::plan::{Fence, Raw};
use crate::wire::Refusal;

/// The first version that also holds `truncate`; without it a readable file could be emptied.
const LEAST: ABI = ABI::V3;
/// The newest whose rights are known here.
const NEWEST: ABI = ABI::V6;

/// The rules, to be put on by the command's process itself.
pub(super) fn rules(fence: &Fence) -> Result<RulesetCreated, Refusal> {
    build(fence).map_err(Refusal::step("landlock"))
}

fn build(fence: &Fence) -> Result<RulesetCreated, landlock::RulesetError> {
    let firm = if fence.files_required { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    let mut set = Ruleset::default().set_compatibility(firm).handle_access(AccessFs::from_all(LEAST))?;
    if fence.no_internet {
        set = set.handle_access(AccessNet::from_all(ABI::V4))?;
    }
    let set = set.set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(NEWEST))?;
    let set = set.scope(Scope::AbstractUnixSocket | Scope::Signal)?.create()?;
    let set = set.add_rules(path_beneath_rules(paths(&fence.lists), AccessFs::ReadDir))?;
    let set = set.add_rules(path_beneath_rules(paths(&fence.reads), AccessFs::from_read(NEWEST)))?;
    set.add_rules(path_beneath_rules(paths(&fence.writes), AccessFs::from_all(NEWEST)))
}

fn paths(raw: &[Raw]) -> impl Iterator<Item = &std::path::Path> {
    raw.iter().map(Raw::path)
}
