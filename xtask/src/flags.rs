#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the macro writes what it needs, and its own help"
)]

use std::path::PathBuf;

xflags::xflags! {
    /// The project's own chores.
    cmd xtask {
        /// Hold the dependency tree against what the project claims of it.
        cmd dependencies {}
        /// Check that each library builds with each of its TLS features alone.
        cmd features {}
        /// Run the whole programs of GenreX's quick start, with only host and keys changed, against the
        /// sandbox. Needs Node and npm.
        cmd quick-start {
            /// The quick start's page, as text.
            required file: PathBuf
        }
    }
}
