//! What profiles and the operator's configuration say of principals.

use std::collections::BTreeSet;
use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_host_identity::{Judging, LinkPolicy, PrincipalDirectory};
use astrid_principals::Principals;

use crate::Config;

pub(super) struct Directory {
    principals: Arc<Principals>,
    protected: BTreeSet<Principal>,
    policy: LinkPolicy,
}

impl Directory {
    pub(super) fn new(principals: &Arc<Principals>, config: &Config) -> Self {
        let (protected, policy) = (config.identity_protected.clone(), config.identity_link_policy);
        Self { principals: principals.clone(), protected, policy }
    }
}

impl PrincipalDirectory for Directory {
    /// As the profile is now: links are changed rarely, and a grant of a moment ago has to count.
    fn is_protected<'a>(&'a self, who: &'a Principal) -> Judging<'a> {
        Box::pin(async move {
            if self.protected.contains(who) {
                return true;
            }
            match self.principals.resolve_anew(who).await {
                Ok(found) => found.profile.capabilities.are_administrative(),
                // Whose profile cannot be used now may hold anything once it can.
                Err(_) => true,
            }
        })
    }

    fn is_taken<'a>(&'a self, name: &'a Principal) -> Judging<'a> {
        Box::pin(async move {
            self.principals.exists(name).await.unwrap_or_else(|error| {
                tracing::warn!(target: "astrid.identity", %error, "homes and profiles cannot be listed, so no name is free");
                true
            })
        })
    }

    fn link_policy(&self) -> LinkPolicy {
        self.policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    fn place(profiles: &[(&str, &str)], config: &Config) -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let folder = dir.path().join("etc/profiles");
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in profiles {
            std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
        }
        let owner = Principal::parse("default").unwrap();
        let (principals, _) = crate::principal::open(&home, &owner, config).unwrap();
        let directory = Directory::new(&Arc::new(principals), config);
        (dir, directory)
    }

    // identity case 18
    #[tokio::test]
    async fn administrators_those_an_operator_names_and_those_nobody_can_judge_are_protected() {
        let mut config = Config::default();
        config.identity_protected.insert("named".parse().unwrap());
        let (_dir, directory) = place(
            &[
                ("root-like", "groups = [\"admin\"]\n"),
                ("sys", "grants = [\"system:resources:unbounded\"]\n"),
                ("demoted", "groups = [\"admin\"]\nrevokes = [\"*\"]\n"),
                ("agent", "groups = [\"agent\"]\n"),
                ("broken", "group = 1\n"),
                ("disabled", "enabled = false\n"),
                ("named", ""),
            ],
            &config,
        );
        for (who, protected) in [
            ("default", true),
            ("root-like", true),
            ("sys", true),
            ("broken", true),
            ("disabled", true),
            ("named", true),
            ("demoted", false),
            ("agent", false),
            ("nobody", false),
        ] {
            assert_eq!(directory.is_protected(&who.parse().unwrap()).await, protected, "{who}");
        }
    }

    // identity case 17
    #[tokio::test]
    async fn a_profile_or_a_home_takes_a_name_in_whatever_case() {
        let (dir, directory) = place(&[("Ada", "")], &Config::default());
        std::fs::create_dir_all(dir.path().join("home/bob")).unwrap();
        for (name, taken) in
            [("ada", true), ("Ada", true), ("bob", true), ("BOB", true), ("default", true), ("carol", false)]
        {
            assert_eq!(directory.is_taken(&name.parse().unwrap()).await, taken, "{name}");
        }
        assert!(!dir.path().join("home/carol").exists());
    }
}
