//! A local client as those that exist speak, which waits as long as it takes.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

pub(crate) struct Client(UnixStream);

impl Client {
    pub(crate) fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    /// As a profile lists it.
    pub(crate) fn public(key: &SigningKey) -> String {
        format!("ed25519:{}", hex::encode(key.verifying_key().as_bytes()))
    }

    /// Connects to the well-known socket and claims to be `name`; `None` if that was not believed.
    pub(crate) fn proven(home: &Path, name: &str, signer: &SigningKey) -> Option<Self> {
        let token = std::fs::read_to_string(home.join("run/system.token")).unwrap();
        let mut client = Self(UnixStream::connect(home.join("run/system.sock")).unwrap());
        let hello = json!({
            "token": token, "protocol_version": 1, "client_version": "test", "claimed_principal": name,
        });
        let challenge = client.ask(&hello)["challenge"].as_str().unwrap().to_owned();
        let text = format!("astrid-principal-auth:v1:{name}:{challenge}");
        let signature = hex::encode(signer.sign(text.as_bytes()).to_bytes());
        let last = client.ask(&json!({ "token": token, "protocol_version": 1, "signature": signature }));
        (last["status"] == "ok").then_some(client)
    }

    fn ask(&mut self, message: &Value) -> Value {
        self.frame(message.to_string().as_bytes()).unwrap();
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    pub(crate) fn frame(&mut self, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], payload].concat())
    }

    /// Waits until the host has closed the connection.
    pub(crate) fn wait_closed(mut self) {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
}
