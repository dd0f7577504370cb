#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| genrex_fuzz::links(data));
