//! What the program `genrex` reads out of files that people write, apart from it, so that a fuzzer can drive it.
//!
//! It is no interface: it changes with the program, which is what scripts rely on.

#[doc(hidden)]
pub mod profiles;
#[doc(hidden)]
pub mod rows;
#[doc(hidden)]
pub mod settings;
#[doc(hidden)]
pub mod template;
