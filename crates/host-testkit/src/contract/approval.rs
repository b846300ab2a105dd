//! What every `astrid_host_approval::Grants` does, whatever it keeps them in.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use astrid_host_approval::{Allowance, Grants, Holder, Lasting, Pattern, Workspace};
use astrid_host_context::Uuid;

/// Runs every case on a fresh backend from `make`.
///
/// # Panics
/// At the first wrong answer, with what was expected.
pub async fn all<F>(make: impl Fn() -> F)
where
    F: Future<Output = Arc<dyn Grants>>,
{
    what_is_kept_comes_back_as_it_was(&*make().await).await;
    the_same_again_takes_the_place_of_the_first(&*make().await).await;
    removing_one_or_all_of_a_principal_leaves_the_others(&*make().await).await;
}

async fn what_is_kept_comes_back_as_it_was(grants: &dyn Grants) {
    keeps(grants, &[]).await;
    // Whole milliseconds, which every clock and format has.
    let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let plain =
        Allowance { created: at(1_700_000_000_123), ..allowance("alice", "shell", "/p", "git push *") };
    let full = Allowance {
        expires: Some(at(1_800_000_000_456)),
        uses: Some(u64::MAX),
        request: Some(Uuid::from_u128(u128::MAX - 7)),
        ..plain.clone()
    };
    let full = Allowance { pattern: pattern("é\u{1f980} \\* *"), id: Uuid::from_u128(9), ..full };
    let kept = [plain, full];
    for one in &kept {
        assert_eq!(grants.put(one).await, Ok(()), "{one:?}");
    }
    keeps(grants, &kept).await;
}

async fn the_same_again_takes_the_place_of_the_first(grants: &dyn Grants) {
    let first = allowance("alice", "shell", "/p", "rm *");
    let others = [
        allowance("bob", "shell", "/p", "rm *"),
        allowance("alice", "other", "/p", "rm *"),
        allowance("alice", "shell", "/q", "rm *"),
        allowance("alice", "shell", "/p", "rm -r *"),
    ];
    let again = Allowance { uses: Some(3), ..allowance("alice", "shell", "/p", "rm *") };
    for one in [&first].into_iter().chain(&others).chain([&again]) {
        assert_eq!(grants.put(one).await, Ok(()), "{one:?}");
    }
    keeps(grants, &[&others[..], &[again]].concat()).await;
}

async fn removing_one_or_all_of_a_principal_leaves_the_others(grants: &dyn Grants) {
    let [a, b, c] = ["a *", "b *", "c *"].map(|pattern| allowance("alice", "shell", "/p", pattern));
    // One name begins with the other.
    let others = [allowance("alice2", "shell", "/p", "a *"), allowance("al", "shell", "/p", "a *")];
    for one in [&a, &b, &c].into_iter().chain(&others) {
        assert_eq!(grants.put(one).await, Ok(()), "{one:?}");
    }
    for _ in 0..2 {
        assert_eq!(grants.remove(&a).await, Ok(()), "also what is gone");
    }
    keeps(grants, &[&others[..], &[b, c]].concat()).await;
    for _ in 0..2 {
        assert_eq!(grants.remove_of(&others[0].holder.principal.clone()).await, Ok(()));
    }
    assert_eq!(grants.remove_of(&a.holder.principal).await, Ok(()));
    keeps(grants, &others[1..]).await;
}

async fn keeps(grants: &dyn Grants, expected: &[Allowance]) {
    let sorted = |mut of: Vec<Allowance>| {
        of.sort_by_key(|one| one.id);
        of
    };
    assert_eq!(grants.load().await.map(sorted), Ok(sorted(expected.to_vec())));
}

#[expect(clippy::unwrap_used, reason = "names of this suite")]
fn allowance(principal: &str, capsule: &str, workspace: &str, text: &str) -> Allowance {
    let holder = Holder {
        principal: principal.parse().unwrap(),
        capsule: capsule.parse().unwrap(),
        workspace: Workspace::new(workspace),
    };
    let created = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
    Allowance { created, ..Allowance::new(holder, pattern(text), Lasting::Always) }
}

#[expect(clippy::unwrap_used, reason = "patterns of this suite")]
fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}
