//! What counts as a payload, and what subscribers get of it.

use astrid_event_bus::{InvalidPayload, MAX_PAYLOAD_BYTES, Payload};

fn read(text: &str) -> Result<String, InvalidPayload> {
    Payload::parse(text.to_owned()).map(|p| p.as_str().to_owned())
}

// ipc case 6
#[test]
fn a_payload_of_one_mebibyte_is_kept_whole_and_one_more_byte_is_refused() {
    for len in [MAX_PAYLOAD_BYTES - 1, MAX_PAYLOAD_BYTES] {
        let text = format!("\"{}\"", "x".repeat(len - 2));
        assert_eq!(read(&text).unwrap(), text);
    }
    let over = format!("\"{}\"", "x".repeat(MAX_PAYLOAD_BYTES - 1));
    assert_eq!(read(&over), Err(InvalidPayload::TooLarge(MAX_PAYLOAD_BYTES + 1)));
}

// ipc case 7
#[test]
fn only_one_json_value_of_at_most_128_levels_is_a_payload() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let objects = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    for bad in [
        "",
        " ",
        "{",
        "hello",
        "{\"a\":1}x",
        "{\"a\":}",
        "[1,]",
        "01",
        "\"\u{1}\"",
        "nul",
        "{a:1}",
        "1 2",
        "]",
    ] {
        assert!(matches!(read(bad), Err(InvalidPayload::NotJson { .. })), "{bad:?}");
    }
    assert_eq!(read(&nested(129)), Err(InvalidPayload::TooDeep));
    assert_eq!(read(&objects(129)), Err(InvalidPayload::TooDeep));
    for good in ["null", "\"s\"", "-1.5e3", "true", " {} ", &nested(128), &objects(128), "\"[[[\\\"[\""] {
        assert_eq!(read(good).unwrap(), good);
    }
    let brackets_in_a_string = format!("[\"{}\"]", "[".repeat(1000));
    assert_eq!(read(&brackets_in_a_string).unwrap(), brackets_in_a_string);
}

// ipc case 8
#[test]
fn spacing_and_member_order_survive() {
    for same in [r#"{"b":1, "a" :2}"#, "{ \"type\" : \"user_input\",\n\t\"text\":\"é\" }", "[ 1 ,2 ]"] {
        assert_eq!(read(same).unwrap(), same);
    }
}

// ipc case 9
#[test]
fn a_custom_payload_becomes_its_data_and_raw_json_loses_its_type() {
    for (sent, got) in [
        (r#"{"type":"custom","data":{"x":1}}"#, r#"{"x":1}"#),
        (r#"{"data":[1, 2],"type":"custom","more":1}"#, "[1, 2]"),
        (r#"{"type":"raw_json","x":1}"#, r#"{"x":1}"#),
        (r#"{"x" : 1, "type":"raw_json" , "y":2}"#, r#"{"x" : 1, "y":2}"#),
        (r#"{"x":1,"type":"raw_json"}"#, r#"{"x":1}"#),
        (r#"{"type":"raw_json"}"#, "{}"),
        (r#"{"type":"custom"}"#, r#"{"type":"custom"}"#),
        (r#"{"type":"other","data":1}"#, r#"{"type":"other","data":1}"#),
        (r#"{"type":["custom"],"data":1}"#, r#"{"type":["custom"],"data":1}"#),
        (r#"[{"type":"custom","data":1}]"#, r#"[{"type":"custom","data":1}]"#),
        (r#"{"\u0074ype":"cust\u006fm","data":7}"#, "7"),
    ] {
        assert_eq!(read(sent).unwrap(), got, "{sent}");
    }
}

#[test]
fn of_two_types_or_two_data_the_last_one_counts() {
    assert_eq!(read(r#"{"type":"x","type":"custom","data":1,"data":2}"#).unwrap(), "2");
    let kept = r#"{"type":"custom","data":1,"type":"x"}"#;
    assert_eq!(read(kept).unwrap(), kept);
    assert_eq!(read(r#"{"type":"x","a":1,"type":"raw_json"}"#).unwrap(), r#"{"a":1}"#);
}

#[test]
fn a_delivery_id_is_taken_out_and_a_malformed_one_refused() {
    let id = "0123456789abcdef0123456789abcdef";
    let payload = Payload::parse(format!(r#"{{"_astrid_delivery_id":"{id}","a":1}}"#)).unwrap();
    assert_eq!(payload.as_str(), r#"{"a":1}"#);
    assert_eq!(format!("{:032x}", payload.delivery_id().unwrap().as_u128()), id);
    let upper = id.to_uppercase();
    for bad in ["\"x\"", "1", &format!("\"{upper}\""), &format!("\"{}\"", "0".repeat(32))] {
        let text = format!(r#"{{"_astrid_delivery_id":{bad}}}"#);
        assert_eq!(read(&text), Err(InvalidPayload::DeliveryId), "{bad}");
    }
}

#[tokio::test]
async fn a_large_text_is_checked_off_the_worker_with_the_same_answer() {
    let text = format!("[{}1]", "1,".repeat(100_000));
    assert_eq!(Payload::parse_off_thread(text.clone()).await.unwrap().as_str(), text);
    let broken = text.replace("1]", "1");
    assert!(matches!(Payload::parse_off_thread(broken).await, Err(InvalidPayload::NotJson { .. })));
}
