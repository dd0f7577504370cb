/// A WAVE file of 100,044 bytes, each place different from its neighbours.
///
/// # Panics
///
/// Never: a remainder of 251 is a byte.
#[must_use]
pub fn wav() -> Vec<u8> {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(100_036_u32.to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data");
    bytes.extend(100_000_u32.to_le_bytes());
    bytes.extend((0..100_000_u32).map(|at| u8::try_from(at % 251).expect("a byte")));
    bytes
}
