//! The switches that hold more than a word.

use std::time::Duration;

use astrid_airlock::LocalEgress;
use astrid_event_bus::{AccessPattern, Charset, Topic};
use astrid_host_context::CapsuleId;
use serde_json::Value;

/// `CAPSULE:ACTION=JSON`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) capsule: String,
    pub(crate) action: String,
    pub(crate) payload: String,
}

impl Call {
    /// Splits and checks one `--call`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (target, payload) = split(text, "CAPSULE:ACTION=JSON")?;
        let (capsule, action) = target.split_once(':').ok_or("no `:`; allowed: CAPSULE:ACTION=JSON")?;
        if capsule.is_empty() || action.is_empty() {
            return Err("capsule or action is empty; allowed: CAPSULE:ACTION=JSON".to_owned());
        }
        Ok(Self { capsule: capsule.to_owned(), action: action.to_owned(), payload })
    }
}

/// `TOPIC=JSON`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) payload: String,
}

impl Publication {
    /// Splits and checks one `--publish`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (topic, payload) = split(text, "TOPIC=JSON")?;
        Topic::parse(topic, Charset::Token).map_err(|error| error.to_string())?;
        Ok(Self { topic: topic.to_owned(), payload })
    }
}

/// `CAPSULE=HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowLocal {
    pub(crate) capsule: String,
    pub(crate) rules: LocalEgress,
}

impl AllowLocal {
    /// Splits and checks one `--allow-local`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (capsule, entry) = text.split_once('=').ok_or("no `=`; allowed: CAPSULE=HOST:PORT")?;
        let id = CapsuleId::parse(capsule).map_err(|error| error.to_string())?;
        let mut rules = LocalEgress::new();
        rules.allow(&id, entry).map_err(|error| error.to_string())?;
        Ok(Self { capsule: capsule.to_owned(), rules })
    }
}

/// Checks one `--expect`.
pub(crate) fn pattern(text: &str) -> Result<AccessPattern, String> {
    AccessPattern::parse(text, Charset::Token).map_err(|error| error.to_string())
}

/// Checks `--timeout`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "allowed: seconds, such as 30 or 0.5".to_owned())
}

fn split<'a>(text: &'a str, form: &str) -> Result<(&'a str, String), String> {
    let (head, json) = text.split_once('=').ok_or_else(|| format!("no `=`; allowed: {form}"))?;
    match serde_json::from_str::<Value>(json) {
        Ok(_) => Ok((head, json.to_owned())),
        Err(error) => Err(format!("what follows `=` is not JSON: {error}; allowed: {form}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_split_at_its_first_colon_and_equals_sign() {
        let call = Call::parse(r#"notes:tool_x={"a":"b=c:d"}"#).unwrap();
        assert_eq!((call.capsule.as_str(), call.action.as_str()), ("notes", "tool_x"));
        assert_eq!(call.payload, r#"{"a":"b=c:d"}"#);
    }

    #[test]
    fn what_is_wrong_with_a_switch_is_said_with_its_form() {
        for (wrong, said) in [
            ("notes", "no `=`"),
            ("notes={}", "no `:`"),
            (":a={}", "empty"),
            ("notes:a={", "not JSON"),
            ("notes:a=", "not JSON"),
        ] {
            let error = Call::parse(wrong).unwrap_err();
            assert!(error.contains(said) && error.contains("CAPSULE:ACTION=JSON"), "{wrong}: {error}");
        }
        for (wrong, said) in [
            ("notes", "CAPSULE=HOST:PORT"),
            ("No tes=h:1", "capsule id"),
            ("notes=h", "host:port"),
            ("notes=h:0", "host:port"),
            ("notes=h:x", "host:port"),
            ("notes=:1", "host"),
        ] {
            let error = AllowLocal::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        assert_eq!(AllowLocal::parse("notes=[::1]:*").unwrap().capsule, "notes");
        assert!(Publication::parse("a..b={}").is_err());
        assert!(Publication::parse("a.*={}").is_err());
        assert!(pattern("a.*").is_ok());
        for wrong in ["", "x", "-1", "inf", "NaN", "1e99"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
