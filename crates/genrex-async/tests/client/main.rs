//! What users meet: the builder, purchases under a ledger, audio streams, the network's limits, the environment.

mod builder;
mod downloads;
mod environment;
mod network;
mod purchases;
mod streams;
mod support;
