//! Receipts: which message, and which receipt of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// Random bytes of a receipt: enough that none is ever guessed or given twice.
pub(super) const NONCE_BYTES: usize = 16;

/// A receipt: the message's row, and what the row holds since the message was last received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) seq: i64,
    pub(super) nonce: [u8; NONCE_BYTES],
}

/// A text that no receipt ever was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, URL_SAFE_NO_PAD.encode(self.nonce))
    }
}

impl FromStr for Receipt {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (seq, nonce) = text.split_once('.').ok_or(Malformed)?;
        let nonce = URL_SAFE_NO_PAD.decode(nonce).map_err(|_| Malformed)?;
        Ok(Self { seq: seq.parse().map_err(|_| Malformed)?, nonce: nonce.try_into().map_err(|_| Malformed)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(seq: i64, nonce: [u8; NONCE_BYTES]) {
            let receipt = Receipt { seq, nonce };
            prop_assert_eq!(receipt.to_string().parse(), Ok(receipt));
        }

        #[test]
        fn other_texts_are_refused(text in ".{0,40}") {
            prop_assert!(text.parse::<Receipt>().is_err());
        }
    }
}
