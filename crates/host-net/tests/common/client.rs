//! A local client, as those that exist speak.
#![expect(clippy::indexing_slicing, reason = "a test that cannot set up must fail")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_host_net::{AuthProfile, Keyring, ProfileFuture, SessionAuth, SessionToken, UnixEndpoint};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Knows alice by her key, carol who is disabled, and dave without the method.
pub(crate) struct Keys;

pub(crate) fn key_of(name: &str) -> SigningKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_bytes(&seed)
}

impl Keyring for Keys {
    fn profile<'a>(&'a self, principal: &'a Principal) -> ProfileFuture<'a> {
        let name = principal.as_str();
        let public = hex::encode(key_of(name).verifying_key().as_bytes());
        let keys = vec!["not a key".to_owned(), "ed25519:zz".to_owned(), format!("ed25519:{public}")];
        let profile = match name {
            "alice" => Some(AuthProfile { enabled: true, keypair: true, keys }),
            "carol" => Some(AuthProfile { enabled: false, keypair: true, keys }),
            "dave" => Some(AuthProfile { enabled: true, keypair: false, keys }),
            _ => None,
        };
        Box::pin(std::future::ready(profile))
    }
}

/// An endpoint in a directory of its own, and its token.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) endpoint: Arc<UnixEndpoint>,
    pub(crate) token: String,
}

pub(crate) fn auth(dir: &Path) -> (Arc<SessionAuth>, String) {
    let token = SessionToken::generate().unwrap();
    let file = dir.join("system.token");
    token.write_to(&file).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    (Arc::new(SessionAuth::new(token, Arc::new(Keys), "test")), text)
}

pub(crate) fn site() -> Site {
    site_for(None)
}

pub(crate) fn site_for(user: Option<u32>) -> Site {
    let dir = tempfile::tempdir().unwrap();
    let (auth, token) = auth(dir.path());
    let path = dir.path().join("c/fake.sock");
    let endpoint = match user {
        Some(user) => UnixEndpoint::bind_for(&path, auth, user),
        None => UnixEndpoint::bind(&path, auth),
    };
    Site { dir, endpoint: Arc::new(endpoint.unwrap()), token }
}

impl Site {
    pub(crate) fn path(&self) -> PathBuf {
        self.endpoint.path().to_owned()
    }

    pub(crate) async fn dial(&self) -> Client {
        Client(UnixStream::connect(self.path()).await.unwrap())
    }

    /// A client that says the token and claims nobody.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.dial().await;
        let answer = client.ask(&self.hello(None)).await.unwrap();
        assert_eq!(answer["status"], "ok", "{answer}");
        client
    }

    /// A client that proves to be `name`.
    pub(crate) async fn proven(&self, name: &str) -> Client {
        let mut client = self.dial().await;
        let answer = self.prove(&mut client, name, name).await.unwrap();
        assert_eq!(answer["status"], "ok", "{answer}");
        assert!(answer.get("challenge").is_none());
        client
    }

    pub(crate) fn hello(&self, claimed: Option<&str>) -> Value {
        json!({
            "token": self.token, "protocol_version": 1, "client_version": "0.1", "claimed_principal": claimed,
            "unknown": [1],
        })
    }

    /// Claims `name` and signs with the key of `signer`; the final answer, if one came.
    pub(crate) async fn prove(&self, client: &mut Client, name: &str, signer: &str) -> Option<Value> {
        let challenge = self.claim(client, name).await?;
        let text = format!("astrid-principal-auth:v1:{name}:{challenge}");
        let signature = hex::encode(key_of(signer).sign(text.as_bytes()).to_bytes());
        client.ask(&json!({"token": "", "protocol_version": 1, "signature": signature})).await
    }

    pub(crate) async fn claim(&self, client: &mut Client, name: &str) -> Option<String> {
        let answer = client.ask(&self.hello(Some(name))).await?;
        assert_eq!(answer["status"], "ok", "{answer}");
        let challenge = answer["challenge"].as_str().unwrap().to_owned();
        assert_eq!(challenge.len(), 64);
        Some(challenge)
    }
}

pub(crate) struct Client(pub(crate) UnixStream);

impl Client {
    pub(crate) async fn send_raw(&mut self, body: &[u8]) {
        let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(body);
        // A host that has heard enough may close before all is written.
        let _ = self.0.write_all(&frame).await;
    }

    /// The raw answer, `None` if the host closed instead.
    pub(crate) async fn answer(&mut self) -> Option<Vec<u8>> {
        let length = self.0.read_u32().await.ok()?;
        let mut body = vec![0; length as usize];
        self.0.read_exact(&mut body).await.ok()?;
        Some(body)
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> Option<Value> {
        self.send_raw(message.to_string().as_bytes()).await;
        Some(serde_json::from_slice(&self.answer().await?).unwrap())
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        self.0.read_u8().await.is_err()
    }
}
