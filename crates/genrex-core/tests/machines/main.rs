//! The machines, driven over a script on a virtual clock: hours of waiting in milliseconds.

mod download;
mod properties;
mod submit;
mod support;
mod wait;
