//! Which addresses may be registered and called, as far as their text shows.

use super::address::is_public;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest address.
const URL_LENGTH_MAX: usize = 2048;

/// Why an address may not be called. Safe to show: no part of the address that could hold a secret is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Not an absolute URL.
    #[error("it is not a well-formed absolute URL ({0})")]
    Malformed(String),
    /// Too long.
    #[error("it is longer than {URL_LENGTH_MAX} characters")]
    TooLong,
    /// Neither `https` nor (where private addresses are allowed) `http`.
    #[error("its scheme is {0}; use https (http is taken only where private addresses are allowed)")]
    Scheme(String),
    /// `https://user:password@host`.
    #[error("it carries credentials; requests are signed instead, so leave user and password out")]
    Credentials,
    /// No host, or port 0.
    #[error("it names no host and port that can be called")]
    Host,
    /// The host is, or resolves to, a private, local or reserved address.
    #[error(
        "its host is the private, local or reserved address {0}; only public addresses are called unless private \
         ones are allowed"
    )]
    Private(String),
}

/// The host of a URL as an address, where it is one. The WHATWG parser has turned decimal, octal, hexadecimal and
/// shortened forms (`http://2130706433/`, `http://0x7f.1/`) into dotted ones by then.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Checks the text of an address: `https` (or `http` with `allow_private`), no credentials, and a host that is not
/// visibly private. What a name resolves to is checked at each call, by [`super::GuardedResolver`].
pub fn check_url(url: &str, allow_private: bool) -> Result<(), UrlRefused> {
    parse_checked(url, allow_private).map(|_| ())
}

/// [`check_url`], and the URL.
pub(super) fn parse_checked(url: &str, allow_private: bool) -> Result<Url, UrlRefused> {
    if url.len() > URL_LENGTH_MAX {
        return Err(UrlRefused::TooLong);
    }
    let url = Url::parse(url).map_err(|error| UrlRefused::Malformed(error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        other => return Err(UrlRefused::Scheme(other.chars().take(32).collect())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::Credentials);
    }
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() || url.port() == Some(0) {
        return Err(UrlRefused::Host);
    }
    if allow_private {
        return Ok(url);
    }
    let name = host.trim_end_matches('.');
    // RFC 6761 section 6.3: these names are this machine, whatever a resolver says.
    let local_name = name == "localhost" || name.ends_with(".localhost");
    if local_name || literal(&url).is_some_and(|address| !is_public(address)) {
        return Err(UrlRefused::Private(host.chars().take(64).collect()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind of the refusal, by the first letters of its variant.
    fn kind(url: &str, allow_private: bool) -> String {
        match check_url(url, allow_private) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!("{error:?}").chars().take_while(|c| c.is_ascii_alphabetic()).collect(),
        }
    }

    #[test]
    fn table() {
        for (url, strict, lenient) in [
            ("https://example.com/hook", "ok", "ok"),
            ("https://example.com:8443/hook?x=1", "ok", "ok"),
            ("https://8.8.8.8/", "ok", "ok"),
            ("http://example.com/", "Scheme", "ok"),
            ("http://127.0.0.1:4000/", "Scheme", "ok"),
            ("ftp://example.com/", "Scheme", "Scheme"),
            ("file:///etc/passwd", "Scheme", "Scheme"),
            ("gopher://127.0.0.1/", "Scheme", "Scheme"),
            ("javascript:alert(1)", "Scheme", "Scheme"),
            ("https://user:pw@example.com/", "Credentials", "Credentials"),
            ("https://user@example.com/", "Credentials", "Credentials"),
            ("https://127.0.0.1/", "Private", "ok"),
            ("https://2130706433/", "Private", "ok"),
            ("https://0x7f000001/", "Private", "ok"),
            ("https://0177.0.0.1/", "Private", "ok"),
            ("https://127.1/", "Private", "ok"),
            ("https://[::1]/", "Private", "ok"),
            ("https://[::ffff:127.0.0.1]/", "Private", "ok"),
            ("https://[fd00::1]/", "Private", "ok"),
            ("https://169.254.169.254/latest/meta-data", "Private", "ok"),
            ("https://10.0.0.1/", "Private", "ok"),
            ("https://localhost/", "Private", "ok"),
            ("https://LOCALHOST./", "Private", "ok"),
            ("https://a.localhost/", "Private", "ok"),
            ("https://１２７.0.0.1/", "Private", "ok"),
            ("https://example.com:0/", "Host", "Host"),
            ("https:///", "Malformed", "Malformed"),
            ("/relative", "Malformed", "Malformed"),
            ("", "Malformed", "Malformed"),
            ("https://exa mple.com/", "Malformed", "Malformed"),
            ("https://1.2.3.4.5/", "Malformed", "Malformed"),
        ] {
            assert_eq!((kind(url, false).as_str(), kind(url, true).as_str()), (strict, lenient), "{url}");
        }
        assert_eq!(kind(&format!("https://example.com/{}", "x".repeat(2048)), true), "TooLong");
    }

    #[test]
    fn refusals_repeat_no_secret() {
        let error = check_url("https://user:hunter2@example.com/?token=hunter2", false).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
