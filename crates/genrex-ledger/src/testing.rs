//! The suite that every storage must pass.
