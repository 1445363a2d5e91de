//! Signs requests, so that who receives one can tell that it is ours and new: the symmetric scheme of Standard Webhooks.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Secrets that are used at once at most: each costs a signature.
const MOST: usize = 8;

/// What requests are signed with: a secret, or while one takes the place of another several with blanks between.
///
/// Each is `whsec_` and 24 to 64 bytes in base64. They are never shown.
#[derive(Clone)]
pub struct Secrets(Vec<Hmac<Sha256>>);

impl Secrets {
    /// The header `webhook-signature` of a request: a signature by each secret, with blanks between.
    ///
    /// `id` and `timestamp`, in seconds since 1970, are the headers `webhook-id` and `webhook-timestamp`; `body` is sent as
    /// it is.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = self.codes(id, timestamp, body);
        let signatures = signed.map(|code| {
            let code = STANDARD.encode(code.finalize().into_bytes());
            format!("v1,{code}")
        });
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// Whether one of the `signatures` of a request, as [`sign`](Self::sign) writes them, is by one of these secrets.
    /// Whether `timestamp` is recent is for the caller to see.
    pub fn verify(&self, id: &str, timestamp: i64, body: &[u8], signatures: &str) -> bool {
        let of_version_1 = |signature: &str| STANDARD.decode(signature.strip_prefix("v1,")?).ok();
        let signatures: Vec<_> = signatures
            .split_whitespace()
            .filter_map(of_version_1)
            .collect();
        self.codes(id, timestamp, body).any(|code| {
            let is_it = |signature| code.clone().verify_slice(signature).is_ok();
            signatures.iter().any(|signature| is_it(signature))
        })
    }

    fn codes(&self, id: &str, timestamp: i64, body: &[u8]) -> impl Iterator<Item = Hmac<Sha256>> {
        let head = format!("{id}.{timestamp}.");
        self.0.iter().map(move |secret| {
            let code = secret.clone().chain_update(head.as_bytes());
            code.chain_update(body)
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} hidden)", self.0.len())
    }
}

/// A text that holds no secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSecret;

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a secret, expected {PREFIX} and 24 to 64 bytes in base64, or up to {MOST} of them with blanks between"
        )
    }
}

impl std::error::Error for InvalidSecret {}

impl FromStr for Secrets {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let secrets = text.split_whitespace().map(secret);
        let secrets = secrets.collect::<Option<Vec<_>>>().ok_or(InvalidSecret)?;
        match secrets.len() {
            1..=MOST => Ok(Self(secrets)),
            _ => Err(InvalidSecret),
        }
    }
}

fn secret(text: &str) -> Option<Hmac<Sha256>> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    let has_length = (24..=64).contains(&bytes.len());
    has_length.then(|| Hmac::new_from_slice(&bytes).ok())?
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The secret of the example below.
    pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn of_length(bytes: usize) -> String {
        format!("whsec_{}", STANDARD.encode(vec![7; bytes]))
    }

    #[test]
    fn a_signature_is_the_one_that_other_implementations_make() {
        let secrets: Secrets = SECRET.parse().unwrap();

        // The example that implementations of Standard Webhooks and of its predecessor share.
        let signature = secrets.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_signature_is_for_one_id_time_and_body() {
        let secrets: Secrets = SECRET.parse().unwrap();

        let signature = secrets.sign("1-0", 5, b"body");

        assert!(secrets.verify("1-0", 5, b"body", &signature));
        assert!(!secrets.verify("1-1", 5, b"body", &signature));
        assert!(!secrets.verify("1-0", 6, b"body", &signature));
        assert!(!secrets.verify("1-0", 5, b"Body", &signature));
        assert!(!secrets.verify("1-0", 5, b"body", &signature.replace("v1,", "v2,")));
        assert!(!secrets.verify("1-0", 5, b"body", ""));
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let [old, new] = [of_length(24), of_length(32)];
        let both: Secrets = format!("{new} {old}").parse().unwrap();

        let signatures = both.sign("1-0", 5, b"body");

        assert_eq!(signatures.split(' ').count(), 2);
        for one in [old, new] {
            let one: Secrets = one.parse().unwrap();
            assert!(one.verify("1-0", 5, b"body", &signatures));
        }
        let other: Secrets = of_length(33).parse().unwrap();
        assert!(!other.verify("1-0", 5, b"body", &signatures));
    }

    #[test]
    fn secrets_have_24_to_64_bytes() {
        for right in [
            of_length(24),
            of_length(64),
            vec![of_length(32); 8].join(" "),
        ] {
            assert!(right.parse::<Secrets>().is_ok(), "{right}");
        }
        for wrong in [
            String::new(),
            of_length(23),
            of_length(65),
            of_length(32).replace("whsec_", "whsk_"),
            format!("{}!", of_length(32)),
            format!("{} hush", of_length(32)),
            vec![of_length(32); 9].join(" "),
        ] {
            assert_eq!(
                wrong.parse::<Secrets>().err(),
                Some(InvalidSecret),
                "{wrong}"
            );
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secrets: Secrets = SECRET.parse().unwrap();

        assert_eq!(format!("{secrets:?}"), "Secrets(1 hidden)");
    }
}
