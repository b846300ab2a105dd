//! Questions and answers as front ends speak them (elicit chapter §2.4).

use std::borrow::Cow;

use astrid_host_context::Uuid;
use astrid_host_elicit::{AnswerText, Field, Question, Reply};
use serde::{Deserialize, Deserializer, Serialize};

pub(super) const TOPIC: &str = "astrid.v1.elicit";
pub(super) const REPLIES: &str = "astrid.v1.elicit.response";

const RESPONSE: &str = "elicit_response";

#[derive(Serialize)]
struct Asked<'a> {
    r#type: &'static str,
    request_id: String,
    capsule_id: &'a str,
    field: Shown<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    key: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    field_type: FieldType<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
}

#[derive(Serialize)]
enum FieldType<'a> {
    Text,
    Secret,
    Array,
    Enum(&'a [String]),
}

/// The question's message.
pub(super) fn question(id: Uuid, capsule: &str, question: &Question) -> Result<String, serde_json::Error> {
    let field_type = match question.field() {
        Field::Text { .. } => FieldType::Text,
        Field::Secret => FieldType::Secret,
        Field::Array => FieldType::Array,
        Field::Select { options, .. } => FieldType::Enum(options.as_slice()),
    };
    serde_json::to_string(&Asked {
        r#type: "elicit_request",
        request_id: id.to_string(),
        capsule_id: capsule,
        field: Shown {
            key: question.key().as_str(),
            prompt: question.prompt(),
            description: question.description(),
            field_type,
            default: question.default(),
        },
    })
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    value: Option<Text>,
    values: Option<Vec<Text>>,
}

/// Moved into a buffer that is wiped, never copied.
struct Text(AnswerText);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(text.into()))
    }
}

/// What an answer to the question `id` says; `None` for anything else.
pub(super) fn reply(id: Uuid, json: &[u8]) -> Option<Reply> {
    let answered: Answered<'_> = serde_json::from_slice(json).ok()?;
    let about = answered.r#type == RESPONSE && answered.request_id == id.to_string();
    about.then(|| Reply {
        value: answered.value.map(|text| text.0),
        values: answered.values.map(|texts| texts.into_iter().map(|text| text.0).collect()),
    })
}

#[derive(Serialize)]
struct Given<'a> {
    r#type: &'static str,
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<&'a str>>,
}

/// The answer's message.
pub(super) fn answer(id: Uuid, reply: &Reply) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Given {
        r#type: RESPONSE,
        request_id: id.to_string(),
        value: reply.value.as_ref().map(AnswerText::reveal),
        values: reply.values.as_ref().map(|texts| texts.iter().map(AnswerText::reveal).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    // elicit case 12
    #[test]
    fn null_is_absent_and_unknown_members_are_ignored() {
        let of = |rest: &str| {
            let json = format!(r#"{{"type":"elicit_response","request_id":"{ID}"{rest}}}"#);
            reply(ID, json.as_bytes())
        };
        let none = of("").unwrap();
        assert!(none.value.is_none() && none.values.is_none());
        let nulls = of(r#","value":null,"values":null,"more":{"x":1}"#).unwrap();
        assert!(nulls.value.is_none() && nulls.values.is_none());
        assert_eq!(of(r#","value":"a\nb""#).unwrap().value.unwrap().reveal(), "a\nb");
        assert_eq!(of(r#","values":[]"#).unwrap().values.unwrap(), []);
        for bad in
            [r#","value":1"#, r#","values":"x""#, r#","values":[1]"#, r#","value":"a","value":"b""#, ","]
        {
            assert!(of(bad).is_none(), "{bad}");
        }
    }

    // elicit case 15
    #[test]
    fn another_type_or_number_is_no_answer() {
        for (kind, id) in [("elicit_request", ID), (RESPONSE, Uuid::from_u128(8)), ("Elicit_Response", ID)] {
            let json = format!(r#"{{"type":"{kind}","request_id":"{id}","value":"x"}}"#);
            assert!(reply(ID, json.as_bytes()).is_none(), "{json}");
        }
        assert!(reply(ID, br#"{"type":"elicit_response","value":"x"}"#).is_none());
    }

    #[test]
    fn an_answer_that_is_written_reads_the_same() {
        for given in [Reply::value("a\"\u{1f980}"), Reply::values(["x", "x"]), Reply::declined()] {
            let read = reply(ID, answer(ID, &given).unwrap().as_bytes()).unwrap();
            assert_eq!((read.value, read.values), (given.value, given.values));
        }
    }
}
