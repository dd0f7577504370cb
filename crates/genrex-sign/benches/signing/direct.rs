//! The floor: SHA-256's compression function on kept states, and text in place.

use base16ct::lower;
use ctutils::CtEq as _;
use sha2::block_api::compress256;

/// As little as can be done: the states are kept, and a body is known to be short.
pub(crate) struct Direct {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Direct {
    pub(crate) fn new(key: &[u8]) -> Self {
        const INITIAL: [u32; 8] = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        let after = |pad: u8| {
            let (mut state, mut block) = (INITIAL, [pad; 64]);
            block.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
            compress256(&mut state, &[block]);
            state
        };
        Self {
            inner: after(0x36),
            outer: after(0x5c),
        }
    }

    pub(crate) fn mac(&self, t: u64, body: &[u8]) -> [u8; 32] {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(t).as_bytes();
        let mut message = [0; 128];
        message[..digits.len()].copy_from_slice(digits);
        message[digits.len()] = b'.';
        let length = digits.len() + 1 + body.len();
        message[digits.len() + 1..length].copy_from_slice(body);
        message[length] = 0x80;
        let end = if length < 56 { 64 } else { 128 };
        message[end - 8..end].copy_from_slice(&(8 * (64 + length) as u64).to_be_bytes());
        let mut state = self.inner;
        compress256(&mut state, message[..end].as_chunks().0);
        let mut block = [0; 64];
        block[..32].copy_from_slice(&bytes(&state));
        block[32] = 0x80;
        block[62] = 0x03;
        let mut state = self.outer;
        compress256(&mut state, &[block]);
        bytes(&state)
    }
}

fn bytes(state: &[u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    bytes
}

/// `t=…,v=…`, in place.
pub(crate) fn text<'a>(t: u64, mac: &[u8; 32], place: &'a mut [u8; 89]) -> &'a str {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(t).as_bytes();
    let middle = 2 + digits.len();
    place[..2].copy_from_slice(b"t=");
    place[2..middle].copy_from_slice(digits);
    place[middle..middle + 3].copy_from_slice(b",v=");
    lower::encode(mac, &mut place[middle + 3..]).unwrap();
    str::from_utf8(&place[..middle + 67]).unwrap()
}

/// Whether a header has the MAC that is made of its time.
pub(crate) fn is_of(header: &str, mac: impl FnOnce(u64) -> [u8; 32]) -> bool {
    let (t, digits) = header
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v=")
        .unwrap();
    let mut given = [0; 32];
    lower::decode(digits, &mut given).unwrap();
    mac(t.parse().unwrap()).ct_eq(&given).into()
}
