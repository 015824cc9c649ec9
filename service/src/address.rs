//! [`Address`]: where to listen, as people write it.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::TcpListener;

/// A host and a port: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for all addresses of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// A port on this machine alone.
    #[must_use]
    pub fn local(port: u16) -> Self {
        let host = Ipv4Addr::LOCALHOST.to_string();
        Self { host, port }
    }

    /// Begins to listen there: on the first of the host's addresses that can be had.
    ///
    /// # Errors
    ///
    /// A line that names the address and says what is wrong.
    pub async fn bind(&self) -> Result<TcpListener, String> {
        let bound = if self.host.is_empty() {
            self.everywhere().await
        } else {
            let host = self.host.trim_matches(['[', ']']);
            TcpListener::bind((host, self.port)).await
        };
        bound.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => ": another program has it, or this service runs already",
                _ => "",
            };
            format!("cannot listen on {self}: {error}{hint}")
        })
    }

    /// At all addresses of the machine; where it has no IPv6, at those of IPv4.
    async fn everywhere(&self) -> io::Result<TcpListener> {
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await {
            Err(error) if error.kind() != ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
            }
            bound => bound,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no address: write HOST:PORT, such as 127.0.0.1:8080, localhost:8080 or :8080"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        let port = port.parse().map_err(|_| wrong())?;
        if host.contains(char::is_whitespace) || (host.contains(':') && !is_v6) {
            return Err(wrong());
        }
        let host = host.to_owned();
        Ok(Self { host, port })
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// An address at which this machine reaches a listener: one that listens on all addresses is reached on loopback.
#[must_use]
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::{Address, reachable};

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_loopback() {
        for (listening, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listening.parse().unwrap()).to_string(), reached);
        }
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for good in [
            "127.0.0.1:0",
            "[::1]:8080",
            "localhost:8080",
            ":8080",
            "shop.example:80",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["", "nowhere", "8080", "::1:80", "a:", "a:99999", "a b:1"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
