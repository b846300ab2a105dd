//! Who is at the other end, over real connections.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

#[expect(dead_code, reason = "net's own tests use the rest")]
#[path = "../../host-net/tests/common/client.rs"]
mod client;
mod common;

use astrid_host_io::IoView;
use astrid_host_net::{Connections, Error, FrameRead, NetView, TcpStream};
use astrid_host_request_context::RequestContextView;
use client::{Site, site};
use common::{Store, store};
use wasmtime::component::Resource;

fn who(store: &mut Store, stream: &Resource<TcpStream>) -> (Option<String>, Option<String>) {
    let mut request = store.request_context();
    (request.connection_principal(stream).unwrap(), request.connection_owner(stream).unwrap())
}

fn at(site: &Site) -> Store {
    store(|net| net.endpoint(site.endpoint.clone()))
}

fn is_uuid_v4(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let lower_hex = |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(lower_hex)
        && text.chars().nth(14) == Some('4')
        && text.chars().nth(19).is_some_and(|variant| "89ab".contains(variant))
}

// request-context case 1
#[tokio::test]
async fn a_proven_connection_has_its_principal_and_an_id_and_always_the_same() {
    let site = site();
    let mut store = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let _client = site.proven("alice").await;
    let stream = store.net().accept_unix(&listener).await.unwrap();
    let first = who(&mut store, &stream);
    assert_eq!(first.0.as_deref(), Some("alice"));
    assert!(is_uuid_v4(first.1.as_deref().unwrap()), "{first:?}");
    for _ in 0..1000 {
        assert_eq!(who(&mut store, &stream), first);
    }
}

// request-context case 2
#[tokio::test]
async fn what_frames_say_makes_nobody() {
    let site = site();
    let mut store = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let mut client = site.client().await;
    let stream = store.net().accept_unix(&listener).await.unwrap();
    client.send_raw(br#"{"principal":"alice"}"#).await;
    assert!(matches!(store.net().read(&stream).await.unwrap(), FrameRead::Data(_)));
    assert_eq!(who(&mut store, &stream), (None, None));
}

// request-context case 3
#[tokio::test]
async fn two_connections_of_one_principal_have_two_ids_and_a_third_has_a_third() {
    let site = site();
    let mut store = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..3 {
        let _client = site.proven("alice").await;
        let stream = store.net().accept_unix(&listener).await.unwrap();
        let (principal, owner) = who(&mut store, &stream);
        assert_eq!(principal.as_deref(), Some("alice"));
        assert!(ids.insert(owner.unwrap()));
    }
}

// request-context case 4
#[tokio::test]
async fn tcp_proves_nobody_in_either_direction() {
    let mut store = store(|net| net);
    let listener = store.net().bind_tcp("127.0.0.1", 0).await.unwrap();
    let address = store.net().listener_addr(&listener).unwrap();
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let out = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
    let accepted = store.net().accept_tcp(&listener).await.unwrap();
    assert_eq!(who(&mut store, &out), (None, None));
    assert_eq!(who(&mut store, &accepted), (None, None));
}

// request-context case 5
#[tokio::test]
async fn the_answer_outlives_the_peer_and_the_next_connection_never_shows_it() {
    let site = site();
    let mut store = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let client = site.proven("alice").await;
    let stream = store.net().accept_unix(&listener).await.unwrap();
    let before = who(&mut store, &stream);
    let half = store.net().write_stream(&stream).unwrap();
    drop(client);
    assert_eq!(store.net().read(&stream).await.unwrap(), FrameRead::Closed);
    store.net().shutdown(&stream, std::net::Shutdown::Both).await.unwrap();
    assert_eq!(who(&mut store, &stream), before);
    let slot = stream.rep();
    store.io().drop_output(half).unwrap();
    store.net().drop_handle(stream).unwrap();
    let old = Resource::new_borrow(slot);
    assert!(matches!(store.request_context().connection_principal(&old), Err(Error::InvalidHandle)));
    let _client = site.client().await;
    let next = store.net().accept_unix(&listener).await.unwrap();
    assert_eq!(who(&mut store, &next), (None, None));
}

// request-context case 6
#[tokio::test]
async fn a_retired_principals_connection_is_closed_and_its_handle_invalid() {
    let site = site();
    let open = Connections::new();
    let mut store = store(|net| net.endpoint(site.endpoint.clone()).connections(open.clone()));
    let listener = store.net().bind_unix().await.unwrap();
    let mut client = site.proven("alice").await;
    let stream = store.net().accept_unix(&listener).await.unwrap();
    let closed = open.close(|facts| facts.identity.as_ref().is_some_and(|p| p.principal.as_str() == "alice"));
    assert_eq!(closed, 1);
    assert!(client.is_closed().await);
    let mut request = store.request_context();
    assert!(matches!(request.connection_principal(&stream), Err(Error::InvalidHandle)));
    assert!(matches!(request.connection_owner(&stream), Err(Error::InvalidHandle)));
}

// request-context case 7
#[tokio::test]
async fn a_failed_signature_hands_out_no_stream() {
    let site = site();
    let mut store = at(&site);
    let listener = store.net().bind_unix().await.unwrap();
    let mut client = site.dial().await;
    let answer = site.prove(&mut client, "alice", "mallory").await.unwrap();
    assert_eq!(answer["status"], "error");
    assert!(store.net().poll_accept_unix(&listener, 0).await.unwrap().is_none());
}
