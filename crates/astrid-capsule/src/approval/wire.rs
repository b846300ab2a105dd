//! Questions and answers as front ends speak them (approval chapter §2.4).

use std::borrow::Cow;

use astrid_host_approval::Reply;
use astrid_host_context::Uuid;
use serde::Deserialize;

pub(crate) const TOPIC: &str = "astrid.v1.approval";
pub(crate) const REPLIES: &str = "astrid.v1.approval.response";

/// What is put on the topic. All members are always there: some front ends require one that others do not know.
pub(crate) struct Question<'a> {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) reason: &'a str,
}

impl Question<'_> {
    pub(crate) fn json(&self) -> String {
        serde_json::json!({
            "type": "approval_required",
            "request_id": self.id.to_string(),
            "request_owner": self.owner.to_string(),
            "action": self.action,
            "resource": self.resource,
            "reason": self.reason,
        })
        .to_string()
    }
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow)]
    decision: Option<Cow<'a, str>>,
}

/// What an answer to the question `id` says; `None` for anything else.
pub(crate) fn reply(id: Uuid, json: &[u8]) -> Option<Reply> {
    let answered: Answered<'_> = serde_json::from_slice(json).ok()?;
    let about = answered.r#type == "approval_response" && answered.request_id == id.to_string();
    about.then(|| Reply::of(&answered.decision.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn of(rest: &str) -> Option<Reply> {
        reply(ID, format!(r#"{{"type":"approval_response","request_id":"{ID}"{rest}}}"#).as_bytes())
    }

    // approval case 10
    #[test]
    fn what_is_no_word_of_consent_is_a_denial_and_what_is_no_answer_is_none() {
        assert_eq!(of(r#","decision":"approve","reason":"why not""#), Some(Reply::Once));
        assert_eq!(of(r#","decision":"approv\u0065_always""#), Some(Reply::Always));
        for denial in ["", r#","decision":null"#, r#","decision":"""#, r#","decision":"APPROVE""#] {
            assert_eq!(of(denial), Some(Reply::Deny), "{denial}");
        }
        for none in [r#","decision":1"#, r#","decision":"deny","decision":"approve""#, ","] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    // approval case 17
    #[test]
    fn another_type_or_number_is_no_answer() {
        for (kind, id) in [("approval_required", ID), ("approval_response", Uuid::from_u128(8))] {
            let json = format!(r#"{{"type":"{kind}","request_id":"{id}","decision":"approve"}}"#);
            assert_eq!(reply(ID, json.as_bytes()), None, "{json}");
        }
    }
}
