//! What a fuzzer drives: one function a target, which takes any bytes and panics if something does not hold.
//!
//! A target asserts more than that nothing panics: that what is accepted is what its documentation says, and that
//! what is written is read back. `tests/bounded.rs` drives each of them on stable, by the corpus and its mutations;
//! `cargo-fuzz` drives them for as long as it is let. See the README.
//!
//! A new target is a function here, a line in [`TARGETS`], a folder in `corpus` and a file in
//! `cargo-fuzz/targets`; a test says what is missing. What is not public in its crate comes in through a module of
//! that crate which is hidden from its documentation, such as `genrex_core::testing::parsers`.

#![expect(
    clippy::missing_panics_doc,
    reason = "that they panic is what targets are for"
)]

mod address;
mod audio;
mod credentials;
mod links;
mod machines;
mod program;
mod service;
mod text;

pub use address::{base_url, date, retry_after};
pub use audio::wav;
pub use credentials::{credentials, signature_header};
pub use links::links;
pub use machines::{download, purchase, submit, wait};
pub use program::{config, profiles, rows};
pub use service::{balance, error_body, generation, query_id, salvage};
pub use text::{escape, redact};

/// A target's name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 21] = [
    ("balance", balance),
    ("base_url", base_url),
    ("config", config),
    ("credentials", credentials),
    ("date", date),
    ("download", download),
    ("error_body", error_body),
    ("escape", escape),
    ("generation", generation),
    ("links", links),
    ("profiles", profiles),
    ("purchase", purchase),
    ("query_id", query_id),
    ("redact", redact),
    ("retry_after", retry_after),
    ("rows", rows),
    ("salvage", salvage),
    ("signature_header", signature_header),
    ("submit", submit),
    ("wait", wait),
    ("wav", wav),
];
