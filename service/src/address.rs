//! [`Address`]: where to listen, as people write it.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections that may wait until they are accepted; fewer, where the system allows fewer. The usual 128 are full when a sale
/// begins, and whoever comes then tries again a second later.
const WAITING: u32 = 4_096;

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

    /// Begins to listen there: on the first of the host's addresses that the machine has, those of IPv4 before those of IPv6.
    ///
    /// # Errors
    ///
    /// A line that names the address and says what is wrong.
    pub async fn bind(&self) -> Result<TcpListener, String> {
        let bound = if self.host.is_empty() {
            self.everywhere()
        } else {
            self.by_name().await
        };
        bound.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => ": another program has it, or this service runs already",
                _ => "",
            };
            format!("cannot listen on {self}: {error}{hint}")
        })
    }

    async fn by_name(&self) -> io::Result<TcpListener> {
        let host = self.host.trim_matches(['[', ']']);
        let addresses = lookup_host((host, self.port)).await?;
        on_first(in_turn(addresses))
    }

    /// At all addresses of the machine; where it has no IPv6, at those of IPv4.
    fn everywhere(&self) -> io::Result<TcpListener> {
        let at = |ip: IpAddr| listen(SocketAddr::new(ip, self.port));
        match at(Ipv6Addr::UNSPECIFIED.into()) {
            Err(error) if error.kind() != ErrorKind::AddrInUse => at(Ipv4Addr::UNSPECIFIED.into()),
            bound => bound,
        }
    }
}

/// On the first that the machine has; else the error of the first.
fn on_first(addresses: Vec<SocketAddr>) -> io::Result<TcpListener> {
    let mut first = None;
    for address in addresses {
        match listen(address) {
            // Where another program has the first one, this service may run already: it must not begin beside itself.
            Err(error) if error.kind() != ErrorKind::AddrInUse => first = first.or(Some(error)),
            bound => return bound,
        }
    }
    Err(first.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into()))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A service that is started again need not wait for the connections of the one before. Elsewhere this means another thing.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Those of IPv4 first: whoever asks for `localhost` tries both kinds, and whoever asks for `127.0.0.1` this one alone.
fn in_turn(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses
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
    use super::{Address, in_turn, on_first, reachable};
    use std::io::ErrorKind;
    use std::time::Duration;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_first_address_that_the_machine_has_is_taken_unless_another_program_has_it() {
        // Of documentation: no machine has these.
        let missing = ["192.0.2.1:0", "[2001:db8::1]:0"].map(|it| it.parse().unwrap());
        let here = "127.0.0.1:0".parse().unwrap();
        let there = on_first([&missing[..], &[here]].concat()).unwrap();
        let taken = there.local_addr().unwrap();
        assert_eq!(taken.ip(), here.ip());
        let kind = |bound: Result<TcpListener, std::io::Error>| bound.unwrap_err().kind();
        let refused = on_first(vec![missing[0], taken, here]);
        assert_eq!(kind(refused), ErrorKind::AddrInUse);
        let none = on_first(missing.into());
        assert_eq!(kind(none), ErrorKind::AddrNotAvailable);
    }

    /// Nobody accepts them, as in the first instant of a sale.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn some_hundred_connections_can_wait() {
        let listener = Address::local(0).bind().await.unwrap();
        let address = listener.local_addr().unwrap();
        // One for which there is no place hears nothing, and would try again after a second.
        let time = Duration::from_millis(900);
        let connect = |_| std::net::TcpStream::connect_timeout(&address, time).unwrap();
        let waiting: Vec<_> = (0..400).map(connect).collect();
        assert_eq!(waiting.len(), 400);
    }

    #[test]
    fn of_a_name_the_addresses_of_ipv4_come_first() {
        let found = ["[::1]:80", "[::2]:80", "127.0.0.1:80", "192.0.2.1:80"];
        let found = found.map(|address| address.parse().unwrap());
        let first = in_turn(found.into_iter());
        let first: Vec<String> = first.iter().map(ToString::to_string).collect();
        let as_found = ["127.0.0.1:80", "192.0.2.1:80", "[::1]:80", "[::2]:80"];
        assert_eq!(first, as_found);
    }

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
