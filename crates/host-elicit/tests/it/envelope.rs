//! Records and budgets.

use astrid_host_context::{LifecyclePhase, Outcome};
use astrid_host_elicit::v1_0::bindings::astrid::elicit::host::{
    ElicitRequest, ElicitResponse, ElicitType, ErrorCode, Host,
};
use astrid_host_elicit::{ElicitView, PENDING, Reply};
use astrid_host_testkit::FakeHost;

use crate::common::{desk, install, installing, request, secret, store, take, text};

fn fact<'a>(record: &'a astrid_host_context::AuditEvent, name: &str) -> Option<&'a str> {
    record.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

// elicit case 30
#[tokio::test]
async fn each_question_leaves_a_sent_and_a_resolved_record_with_one_number_and_has_secret_none() {
    let mut desk = desk(FakeHost::builder(), |q| q, |call| call.phase(LifecyclePhase::Upgrade));
    let described = ElicitRequest { description: "Your words".to_owned(), ..secret() };
    desk.exchange(described, Reply::value("s3cret")).await.unwrap();
    desk.exchange(text(), Reply::declined()).await.unwrap_err();
    desk.exchange(text(), Reply::values(["x"])).await.unwrap_err();
    desk.has("api_key").await.unwrap();
    let records = desk.state.fake.recorder().audited();
    assert_eq!(records.len(), 6);
    let ends = [
        ("submitted", Outcome::Allowed),
        ("cancelled", Outcome::Cancelled("cancelled")),
        ("invalid", Outcome::Failed("invalid-input")),
    ];
    for (pair, (resolved, outcome)) in records.chunks(2).zip(ends) {
        let [sent, end] = pair else { panic!("{pair:?}") };
        assert_eq!((sent.op.function, end.op.function), ("sent", "elicit"));
        for name in ["request", "phase", "kind", "key", "component"] {
            assert_eq!(fact(sent, name), fact(end, name));
            assert!(fact(sent, name).is_some(), "{name}");
        }
        assert_eq!((fact(end, "resolved"), end.outcome), (Some(resolved), outcome));
        assert_eq!(sent.principal.as_ref().unwrap().as_str(), "alice");
    }
    assert_eq!((fact(&records[0], "phase"), fact(&records[0], "kind")), (Some("upgrade"), Some("secret")));
    assert!(fact(&records[0], "description-blake3").is_some_and(|hash| hash.len() == 64));
    assert_ne!(fact(&records[0], "request"), fact(&records[2], "request"));
    let printed = format!("{records:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("Your words"), "{printed}");
}

// elicit case 18
#[tokio::test]
async fn four_questions_of_a_principal_wait_and_the_fifth_is_refused_and_places_come_back() {
    let mut first = installing();
    let more = |who: &str| {
        store(FakeHost::builder().principal(who), &first.questions, first.secrets.clone(), install)
    };
    let mut others = [more("alice"), more("alice"), more("alice")];
    let (mut fifth, mut bob) = (more("alice"), more("bob"));
    let waiting = others.iter_mut().map(|state| async { Host::elicit(&mut state.elicit(), text()).await });
    let mut own = first.state.elicit();
    let asked = &mut first.asked;
    let person = async {
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(take(asked).await);
        }
        let refused = Host::elicit(&mut fifth.elicit(), text()).await;
        assert!(matches!(refused, Err(ErrorCode::Unknown(why)) if why == "too many pending prompts"));
        assert_eq!(first.questions.pending(), 4);
        // Another principal is not held up, and crossed answers reach whom they are for.
        let mut view = bob.elicit();
        let bobs = async {
            let asked = take(asked).await;
            assert_eq!(asked.principal.as_ref().unwrap().as_str(), "bob");
            asked.answer(Reply::value("bob's"));
        };
        let (answer, ()) = tokio::join!(Host::elicit(&mut view, text()), bobs);
        assert!(matches!(answer, Ok(ElicitResponse::Value(value)) if value == "bob's"));
        for (n, asked) in seen.into_iter().enumerate().rev() {
            asked.answer(Reply::value(n.to_string()));
        }
    };
    let [a, b, c] = waiting.collect::<Vec<_>>().try_into().ok().unwrap();
    let (one, a, b, c, ()) = tokio::join!(Host::elicit(&mut own, text()), a, b, c, person);
    let values = [one, a, b, c].map(|answer| match answer.unwrap() {
        ElicitResponse::Value(value) => value,
        other => panic!("{other:?}"),
    });
    assert_eq!(values, ["0", "1", "2", "3"]);
    assert_eq!(first.questions.pending(), 0);
    let answer = first.exchange(text(), Reply::value("again")).await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn the_host_has_a_limit_of_its_own() {
    let mut first = desk(FakeHost::builder().limit(&PENDING, 1), |q| q, install);
    let bob = FakeHost::builder().principal("bob").limit(&PENDING, 1);
    let mut bob = store(bob, &first.questions, first.secrets.clone(), install);
    let mut view = first.state.elicit();
    let asked = &mut first.asked;
    let person = async {
        let asked = take(asked).await;
        let refused = Host::elicit(&mut bob.elicit(), text()).await;
        assert!(matches!(refused, Err(ErrorCode::Unknown(_))), "{refused:?}");
        asked.answer(Reply::value("x"));
    };
    let (answer, ()) = tokio::join!(Host::elicit(&mut view, text()), person);
    answer.unwrap();
}

#[tokio::test]
async fn a_malformed_question_leaves_one_record_and_no_sent_one() {
    let mut desk = installing();
    desk.refused(request(ElicitType::Text, "no key")).await;
    let records = desk.state.fake.recorder().audited();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].op.function, records[0].outcome), ("elicit", Outcome::Failed("invalid-input")));
}
