//! One file a command, or a few that share what they do.

pub(crate) mod account;
mod advice;
pub(crate) mod batch;
mod body;
pub(crate) mod config;
pub(crate) mod deliver;
pub(crate) mod generate;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod login;
mod named;
mod out_dir;
pub(crate) mod pages;
pub(crate) mod play;
mod price;
pub(crate) mod sandbox;
mod settled_by;
pub(crate) mod sign;
pub(crate) mod status;
mod usual;
pub(crate) mod verify;
pub(crate) mod wait;
mod watch;
pub(crate) mod work;
