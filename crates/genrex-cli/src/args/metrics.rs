use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// What it costs to be asked by a machine that is not this one is for the user to say: this machine alone unless an
/// address is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricsAddress(pub(crate) SocketAddr);

impl MetricsAddress {
    /// The port that exporters of OpenTelemetry's take for Prometheus.
    pub(crate) const DEFAULT: &str = "127.0.0.1:9464";
}

impl FromStr for MetricsAddress {
    type Err = String;

    /// An address with a port, or a port of this machine alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let port = text.parse::<u16>().map(local);
        let address = port.or_else(|_| text.parse::<SocketAddr>());
        address.map(Self).map_err(|_| {
            String::from("write an address and a port, such as 127.0.0.1:9464, or a port")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_this_machine_s() {
        let read = |text: &str| {
            text.parse::<MetricsAddress>()
                .map(|address| address.0.to_string())
        };
        assert_eq!(read("9464"), Ok(String::from("127.0.0.1:9464")));
        assert_eq!(read("0.0.0.0:1"), Ok(String::from("0.0.0.0:1")));
        assert_eq!(read("[::1]:1"), Ok(String::from("[::1]:1")));
        assert!(read("localhost").is_err() && read("70000").is_err());
        assert_eq!(read(MetricsAddress::DEFAULT), read("9464"));
    }
}
