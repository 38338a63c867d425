//! Secrets that are made here and shown once.

use super::App;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tenantry_core::ports::Secret;

/// SHA-256 in hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The hash under which a bearer or task token is kept: SHA-256 in hex. The tokens are 256 random bits, so that no
/// salt is needed.
pub fn token_hash(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

impl App {
    fn random(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        self.ports.ids.fill(&mut bytes);
        bytes
    }

    /// A token: the prefix and 256 random bits in base64url.
    pub(super) fn new_token(&self, prefix: &str) -> Secret {
        Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.random())))
    }

    /// A signing secret of the Standard Webhooks specification: `whsec_` and 32 bytes in base64.
    pub(super) fn new_signing_secret(&self) -> Secret {
        Secret::new(format!("whsec_{}", STANDARD.encode(self.random())))
    }
}
