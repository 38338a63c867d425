//! Pages: `nextToken` says where a list goes on, and of which list.

use crate::ApiError;
use crate::request::{Ask, TextRule};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Items of a page where the caller names no number, or zero.
const ITEMS_DEFAULT: usize = 100;
/// How much of the hash of what was asked is in a token: enough that no token fits another list by accident.
const BOUND_BYTES: usize = 12;

/// Which page of which list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// At most so many items.
    pub(crate) limit: usize,
    /// Where to go on; as the list itself wrote it.
    pub(crate) after: Option<String>,
    bound: [u8; BOUND_BYTES],
}

impl Page {
    /// Reads `maxResults` and `nextToken`; `list` names the list with all its filters, and a token of another one is
    /// refused.
    ///
    /// # Errors
    /// `InvalidToken`; constraint faults stay with `ask`.
    pub(crate) fn read(ask: &mut Ask<'_>, token: TextRule, list: &[&str]) -> Result<Self, ApiError> {
        let limit = ask.integer("maxResults", 0, 1000)?;
        let token = ask.text("nextToken", token)?;
        Self::of(limit, token, list)
    }

    fn of(limit: Option<i64>, token: Option<&str>, list: &[&str]) -> Result<Self, ApiError> {
        let limit = match limit.and_then(|limit| usize::try_from(limit).ok()) {
            None | Some(0) => ITEMS_DEFAULT,
            Some(limit) => limit,
        };
        let mut hash = Sha256::new();
        for part in list {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut bound = [0; BOUND_BYTES];
        bound.copy_from_slice(&hash.finalize()[..BOUND_BYTES]);
        let after = token.filter(|token| !token.is_empty()).map(|token| open(token, &bound)).transpose()?;
        Ok(Self { limit, after, bound })
    }

    /// The token of the page that goes on after `position`.
    pub(crate) fn next(&self, position: &str) -> String {
        let mut bytes = self.bound.to_vec();
        bytes.extend_from_slice(position.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Cuts a whole list, in ascending order of its keys, to this page: the items, and the next page's token. What was
    /// deleted since the page before leaves no gap and repeats nothing.
    pub(crate) fn cut<T>(&self, items: Vec<(String, T)>) -> (Vec<T>, Option<String>) {
        let start = match &self.after {
            Some(after) => items.partition_point(|(key, _)| key <= after),
            None => 0,
        };
        let more = items.len() > start.saturating_add(self.limit);
        let mut page: Vec<_> = items.into_iter().skip(start).take(self.limit).collect();
        let next = more.then(|| page.last().map(|(key, _)| self.next(key))).flatten();
        (page.drain(..).map(|(_, item)| item).collect(), next)
    }
}

fn open(token: &str, bound: &[u8]) -> Result<String, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| ApiError::invalid_token())?;
    let position = bytes.strip_prefix(bound).ok_or_else(ApiError::invalid_token)?;
    String::from_utf8(position.to_vec()).map_err(|_| ApiError::invalid_token())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<(String, usize)> {
        (0..count).map(|number| (format!("k{number:03}"), number)).collect()
    }

    #[test]
    fn pages_lie_end_to_end() {
        let mut token = None;
        let mut seen = Vec::new();
        loop {
            let page = Page::of(Some(3), token.as_deref(), &["list", "x"]).unwrap();
            let (found, next) = page.cut(items(8));
            seen.extend(found);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..8).collect::<Vec<_>>());
        assert_eq!(Page::of(Some(8), None, &[]).unwrap().cut(items(8)).1, None);
    }

    #[test]
    fn a_token_is_good_for_its_own_list_alone() {
        let page = Page::of(Some(0), None, &["list", "ab", "c"]).unwrap();
        assert_eq!(page.limit, 100);
        let token = page.next("k");
        assert!(Page::of(None, Some(&token), &["list", "ab", "c"]).is_ok());
        for bad in [token.as_str(), "invalid", "x y", "AAAA"] {
            let error = Page::of(None, Some(bad), &["list", "a", "bc"]).unwrap_err();
            assert_eq!(error.code, "InvalidToken");
        }
    }
}
