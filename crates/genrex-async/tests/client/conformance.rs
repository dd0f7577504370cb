//! The transport keeps the contract of the seam, over real sockets.

use genrex_async::core::testing::transport::conformance;
use genrex_async::{ReqwestTransport, reqwest};

#[tokio::test]
async fn the_transport_keeps_the_contract() {
    let transport = ReqwestTransport::new(reqwest::ClientBuilder::no_proxy).unwrap();
    conformance(&transport).await.unwrap();
}
