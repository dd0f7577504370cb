#![doc = include_str!("../README.md")]

mod file;
#[cfg_attr(unix, path = "files_unix.rs")]
#[cfg_attr(not(unix), path = "files_other.rs")]
pub mod files;
mod folder;
mod witness;

pub use file::{Line, Pending, Rescue, is_to_be_rescued, set_aside};
pub use witness::{Seen, Witness};
