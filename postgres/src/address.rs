//! [`Address`]: where a database is, as its URL says, and the one way to connect to it.

mod hosts;
mod security;
#[cfg(feature = "tls")]
mod tls;
mod url;

use security::{Own, Security};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, Socket};

#[cfg(feature = "tls")]
use tls::Connector;
#[cfg(not(feature = "tls"))]
use tokio_postgres::NoTls as Connector;

/// Where a database is, and how its server is known.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: Config,
    connector: Connector,
    /// How often in sequence the first host that was asked ran out of its time: the next attempt begins with the next one.
    silent: Arc<AtomicUsize>,
}

/// What a connection reads and writes with, for a task of its own.
pub(crate) type Connection =
    tokio_postgres::Connection<Socket, <Connector as MakeTlsConnect<Socket>>::Stream>;

impl Address {
    /// The database at `url`. The files of certificates that it names are read now.
    ///
    /// # Errors
    ///
    /// What is wrong, in one line without a value of the URL but the file's name.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let url::Parts {
            rest,
            mode,
            roots,
            chain,
            key,
        } = url::parts(url);
        let security = Security::of(mode.as_deref(), roots.as_deref())?;
        let own = Own::of(chain.as_deref(), key.as_deref())?;
        if own.is_some() && security == Security::Plain {
            return Err("sslcert is of use with TLS, and sslmode=disable has none".to_owned());
        }
        let mut config: Config = rest.parse().map_err(|error| unreadable(&error))?;
        if config.get_ssl_mode() != Config::new().get_ssl_mode() {
            // It was taken out.
            return Err("sslmode cannot be read".to_owned());
        }
        // The name that a certificate must have, where the URL has addresses only.
        if config.get_hosts().is_empty() {
            for address in config.get_hostaddrs().to_owned() {
                config.host(address.to_string());
            }
        }
        let is_socket = |host: &Host| !matches!(host, Host::Tcp(_));
        let sockets = config.get_hosts().iter().filter(|host| is_socket(host));
        let sockets = sockets.count();
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        let mode = match security.mode() {
            SslMode::Require if sockets > 0 => {
                return Err("a Unix socket has no TLS: it is for sslmode=disable".to_owned());
            }
            SslMode::Require => SslMode::Require,
            _ if direct => {
                let line = "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full";
                return Err(line.to_owned());
            }
            // Asked by a socket, a server has no TLS.
            _ if sockets == config.get_hosts().len() => SslMode::Disable,
            mode => mode,
        };
        config.ssl_mode(mode);
        Ok(Self {
            config,
            connector: connector(security, own, direct)?,
            silent: Arc::default(),
        })
    }

    /// Connects to the first host that answers. The connection must be polled.
    ///
    /// The caller waits for no longer than `time`. Of it the first host has three quarters, and the others share the rest; or
    /// each has what the URL has as `connect_timeout`, if that is less. One that takes a connection and says nothing would leave
    /// the next hosts none; after it the next attempt begins with the next host, which then has that much time. Once one has answered, the
    /// first of the URL is asked first again: the next ones may be standbys, which take no changes.
    pub(crate) async fn connect(&self, time: Duration) -> Result<(Client, Connection), Error> {
        let mut hosts = hosts::each(&self.config);
        if hosts.is_empty() {
            return self.connect_to(&self.config).await;
        }
        let others = hosts.len() - 1;
        let first = self.silent.load(Ordering::Relaxed) % hosts.len();
        hosts.rotate_left(first);
        let own = self.config.get_connect_timeout().copied();
        let part = |part: Duration| own.map_or(part, |own| part.min(own));
        let rest = time / 4 / u32::try_from(others).unwrap_or(u32::MAX);
        for (at, host) in hosts[..others].iter().enumerate() {
            let part = part(if at == 0 { time - time / 4 } else { rest });
            match timeout(part, self.connect_to(host)).await {
                Ok(Ok(connected)) => {
                    self.silent.store(0, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(_) if at == 0 => _ = self.silent.fetch_add(1, Ordering::Relaxed),
                _ => {}
            }
        }
        let connected = self.connect_to(&hosts[others]).await?;
        self.silent.store(0, Ordering::Relaxed);
        Ok(connected)
    }

    /// With `sslmode=prefer` it is a plain connection where TLS fails: as libpq does it.
    async fn connect_to(&self, config: &Config) -> Result<(Client, Connection), Error> {
        // Boxed: it is seldom made, and what awaits it stays small.
        let by_tls = match Box::pin(self.connected(config)).await {
            Err(error) if config.get_ssl_mode() == SslMode::Prefer && may_be_plain(&error) => error,
            connected => return connected,
        };
        let mut plain = config.clone();
        plain.ssl_mode(SslMode::Disable);
        let connected = Box::pin(self.connected(&plain)).await;
        // A server that wants TLS does not say why there is none.
        connected.map_err(
            |error| match is_handshake(&by_tls) && is_no_way_in(&error) {
                true => by_tls,
                false => error,
            },
        )
    }

    async fn connected(&self, config: &Config) -> Result<(Client, Connection), Error> {
        config.connect(Connector::clone(&self.connector)).await
    }
}

/// Why a URL cannot be read. The client's own words may have a piece of a password, where that is not written as it must be.
fn unreadable(error: &Error) -> String {
    let words = std::error::Error::source(error).map(ToString::to_string);
    let words = words.unwrap_or_default();
    let option = words.strip_prefix("unknown option `").unwrap_or_default();
    match option.trim_end_matches('`') {
        option if option.starts_with("ssl") => format!("the setting {option} is not supported"),
        _ if words.starts_with("invalid value for option") => words,
        _ => "a setting is not known, or a character such as @, ? or a space is not written as in %40, or between quotes"
            .to_owned(),
    }
}

/// Whether a server that refused a connection by TLS may take one without: its handshake failed, or its rules of access.
fn may_be_plain(error: &Error) -> bool {
    cfg!(feature = "tls") && (is_handshake(error) || is_no_way_in(error))
}

/// By the server's rules of access.
fn is_no_way_in(error: &Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

/// The client says so in words only.
fn is_handshake(error: &Error) -> bool {
    error.to_string() == "error performing TLS handshake"
}

/// What an error says of TLS, if that is what failed.
pub(crate) fn words(error: &Error) -> Option<String> {
    let source = std::error::Error::source(error)?;
    // The server may say it later than the handshake.
    #[cfg(feature = "tls")]
    if let Some(words) = tls::words(source) {
        return Some(words);
    }
    if !is_handshake(error) {
        return None;
    }
    let words = source.to_string();
    Some(match words.as_str() {
        "server does not support TLS" => {
            "the server has no TLS, and sslmode asks for it".to_owned()
        }
        _ => format!("TLS with the server fails: {words}"),
    })
}

#[cfg(feature = "tls")]
fn connector(security: Security, own: Option<Own>, direct: bool) -> Result<Connector, String> {
    tls::connector(security, own.as_ref(), direct)
}

#[cfg(not(feature = "tls"))]
fn connector(security: Security, own: Option<Own>, _: bool) -> Result<Connector, String> {
    let asks = match own {
        Some(_) => "sslcert",
        None if security.mode() == SslMode::Require => "sslmode",
        None => return Ok(Connector),
    };
    Err(format!(
        "{asks} asks for TLS, and this program is built without it (feature `tls` of segstock-postgres)"
    ))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a password.
        self.config.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Duration, Host, SslMode, timeout};
    use std::net::TcpListener;
    use std::time::Instant;

    fn mode(url: &str) -> Result<SslMode, String> {
        Ok(Address::new(url)?.config.get_ssl_mode())
    }

    #[test]
    fn plain_connections_need_no_tls() {
        for (url, expected) in [
            ("postgres://me@db/shop", SslMode::Prefer),
            ("host=db sslmode=prefer", SslMode::Prefer),
            ("host=db sslmode=disable", SslMode::Disable),
            // Nobody is asked for TLS there.
            ("host=/run/postgresql", SslMode::Disable),
            (
                "postgres://me@%2Frun%2Fpostgresql/shop?sslmode=prefer",
                SslMode::Disable,
            ),
            ("host=/run/postgresql,db port=5432,5433", SslMode::Prefer),
        ] {
            assert_eq!(mode(url), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_asks_for_tls_gets_it_or_a_line() {
        for sslmode in ["require", "verify-full"] {
            for url in [
                format!("host=db sslmode={sslmode}"),
                format!("postgres://me@db/shop?sslmode={sslmode}"),
            ] {
                let mode = mode(&url);
                if cfg!(feature = "tls") {
                    assert_eq!(mode, Ok(SslMode::Require), "{url}");
                } else {
                    assert!(mode.unwrap_err().contains("feature `tls`"), "{url}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_one_line_without_values() {
        for (url, line) in [
            (
                "host=db password=secret sslmode=secret",
                "sslmode is one of",
            ),
            (
                "postgres://me:secret@db/shop?sslmode=secret",
                "sslmode is one of",
            ),
            (
                "postgres://me:secret@db/shop?sslmode=allow",
                "sslmode is one of",
            ),
            (
                "host=/run/postgresql sslmode=require password=secret",
                "a Unix socket",
            ),
            (
                "host=/run/postgresql,db sslmode=verify-full",
                "a Unix socket",
            ),
            (
                "host=db sslnegotiation=direct",
                "sslnegotiation=direct needs",
            ),
            (
                "host=db sslmode=disable sslnegotiation=direct",
                "sslnegotiation=direct needs",
            ),
            ("host=db sslrootcert=/secret", "sslrootcert is of use with"),
            ("host=db sslcert=/secret", "sslcert and sslkey"),
            ("host=db sslkey=/secret", "sslcert and sslkey"),
            (
                "host=db sslmode=disable sslcert=/secret sslkey=/secret",
                "sslcert is of use with TLS",
            ),
            (
                "host=db sslmode=prefer sslrootcert=system",
                "sslrootcert is of use with",
            ),
            (
                "host=db sslmode=verify-ca",
                "sslmode=verify-ca needs sslrootcert=FILE",
            ),
            (
                "host=db sslmode=require sslrootcert=system",
                "sslrootcert=system needs sslmode=verify-full",
            ),
        ] {
            let said = Address::new(url).unwrap_err();
            assert!(said.starts_with(line), "{url}: {said}");
            assert!(
                !said.contains("secret") && !said.contains('\n'),
                "{url}: {said}"
            );
        }
    }

    /// Both hosts take connections and say nothing: the second one is asked after the first one's time.
    #[tokio::test]
    async fn the_time_that_the_url_has_for_a_host_counts_if_it_is_less() {
        let [first, second] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |host: &TcpListener| host.local_addr().unwrap().port();
        let (one, two) = (port(&first), port(&second));
        let url = format!("host=127.0.0.1,127.0.0.1 port={one},{two} user=me connect_timeout=1");
        let (address, began) = (Address::new(&url).unwrap(), Instant::now());
        tokio::spawn(async move { address.connect(Duration::from_secs(600)).await.map(drop) });
        let asked = tokio::task::spawn_blocking(move || second.accept());
        asked.await.unwrap().unwrap();
        let took = began.elapsed();
        assert!(
            (Duration::from_secs(1)..Duration::from_secs(20)).contains(&took),
            "{took:?}"
        );
    }

    #[tokio::test]
    async fn after_a_silent_host_the_next_attempt_begins_with_the_next() {
        let hosts = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |host: &TcpListener| host.local_addr().unwrap().port();
        let (one, two) = (port(&hosts[0]), port(&hosts[1]));
        let url = format!("host=127.0.0.1,127.0.0.1 port={one},{two} user=me");
        let (address, time) = (Address::new(&url).unwrap(), Duration::from_secs(2));
        let asked = || {
            hosts.each_ref().map(|host| {
                host.set_nonblocking(true).unwrap();
                host.incoming().map_while(Result::ok).count()
            })
        };
        // Neither says anything, and there is time for both.
        assert!(timeout(time, address.connect(time)).await.is_err());
        assert_eq!(asked(), [1, 1]);
        // There is time for the first one only.
        assert!(timeout(time / 2, address.connect(time)).await.is_err());
        assert_eq!(asked(), [0, 1]);
    }

    /// A certificate is held against the address, where the URL has no name.
    #[test]
    fn an_address_is_a_name_too() {
        let address = Address::new("hostaddr=10.0.0.1,10.0.0.2 port=5432").unwrap();
        let hosts = ["10.0.0.1", "10.0.0.2"].map(|host| Host::Tcp(host.to_owned()));
        assert_eq!(address.config.get_hosts(), hosts);
    }

    #[test]
    fn a_password_that_is_written_wrongly_is_not_repeated() {
        for (url, line) in [
            (
                "postgres://me:pass@word?secret=1@db/shop",
                "a setting is not known, or",
            ),
            (
                "host=db password=pass secret=1",
                "a setting is not known, or",
            ),
            ("host=db password=pass secret", "a setting is not known, or"),
            (
                "postgres://me:secret@db:secret/shop",
                "invalid value for option `port`",
            ),
            (
                "host=db password=secret sslcrl=/a",
                "the setting sslcrl is not supported",
            ),
        ] {
            let said = Address::new(url).unwrap_err();
            assert!(said.starts_with(line) && !said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::new("postgres://me:secret@db/shop").unwrap();
        assert!(!format!("{address:?}").contains("secret"));
    }
}
