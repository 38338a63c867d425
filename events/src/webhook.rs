//! Standard Webhooks signatures: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//!
//! A signature is HMAC-SHA256 over `<id>.<timestamp>.<body>`, the body byte for byte as it was sent. Its header holds
//! one or several, so that a secret can be rotated without a gap.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use subtle::ConstantTimeEq;
use tenantry_core::Timestamp;
use zeroize::Zeroizing;

/// The header with the message's id; the same for every try.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of this try, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a message's time may lie from the receiver's, either way; beyond it, a message may be an old one that
/// somebody sends again.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Fewest bytes of a secret.
pub const SECRET_BYTES_MIN: usize = 24;
/// Most bytes of a secret.
pub const SECRET_BYTES_MAX: usize = 64;

/// Signatures looked at; a header with more is a flood, not a rotation.
const SIGNATURES_MAX: usize = 16;

const SECRET_PREFIX: &str = "whsec_";
const VERSION_PREFIX: &str = "v1,";

/// A signing secret: `whsec_` and base64 of 24 to 64 random bytes. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret {
    bytes: Zeroizing<Vec<u8>>,
}

/// Why a text is not a signing secret. It does not say the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// Not base64 after the prefix.
    #[error("the signing secret is not `whsec_` and base64. Copy it again from where it was shown")]
    NotBase64,
    /// Too short or too long.
    #[error(
        "the signing secret has {0} bytes, not {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}. Copy it again from where it was shown"
    )]
    Length(usize),
}

impl SigningSecret {
    /// A secret of random bytes that the caller has drawn.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidSecret> {
        if (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            Ok(Self { bytes: Zeroizing::new(bytes.to_vec()) })
        } else {
            Err(InvalidSecret::Length(bytes.len()))
        }
    }

    /// Reads `whsec_…`; the prefix may be missing, as the specification allows.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(SECRET_PREFIX).unwrap_or(text);
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| InvalidSecret::NotBase64)?);
        Self::from_bytes(&bytes)
    }

    /// The secret as text, to be shown once and stored in a vault.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(self.bytes.as_slice()))
    }

    fn mac(&self, id: &str, timestamp_seconds: i64, body: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).expect("HMAC takes a key of any length");
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp_seconds.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.finalize().into_bytes().to_vec()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret([secret])")
    }
}

/// The signature of one message: `v1,<base64>`, a value of [`SIGNATURE_HEADER`]. While a secret is rotated, join one
/// of each secret by a space.
pub fn sign(secret: &SigningSecret, id: &str, timestamp_seconds: i64, body: &[u8]) -> String {
    format!("{VERSION_PREFIX}{}", STANDARD.encode(secret.mac(id, timestamp_seconds, body)))
}

/// Why a message is not believed. None of these says what would have been right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// A header is missing, empty or not text.
    #[error("the header {0} is missing or malformed. Does the request come from Tenantry?")]
    Header(&'static str),
    /// Its time lies too far from ours.
    #[error(
        "the message's time is {off_seconds} seconds off, and at most {TOLERANCE_SECONDS} are allowed. Check this machine's clock"
    )]
    Time {
        /// How far, in seconds.
        off_seconds: u64,
    },
    /// No signature is by one of the secrets.
    #[error(
        "no signature of the message is by a known secret. Check the secret, and that the body is verified byte for byte as it came"
    )]
    Signature,
}

/// Checks a message against each of `secrets` (two while one is rotated). Takes the same time wherever a signature
/// first differs.
pub fn verify(
    secrets: &[SigningSecret],
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    if id.is_empty() {
        return Err(VerifyError::Header(ID_HEADER));
    }
    // Digits alone: the text is part of what is signed, and only one text may stand for one time.
    let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = match timestamp.parse() {
        Ok(seconds) if digits => seconds,
        _ => return Err(VerifyError::Header(TIMESTAMP_HEADER)),
    };
    let off_seconds = now.as_seconds().abs_diff(seconds);
    if off_seconds > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(VerifyError::Time { off_seconds });
    }
    let given: Vec<Vec<u8>> = signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix(VERSION_PREFIX))
        .take(SIGNATURES_MAX)
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .collect();
    if given.is_empty() {
        return Err(VerifyError::Header(SIGNATURE_HEADER));
    }
    let mut good = subtle::Choice::from(0);
    for secret in secrets {
        let right = secret.mac(id, seconds, body);
        for signature in &given {
            good |= signature.as_slice().ct_eq(right.as_slice());
        }
    }
    if bool::from(good) { Ok(()) } else { Err(VerifyError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The vector of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECONDS: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn check(signatures: &str, seconds: &str, now: i64) -> Result<(), VerifyError> {
        verify(&[SigningSecret::parse(SECRET).unwrap()], ID, seconds, signatures, BODY, at(now))
    }

    #[test]
    fn the_known_vector() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(sign(&secret, ID, SECONDS, BODY), SIGNATURE);
        assert_eq!(secret.reveal(), SECRET);
        assert_eq!(format!("{secret:?}"), "SigningSecret([secret])");
        assert_eq!(check(SIGNATURE, "1614265330", SECONDS), Ok(()));
    }

    #[test]
    fn several_signatures_and_several_secrets() {
        let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
        assert_eq!(check(&format!("{other} {SIGNATURE}"), "1614265330", SECONDS), Ok(()));
        assert_eq!(check(&format!("v1a,xyz v2,abc {SIGNATURE}"), "1614265330", SECONDS), Ok(()));
        assert_eq!(check(other, "1614265330", SECONDS), Err(VerifyError::Signature));
        let (old, new) =
            (SigningSecret::parse(SECRET).unwrap(), SigningSecret::from_bytes(&[7; 32]).unwrap());
        let signed = sign(&new, ID, SECONDS, BODY);
        let both = [old.clone(), new];
        assert_eq!(verify(&both, ID, "1614265330", &signed, BODY, at(SECONDS)), Ok(()));
        assert_eq!(verify(&[old], ID, "1614265330", &signed, BODY, at(SECONDS)), Err(VerifyError::Signature));
        assert_eq!(verify(&[], ID, "1614265330", &signed, BODY, at(SECONDS)), Err(VerifyError::Signature));
    }

    #[test]
    fn five_minutes_either_way() {
        for (off, good) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            let checked = check(SIGNATURE, "1614265330", SECONDS + off);
            let wanted = if good { Ok(()) } else { Err(VerifyError::Time { off_seconds: 301 }) };
            assert_eq!(checked, wanted, "{off}");
        }
    }

    #[test]
    fn malformed_headers() {
        for bad in ["", "abc", "-5", "+1614265330", " 1614265330", "1614265330.0", "99999999999999999999"] {
            assert_eq!(check(SIGNATURE, bad, SECONDS), Err(VerifyError::Header(TIMESTAMP_HEADER)), "{bad}");
        }
        for bad in ["", "g0hM9SsE", "v1,", "v1,%%%", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            assert!(check(bad, "1614265330", SECONDS).is_err(), "{bad}");
        }
        let secret = [SigningSecret::parse(SECRET).unwrap()];
        let checked = verify(&secret, "", "1614265330", SIGNATURE, BODY, at(SECONDS));
        assert_eq!(checked, Err(VerifyError::Header(ID_HEADER)));
    }

    #[test]
    fn secrets_have_24_to_64_bytes() {
        assert_eq!(SigningSecret::from_bytes(&[1; 23]), Err(InvalidSecret::Length(23)));
        assert!(SigningSecret::from_bytes(&[1; 24]).is_ok() && SigningSecret::from_bytes(&[1; 64]).is_ok());
        assert_eq!(SigningSecret::from_bytes(&[1; 65]), Err(InvalidSecret::Length(65)));
        assert_eq!(SigningSecret::parse("whsec_?"), Err(InvalidSecret::NotBase64));
    }

    proptest! {
        #[test]
        fn what_is_signed_verifies_and_nothing_else_does(
            key in prop::collection::vec(any::<u8>(), 24..64),
            id in "[a-z_0-9.]{1,40}",
            body in prop::collection::vec(any::<u8>(), 0..200),
            flip in any::<prop::sample::Index>(),
        ) {
            let secret = SigningSecret::from_bytes(&key).unwrap();
            let signed = sign(&secret, &id, SECONDS, &body);
            let secrets = [secret];
            let time = SECONDS.to_string();
            prop_assert_eq!(verify(&secrets, &id, &time, &signed, &body, at(SECONDS)), Ok(()));
            let other_id = format!("{id}x");
            prop_assert!(verify(&secrets, &other_id, &time, &signed, &body, at(SECONDS)).is_err());
            prop_assert!(verify(&secrets, &id, "1614265331", &signed, &body, at(SECONDS)).is_err());
            let mut other = body.clone();
            other.push(0);
            prop_assert!(verify(&secrets, &id, &time, &signed, &other, at(SECONDS)).is_err());
            if !body.is_empty() {
                let mut other = body.clone();
                other[flip.index(body.len())] ^= 1;
                prop_assert!(verify(&secrets, &id, &time, &signed, &other, at(SECONDS)).is_err());
            }
        }
    }
}
