//! The transport keeps the contract of the seam, over real sockets.

use genrex_blocking::UreqTransport;
use genrex_blocking::core::block_on;
use genrex_blocking::core::testing::transport::conformance;

#[test]
fn the_transport_keeps_the_contract() {
    let transport = UreqTransport::new(|http| http.proxy(None)).unwrap();
    block_on(conformance(&transport)).unwrap();
}
