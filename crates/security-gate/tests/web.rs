//! `net`: hosts of HTTP requests.
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_context::Target;
use common::{ask, gate, get, reason};

fn table(entries: &str, allowed: &[&str], denied: &[&str]) {
    let gate = gate(&format!("net = [{entries}]"));
    for url in allowed {
        assert_eq!(get(&gate, url), Ok(()), "{url} with {entries}");
    }
    for url in denied {
        assert!(get(&gate, url).is_err(), "{url} with {entries}");
    }
}

// security-gate case 1
#[test]
fn a_name_covers_itself_and_its_subdomains() {
    table(
        r#""api.github.com""#,
        &["https://api.github.com/v1", "https://v1.api.github.com/", "http://a.b.api.github.com"],
        &[
            "https://github.com/",
            "https://notapi.github.com.evil.io/",
            "https://notapi.github.com/",
            "https://evil-api.github.com",
            "https://com/",
        ],
    );
}

// security-gate case 2
#[test]
fn the_host_is_what_the_url_parser_says() {
    table(
        r#""api.github.com""#,
        &[
            "https://API.GitHub.com./x",
            "https://user:pw@api.github.com/",
            "https:api.github.com/x",
            "https:\\\\api.github.com\\x",
            "https://api.%67ithub.com/",
            "https://api.github\t.com/",
        ],
        &[
            "http://api.github.com@127.0.0.1/admin",
            "https://evil.io/#@api.github.com",
            "https://evil.io\\@api.github.com",
        ],
    );
}

// security-gate case 3
#[test]
fn wildcards_and_ports_narrow() {
    table(r#""*.x.io""#, &["https://a.x.io/", "https://b.a.x.io/"], &["https://x.io/", "https://ax.io/"]);
    table(
        r#""x.io:8443""#,
        &["https://x.io:8443/", "https://a.x.io:8443/"],
        &["https://x.io/", "http://x.io/", "https://x.io:8444/"],
    );
    table(r#""x.io:443""#, &["https://x.io/", "https://x.io:443/"], &["http://x.io/"]);
}

#[test]
fn an_address_is_exactly_that_address() {
    table(
        r#""127.0.0.1", "::1", "[2001:db8::1]:8443""#,
        &[
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[0:0::1]/",
            "https://[2001:DB8::1]:8443/",
        ],
        &[
            "http://a.127.0.0.1/",
            "http://127.0.0.2/",
            "http://1/",
            "https://[2001:db8::1]/",
            "http://[::ffff:127.0.0.1]/",
        ],
    );
}

#[test]
fn an_international_name_and_its_ascii_form_are_one() {
    table(
        r#""bücher.de""#,
        &["https://bücher.de/", "https://xn--bcher-kva.de/", "https://BÜCHER.de", "https://www.bücher.de"],
        &["https://bucher.de/"],
    );
    table(r#""xn--bcher-kva.de", "Example.ORG.""#, &["https://bücher.de/", "https://example.org"], &[]);
}

// security-gate case 4
#[test]
fn a_star_passes_any_host_and_leaves_addresses_to_the_airlock() {
    table(
        r#""*""#,
        &[
            "http://169.254.169.254/",
            "http://[::ffff:127.0.0.1]/",
            "http://2130706433/",
            "https://example.com",
        ],
        &["ftp://example.com/"],
    );
}

// security-gate case 6
#[test]
fn what_is_no_url_or_no_http_is_refused_and_says_so() {
    let gate = gate(r#"net = ["*"]"#);
    for bad in ["not a url", "", "http://", "http://[", "https://a b/"] {
        assert!(reason(get(&gate, bad)).contains("not a valid URL"), "{bad:?}");
    }
    for bad in ["file:///etc/passwd", "ftp://a.io/", "data:text/plain,x", "javascript:alert(1)", "ws://a.io"]
    {
        assert!(reason(get(&gate, bad)).contains("scheme must be http or https"), "{bad:?}");
    }
    let long = format!("https://a.io/{}", "x".repeat(1 << 20));
    assert!(get(&gate, &long).is_err());
}

// security-gate case 5: each hop is asked for by itself
#[test]
fn the_second_hop_is_judged_like_the_first() {
    table(r#""a.io""#, &["https://a.io/start"], &["http://b.io/"]);
}

#[test]
fn an_empty_list_and_an_odd_request_are_denied() {
    table("", &[], &["https://example.com/"]);
    let gate = gate(r#"net = ["*"]"#);
    let endpoint = Target::Endpoint { host: "example.com", port: 443 };
    assert!(ask(&gate, "alice", ("http", "request"), endpoint).is_err());
    let other = Target::Other { kind: "host", name: "https://example.com/" };
    assert!(ask(&gate, "alice", ("http", "request"), other).is_err());
    assert!(ask(&gate, "alice", ("http", "listen"), Target::None).is_err());
}

// security-gate case 26
#[test]
fn a_denial_names_capsule_host_key_and_entries_on_one_line() {
    let gate = gate(r#"net = ["api.github.com", "*.x.io"]"#);
    let denial = get(&gate, "https://evil.io/a\n\u{1b}[31mb").unwrap_err();
    assert_eq!(
        denial.reason,
        "capsule 'demo' may not request 'https://evil.io/a\\n\\u{1b}[31mb': no entry covers it; \
         [capabilities].net allows: api.github.com, *.x.io"
    );
    assert_eq!(denial.allowed_by.as_deref(), Some("[capabilities].net"));
}
