//! What is asked about, and what of it people see.

use astrid_host_approval::Reply;
use astrid_host_approval::v1_0::bindings::astrid::approval::host::{ApprovalDecision, ErrorCode};

use crate::common::{Asked, Desk, OWNER, desk};

async fn invalid(desk: &mut Desk, action: &str, resource: &str) -> bool {
    matches!(desk.unasked(action, resource).await, Ok(Err(ErrorCode::InvalidInput)))
}

async fn asked(desk: &mut Desk, action: &str, resource: &str) -> Asked {
    desk.unasked(action, resource).await.unwrap_err()
}

// approval case 11
#[tokio::test]
async fn an_action_has_up_to_256_characters() {
    let mut desk = desk();
    for longest in ["x".repeat(256), "é".repeat(256), format!("  {}\n", "x".repeat(256))] {
        assert_eq!(asked(&mut desk, &longest, "r").await.action, longest.trim());
    }
    assert!(invalid(&mut desk, &"x".repeat(257), "r").await);
}

// approval case 12
#[tokio::test]
async fn nul_is_refused_and_control_is_not_shown() {
    let mut desk = desk();
    for (action, resource) in [("a\0", "r"), ("a", "r\0r"), ("", ""), (" \n", "\t"), ("\u{1b}", "\u{202e} ")]
    {
        assert!(invalid(&mut desk, action, resource).await, "{action:?} {resource:?}");
    }
    let shown = asked(&mut desk, "git\u{1b} push", "git push \u{1b}[31mred\u{202e}x\nrm").await;
    assert_eq!((&*shown.action, &*shown.resource), ("git push", "git push [31mredxrm"));
    assert!(shown.reason.contains("removed"), "{}", shown.reason);
    let plain = asked(&mut desk, "git push", "git push").await;
    assert_eq!(plain.reason, "Capsule 'fake' requests approval");
    assert_eq!((plain.owner, plain.principal.unwrap().as_str()), (OWNER, "alice"));
    assert_eq!((plain.capsule.as_str(), plain.id.is_nil()), ("fake", false));
}

// approval case 13
#[tokio::test]
async fn an_unnamed_action_is_asked_about_each_time() {
    let mut desk = desk();
    desk.exchange("--help", "--help", Reply::Session).await.unwrap();
    for reply in [Reply::Session, Reply::Always] {
        let shown = asked(&mut desk, "", "--help").await;
        assert_eq!((&*shown.action, &*shown.resource), ("(unspecified)", "--help"));
        let answer = desk.exchange("", "--help", reply).await;
        assert!(matches!(answer, Ok(ApprovalDecision::Approved)), "{answer:?}");
    }
    assert!(desk.approvals.store().always_granted().await.unwrap().is_empty());
    assert!(!desk.remembers("x").await);
}

// approval §2.4: an unmatchable resource with an action is consent to the family
#[tokio::test]
async fn consent_to_what_matches_nothing_is_consent_to_its_family() {
    let mut desk = desk();
    let answer = desk.exchange("git push", "git push a; b", Reply::Session).await;
    assert!(matches!(answer, Ok(ApprovalDecision::ApprovedSession)));
    assert!(desk.remembers("git push c").await);
    assert!(!desk.remembers("git push a; b").await);
}
