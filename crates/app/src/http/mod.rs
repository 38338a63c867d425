//! The outgoing HTTP client: what it may call, what it may read, and how long it may take.
//!
//! **Invariant:** nothing that a caller of the API can register (a service's or a subscription's address) reaches a
//! private address: [`check_url`] refuses what the text shows, [`GuardedResolver`] what the name resolves to at the
//! moment of the call, and redirects are not followed.

mod address;
mod client;
mod resolver;
pub mod retry;
mod retry_after;
mod url;

#[cfg(test)]
pub(crate) mod receiver;

pub use address::is_public;
pub use client::{HttpBuildError, HttpClient, HttpError, HttpResponse, HttpSettings};
pub use resolver::GuardedResolver;
pub use retry_after::parse_retry_after;
pub use url::{UrlRefused, check_url};

use tenantry_core::ports::Ids;

/// A number from 0 (included) to 1 (not included).
pub(crate) fn chance(ids: &dyn Ids) -> f64 {
    let mut bytes = [0u8; 8];
    ids.fill(&mut bytes);
    // 53 bits are what an f64 holds exactly.
    (u64::from_be_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
}

/// `text` as it may stand in a log, a row or a cause: control characters become spaces, and it is cut at
/// `bytes_max` on a character's edge.
pub(crate) fn sanitize(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > bytes_max {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::sanitize;

    #[test]
    fn sanitized_text_has_no_control_characters_and_is_cut_on_an_edge() {
        assert_eq!(sanitize(" a\r\nb\u{1b}[31m ", 100), "a  b [31m");
        assert_eq!(sanitize("ä".repeat(10).as_str(), 5), "ää");
        assert_eq!(sanitize("", 5), "");
    }
}
