//! What is said on the bus.

use super::*;

// elicit case 4
#[tokio::test]
async fn the_question_is_the_contracts_to_the_letter() {
    let mut world = World::new();
    let default = Some("d".to_owned());
    let (_asked, _) = ask(world.installing("alice"), Elicitation { default, ..question(Kind::Text, "name") });
    let said = world.said().await;
    let id = serde_json::from_str::<Value>(&said).unwrap()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(
        said,
        format!(
            r#"{{"type":"elicit_request","request_id":"{id}","capsule_id":"fake","field":{{"key":"name","prompt":"name","field_type":"Text","default":"d"}}}}"#
        )
    );
    assert_eq!(uuid::Uuid::parse_str(&id).unwrap().get_version_num(), 4);
}

// elicit cases 5, 11
#[tokio::test]
async fn each_kind_has_its_field_and_descriptions_are_clean() {
    let mut world = World::new();
    let options = Some(vec!["a".to_owned(), "b".to_owned()]);
    let described = "Pick\u{1b}[31m one".to_owned();
    let pick = Elicitation { options, description: described, ..question(Kind::Select, "pick") };
    let (asked, _) = ask(world.installing("alice"), pick);
    let prompt = world.prompt().await;
    let field = json!({
        "key": "pick", "prompt": "Pick[31m one", "description": "Pick[31m one", "field_type": { "Enum": ["a", "b"] },
    });
    assert_eq!(prompt["field"], field);
    world.answer(&prompt, json!({ "value": "b" }));
    assert_eq!(value(asked.await.unwrap()), "b");
    for (kind, name) in [(Kind::Secret, "Secret"), (Kind::Array, "Array")] {
        let _asked = world.ask("alice", kind, "k");
        assert_eq!(world.prompt().await["field"], json!({ "key": "k", "prompt": "k", "field_type": name }));
    }
}

#[tokio::test]
async fn the_question_is_the_hosts_for_its_principal_and_connection() {
    let mut world = World::new();
    let _asked = world.ask("alice", Kind::Text, "name");
    let message = world.prompts.recv().await.unwrap();
    assert_eq!((message.source(), message.provenance()), (HOST, &speaking("alice", OWNER)));
}
