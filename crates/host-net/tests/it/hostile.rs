//! Bytes that nobody honest would send.

use crate::client::{auth, key_of};
use crate::common::*;
use astrid_host_net::{Error, FrameRead, SessionAuth};
use ed25519_dalek::Signer;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn runner(cases: u32) -> TestRunner {
    // A failure is small enough to be read off the output; no file is kept.
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Runs one handshake against bytes; whether it was passed.
async fn passes(auth: &SessionAuth, bytes: &[u8]) -> bool {
    let (mut client, mut host) = tokio::io::duplex(64 * 1024);
    // It may be dropped before it heard everything.
    let _ = client.write_all(bytes).await;
    let _ = client.shutdown().await;
    auth.handshake(&mut host).await.is_ok()
}

fn framed(message: &[u8]) -> Vec<u8> {
    frame(message)
}

/// JSON that is nearly a request: each member is right, wrong, of another type, or absent.
fn nearly(token: String) -> impl Strategy<Value = Value> {
    let odd = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,80}".prop_map(Value::from),
        vec(any::<u8>(), 0..4).prop_map(|bytes| json!(bytes)),
        Just(json!({"token": "x"})),
    ];
    let right =
        [("token", Value::from(token)), ("protocol_version", 1.into()), ("client_version", "x".into())];
    let members = right.map(|(name, value)| {
        let member = prop_oneof![3 => Just(Some(value)), 1 => odd.clone().prop_map(Some), 1 => Just(None)];
        member.prop_map(move |value| (name, value))
    });
    let claim = prop_oneof![Just(None), odd.prop_map(Some)].prop_map(|value| ("claimed_principal", value));
    (members, claim).prop_map(|(members, claim)| {
        let present = members.into_iter().chain([claim]).filter_map(|(name, value)| Some((name, value?)));
        present.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()
    })
}

// net case 49
#[test]
fn only_this_starts_token_ever_passes_a_handshake() {
    let dir = tempfile::tempdir().unwrap();
    let (auth, token) = auth(dir.path());
    let runtime = runtime();
    runner(20_000)
        .run(&vec(any::<u8>(), 0..200), |noise| {
            prop_assert!(!runtime.block_on(passes(&auth, &noise)));
            prop_assert!(!runtime.block_on(passes(&auth, &framed(&noise))));
            Ok(())
        })
        .unwrap();
    runner(20_000)
        .run(&(nearly(token.clone()), vec(any::<u8>(), 0..40)), |(request, after)| {
            // Passing takes the token, the version, and no claim: whoever claims must sign.
            let honest = request["token"] == *token
                && request["protocol_version"] == 1
                && request["claimed_principal"].is_null()
                && request.get("client_version").is_none_or(Value::is_string);
            let bytes = [framed(request.to_string().as_bytes()), after].concat();
            prop_assert_eq!(runtime.block_on(passes(&auth, &bytes)), honest, "{}", request);
            Ok(())
        })
        .unwrap();
}

// net case 49
#[test]
fn a_claim_is_proven_by_the_right_signature_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (auth, token) = auth(dir.path());
    let runtime = runtime();
    let hello = json!({"token": token, "protocol_version": 1, "claimed_principal": "alice"}).to_string();
    // A byte to spoil in the signature's text, or none.
    let spoil = prop_oneof![1 => Just(None), 4 => (0..128_usize, 1..=255_u8).prop_map(Some)];
    runner(2_000)
        .run(&spoil, |spoil| {
            let passed = runtime.block_on(async {
                let (mut client, mut host) = tokio::io::duplex(64 * 1024);
                let answers = async {
                    client.write_all(&framed(hello.as_bytes())).await.unwrap();
                    let length = client.read_u32().await.unwrap();
                    let mut body = vec![0; length as usize];
                    client.read_exact(&mut body).await.unwrap();
                    let answer: Value = serde_json::from_slice(&body).unwrap();
                    let text =
                        format!("astrid-principal-auth:v1:alice:{}", answer["challenge"].as_str().unwrap());
                    let mut signature =
                        hex::encode(key_of("alice").sign(text.as_bytes()).to_bytes()).into_bytes();
                    if let Some((at, by)) = spoil {
                        signature[at] ^= by;
                    }
                    let signature = String::from_utf8_lossy(&signature).into_owned();
                    let reply = json!({"protocol_version": 1, "signature": signature}).to_string();
                    client.write_all(&framed(reply.as_bytes())).await.unwrap();
                    client
                };
                let (passed, _client) = tokio::join!(auth.handshake(&mut host), answers);
                passed.is_ok_and(|peer| peer.is_some())
            });
            // A letter's case is no part of the signature's value.
            let same = spoil.is_none_or(|(_, by)| by == 0x20);
            prop_assert!(passed == spoil.is_none() || (passed && same), "{:?}", spoil);
            Ok(())
        })
        .unwrap();
}

// net case 49
#[test]
fn random_frames_come_whole_or_end_the_stream_and_never_more_than_was_sent() {
    let runtime = runtime();
    let store = tokio::sync::Mutex::new(runtime.block_on(async { store() }));
    let sent = (vec(vec(any::<u8>(), 0..50), 0..5), vec(any::<u8>(), 0..40))
        .prop_map(|(frames, noise)| frames.iter().flat_map(|payload| frame(payload)).chain(noise).collect());
    runner(300)
        .run(&sent, |sent: Vec<u8>| {
            let ended: Result<(), TestCaseError> = runtime.block_on(async {
                let mut store = store.lock().await;
                let (stream, mut peer) = store.pair().await;
                send(&mut peer, &sent).await;
                drop(peer);
                let mut rest = sent.as_slice();
                loop {
                    match store.net().read(&stream).await {
                        Ok(FrameRead::Data(data)) => {
                            let expected = frame(&data);
                            prop_assert!(rest.starts_with(&expected));
                            rest = &rest[expected.len()..];
                        }
                        Ok(FrameRead::Pending) => {}
                        Ok(FrameRead::Closed) => {
                            prop_assert!(rest.is_empty(), "{} bytes are left", rest.len());
                            break;
                        }
                        Err(Error::FrameTooLarge | Error::Reset) => {
                            prop_assert!(!rest.is_empty());
                            break;
                        }
                        Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
                    }
                }
                store.drop_stream(stream);
                Ok(())
            });
            ended
        })
        .unwrap();
}
