//! Whether a response leads elsewhere, and what may come along.

use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Method, StatusCode};

use crate::Error;
use crate::fields::Field;
use crate::request::RedirectPolicy;
use crate::settings::Plan;
use crate::target::HttpUrl;

/// What to do with a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the answer.
    Final,
    /// Ask there, by this method, with the body or without.
    Follow { url: HttpUrl, method: Method, keep_body: bool },
}

/// The hop that was answered.
pub(crate) struct Hop<'a> {
    pub(crate) url: &'a HttpUrl,
    pub(crate) method: &'a Method,
    /// Redirects followed before it.
    pub(crate) count: u32,
    /// It went to an address that the operator admitted.
    pub(crate) opted_in: bool,
    /// The body was streamed and is gone.
    pub(crate) streamed: bool,
}

/// Decides by status, `location` and policy.
pub(crate) fn step(
    status: StatusCode,
    header: &HeaderMap,
    hop: &Hop<'_>,
    plan: &Plan,
) -> Result<Step, Error> {
    let Some(location) = header.get(LOCATION).filter(|_| is_redirect(status)) else { return Ok(Step::Final) };
    match plan.redirect {
        RedirectPolicy::Manual => return Ok(Step::Final),
        RedirectPolicy::Error => return Err(Error::RedirectBlocked("the request asks for none")),
        RedirectPolicy::Follow => {}
    }
    let target = hop.url.join(text(location)?);
    if hop.opted_in && !target.as_ref().is_ok_and(|target| target.same_origin(hop.url)) {
        return Ok(Step::Final);
    }
    if hop.count >= plan.max_redirects {
        return Err(Error::TooManyRedirects(plan.max_redirects));
    }
    let url = target?;
    url.allow_scheme(plan.https_only)?;
    let safe = [Method::GET, Method::HEAD].contains(hop.method);
    let becomes_get = match status {
        StatusCode::SEE_OTHER => *hop.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => !safe,
        _ => false,
    };
    if hop.streamed && !becomes_get {
        return Err(Error::RedirectBlocked("the body would have to be sent again"));
    }
    let method = if becomes_get { Method::GET } else { hop.method.clone() };
    Ok(Step::Follow { url, method, keep_body: !becomes_get })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn text(location: &HeaderValue) -> Result<&str, Error> {
    std::str::from_utf8(location.as_bytes()).map_err(|_| Error::Protocol("the redirect's target is no url"))
}

/// Takes away what must not reach the next hop. It does not come back when the origin does.
pub(crate) fn strip(fields: &mut Vec<(Field, HeaderValue)>, leaves_origin: bool, keeps_body: bool) {
    fields.retain(|(field, _)| {
        let content = field.name.as_str().starts_with("content-");
        !(leaves_origin && field.is_credential()) && (keeps_body || !content)
    });
}
