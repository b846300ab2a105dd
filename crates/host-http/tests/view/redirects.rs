//! Redirects: each hop is checked anew, and credentials stay home.

use astrid_airlock::Scripted;
use astrid_host_http::{Error, HttpSettings, HttpView, MAY_REQUEST, Options, RedirectPolicy};
use astrid_host_testkit::FakeHost;

use crate::common::server::{Server, answer};
use crate::common::*;

/// `/n` redirects to `/n-1`, `/0` answers.
async fn chain() -> Server {
    Server::start(|seen| match seen.path().trim_start_matches('/').parse::<u32>().unwrap() {
        0 => answer(200, &[], b"end"),
        n => answer(302, &[("location", &format!("/{}", n - 1))], b"moved"),
    })
    .await
}

// http case 16
#[tokio::test]
async fn ten_redirects_are_followed_and_eleven_are_too_many() {
    let server = chain().await;
    let mut store = World::new().alice();
    let response = store.http().request(get(server.url("/10")), &plain()).await.unwrap();
    assert_eq!((response.meta.redirect_count, response.meta.final_url), (10, server.url("/0")));
    assert_eq!(server.connections(), 1, "short bodies of redirects keep the connection");
    for (path, max) in [("/11", None), ("/1", Some(0)), ("/4", Some(3)), ("/11", Some(u32::MAX))] {
        let options = Options { max_redirects: max, ..Options::default() };
        let error = store.http().request(get(server.url(path)), &options).await.unwrap_err();
        assert!(matches!(error, Error::TooManyRedirects(_)), "{path} {max:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::start(|_| answer(307, &[("location", "/")], b"")).await;
    let error = World::new().alice().http().request(get(server.url("/")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects(10)));
    assert_eq!(server.requests().len(), 11);
}

// http case 17
#[tokio::test]
async fn the_policy_decides_and_only_real_redirects_count() {
    let server = Server::start(|seen| match seen.path() {
        "/bare" => answer(302, &[], b""),
        "/300" => answer(300, &[("location", "/x")], b""),
        "/304" => b"HTTP/1.1 304 X\r\nlocation: /x\r\n\r\n".to_vec(),
        _ => answer(302, &[("location", "/x")], b""),
    })
    .await;
    let mut store = World::new().alice();
    let with = |policy| Options { redirect: Some(policy), ..Options::default() };
    let manual = store.http().request(get(server.url("/")), &with(RedirectPolicy::Manual)).await.unwrap();
    assert_eq!((manual.status, header(&manual.headers, "location")), (302, Some("/x")));
    let error = store.http().request(get(server.url("/")), &with(RedirectPolicy::Error)).await.unwrap_err();
    assert!(matches!(error, Error::RedirectBlocked(_)));
    for (path, status) in [("/bare", 302), ("/300", 300), ("/304", 304)] {
        assert_eq!(store.http().request(get(server.url(path)), &plain()).await.unwrap().status, status);
    }
}

// http case 17
#[tokio::test]
async fn the_operator_says_what_an_unset_policy_means() {
    let server = chain().await;
    let settings = HttpSettings { default_redirect: RedirectPolicy::Error, ..HttpSettings::default() };
    let mut store = World::with(open_rules(), Scripted::new(), settings, None).alice();
    let error = store.http().request(get(server.url("/1")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::RedirectBlocked(_)), "{error:?}");
    let follow = Options { redirect: Some(RedirectPolicy::Follow), ..Options::default() };
    assert_eq!(store.http().request(get(server.url("/1")), &follow).await.unwrap().body, b"end");
}

// http case 18
#[tokio::test]
async fn the_status_decides_about_method_and_body() {
    let server = Server::start(|seen| match seen.path() {
        "/end" => answer(200, &[], b""),
        path => answer(path[1..].parse().unwrap(), &[("location", "/end")], b""),
    })
    .await;
    let mut store = World::new().alice();
    for (status, method, becomes) in [
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "HEAD", "HEAD"),
        (301, "POST", "GET"),
    ] {
        let mut request = with_headers(
            post(server.url(&format!("/{status}")), b"body"),
            &[("content-type", "t"), ("x", "y")],
        );
        request.method = method.to_owned();
        if method == "HEAD" {
            request.body = None;
        }
        store.http().request(request, &plain()).await.unwrap();
        let last = server.requests().pop().unwrap();
        assert_eq!((last.method(), last.path()), (becomes, "/end"), "{status} {method}");
        let keeps = becomes == "POST";
        assert_eq!(last.one("content-type").is_some(), keeps || becomes == "HEAD", "{status} {method}");
        assert_eq!(last.body, if keeps { &b"body"[..] } else { b"" });
        assert!(last.one("x").is_some());
    }
}

// http case 21
#[tokio::test]
async fn an_admitted_endpoint_redirects_only_within_itself() {
    let other = Server::start(|_| answer(200, &[], b"other")).await;
    let target = other.url("/");
    let server = Server::start(move |seen| match seen.path() {
        "/home" => answer(302, &[("location", "/end")], b""),
        "/end" => answer(200, &[], b"home"),
        "/public" => answer(302, &[("location", "https://example.com/")], b""),
        _ => answer(302, &[("location", &target)], b""),
    })
    .await;
    let mut store = World::new().alice();
    assert_eq!(store.http().request(get(server.url("/home")), &plain()).await.unwrap().body, b"home");
    for path in ["/other", "/public"] {
        assert_eq!(store.http().request(get(server.url(path)), &plain()).await.unwrap().status, 302);
    }
    assert_eq!(other.connections(), 0);
}

// http case 20
#[tokio::test]
async fn a_hop_outside_the_gate_is_denied() {
    let server = chain().await;
    let denied = format!("url:{}", server.url("/0"));
    let mut store = World::new().store(FakeHost::builder().deny(MAY_REQUEST, &denied));
    let error = store.http().request(get(server.url("/1")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Refused(astrid_host_context::Refusal::Denied(_))));
    assert_eq!(server.requests().len(), 1);
}

// http case 13
#[tokio::test]
async fn the_total_spans_all_hops() {
    let server = Server::start(|_| {
        // Each hop alone is well within the limit.
        std::thread::sleep(std::time::Duration::from_millis(40));
        answer(302, &[("location", "/")], b"")
    })
    .await;
    let settings =
        HttpSettings { default_timeout: std::time::Duration::from_millis(150), ..HttpSettings::default() };
    let world = World::with(open_rules(), Scripted::new(), settings, None);
    let error = world.alice().http().request(get(server.url("/")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(server.requests().len() < 10);
}
