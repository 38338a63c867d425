//! Task tokens: made, sealed, recognised.
//!
//! A token is `version | execution | task | 256 random bits | MAC` in base64url. The MAC tells a token that was
//! issued once, and is answered or expired now, from one that never was ours; the random bits are what makes it a
//! secret. The journal holds its hash, and until the dispatch is acknowledged the random bits, sealed.

use crate::journal::ExecutionKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tenantry_asl::TaskId;
use tenantry_core::ports::Ids;

const VERSION: u8 = 1;
const ROUTE_LENGTH: usize = 1 + 8 + 8;
const SECRET_LENGTH: usize = 32;
const MAC_LENGTH: usize = 32;
const TOKEN_LENGTH: usize = ROUTE_LENGTH + SECRET_LENGTH + MAC_LENGTH;
const NONCE_LENGTH: usize = 24;

/// A token that was issued, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuedToken {
    /// Whose.
    pub(crate) task: TaskId,
    /// SHA-256 of the token's text, in base64url.
    hash: String,
    /// The random bits, sealed; gone once the dispatch was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

impl IssuedToken {
    /// Whether `presented` is this token, in constant time.
    pub(crate) fn is(&self, presented: &PresentedToken) -> bool {
        self.hash.as_bytes().ct_eq(presented.hash.as_bytes()).into()
    }

    /// Forgets the sealed value: nobody needs the token's text any more.
    pub(crate) fn acknowledge(&mut self) {
        self.sealed = None;
    }
}

/// A token that came in and carries our MAC: it was issued by us once.
pub(crate) struct PresentedToken {
    /// Its execution.
    pub(crate) execution: ExecutionKey,
    /// Its task.
    pub(crate) task: TaskId,
    hash: String,
}

/// The keys, derived from the one that the engine was opened with.
pub(crate) struct TokenKeys {
    mac: Hmac<Sha256>,
    cipher: XChaCha20Poly1305,
}

impl TokenKeys {
    pub(crate) fn new(token_key: &[u8; 32]) -> Self {
        let derive = |label: &[u8]| {
            let mut mac = keyed(token_key);
            mac.update(label);
            mac.finalize().into_bytes()
        };
        Self {
            mac: keyed(&derive(b"tenantry task token: authenticate")),
            cipher: XChaCha20Poly1305::new(&derive(b"tenantry task token: seal")),
        }
    }

    /// A new token for a task.
    pub(crate) fn mint(&self, ids: &dyn Ids, execution: ExecutionKey, task: TaskId) -> IssuedToken {
        let mut secret = [0; SECRET_LENGTH];
        ids.fill(&mut secret);
        let mut nonce = [0; NONCE_LENGTH];
        ids.fill(&mut nonce);
        let hash = hash_of(&self.text(execution, task, &secret));
        let mut sealed = secret;
        let tag = self
            .cipher
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &route(execution, task),
                sealed.as_mut_slice().into(),
            )
            .expect("32 bytes are under the cipher's limit of 256 GiB");
        let sealed = URL_SAFE_NO_PAD.encode([&nonce[..], &sealed[..], &tag[..]].concat());
        IssuedToken { task, hash, sealed: Some(sealed) }
    }

    /// The text of a token that was issued and not yet acknowledged; `None` where it is, or where the seal is broken
    /// (another key, damaged rows).
    pub(crate) fn reveal(&self, execution: ExecutionKey, issued: &IssuedToken) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(issued.sealed.as_deref()?).ok()?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LENGTH>()?;
        let (secret, tag) = rest.split_first_chunk::<SECRET_LENGTH>()?;
        let tag: [u8; 16] = tag.try_into().ok()?;
        let mut secret = *secret;
        self.cipher
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &route(execution, issued.task),
                secret.as_mut_slice().into(),
                &tag.into(),
            )
            .ok()?;
        Some(self.text(execution, issued.task, &secret))
    }

    /// Recognises a token by its MAC; `None` for what was never issued under this key.
    pub(crate) fn recognise(&self, text: &str) -> Option<PresentedToken> {
        let bytes: [u8; TOKEN_LENGTH] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (signed, tag) = bytes.split_at(ROUTE_LENGTH + SECRET_LENGTH);
        let mut mac = self.mac.clone();
        mac.update(signed);
        mac.verify_slice(tag).ok()?;
        if signed[0] != VERSION {
            return None;
        }
        let number = |at: usize| signed[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Some(PresentedToken { execution: number(1), task: number(9), hash: hash_of(text) })
    }

    fn text(&self, execution: ExecutionKey, task: TaskId, secret: &[u8; SECRET_LENGTH]) -> String {
        let mut bytes = Vec::with_capacity(TOKEN_LENGTH);
        bytes.extend_from_slice(&route(execution, task));
        bytes.extend_from_slice(secret);
        let mut mac = self.mac.clone();
        mac.update(&bytes);
        bytes.extend_from_slice(&mac.finalize().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .expect("HMAC takes keys of any length (RFC 2104 section 2)")
}

fn route(execution: ExecutionKey, task: TaskId) -> [u8; ROUTE_LENGTH] {
    let mut route = [0; ROUTE_LENGTH];
    route[0] = VERSION;
    route[1..9].copy_from_slice(&execution.to_be_bytes());
    route[9..].copy_from_slice(&task.to_be_bytes());
    route
}

fn hash_of(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeqIds;
    use proptest::prelude::*;

    #[test]
    fn a_token_is_recognised_sealed_and_revealed() {
        let keys = TokenKeys::new(&[7; 32]);
        let issued = keys.mint(&SeqIds::default(), 42, 9);
        let text = keys.reveal(42, &issued).unwrap();
        let presented = keys.recognise(&text).unwrap();
        assert_eq!((presented.execution, presented.task), (42, 9));
        assert!(issued.is(&presented));
        let row = serde_json::to_string(&issued).unwrap();
        assert!(!row.contains(&text), "the journal's row holds the token");
        let mut acknowledged = issued;
        acknowledged.acknowledge();
        assert_eq!(keys.reveal(42, &acknowledged), None);
    }

    #[test]
    fn another_key_another_execution_and_another_task_do_not_open_it() {
        let keys = TokenKeys::new(&[7; 32]);
        let issued = keys.mint(&SeqIds::default(), 42, 9);
        let text = keys.reveal(42, &issued).unwrap();
        assert!(TokenKeys::new(&[8; 32]).recognise(&text).is_none());
        assert!(TokenKeys::new(&[8; 32]).reveal(42, &issued).is_none());
        assert!(keys.reveal(43, &issued).is_none());
        assert!(keys.reveal(42, &IssuedToken { task: 10, ..issued }).is_none());
    }

    proptest! {
        #[test]
        fn no_change_of_a_token_is_taken(at in 0usize..108, to in "[A-Za-z0-9_=. -]") {
            let keys = TokenKeys::new(&[7; 32]);
            let issued = keys.mint(&SeqIds::default(), 1, 1);
            let text = keys.reveal(1, &issued).unwrap();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(keys.recognise(&changed).is_some(), changed == text);
        }

        #[test]
        fn noise_is_never_taken(text in ".{0,200}") {
            prop_assert!(TokenKeys::new(&[7; 32]).recognise(&text).is_none());
        }
    }
}
