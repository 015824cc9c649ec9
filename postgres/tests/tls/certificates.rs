//! Whom a certificate is taken from, and what is said where it is not.

use super::support::{AUTHORITY, Tests, file, open, over_tcp, own, tls_only, trusting};
use segstock_postgres::Postgres;
use segstock_remote::servers::{Authority, Certificate, PostgresServer};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

pub fn add(tests: &Tests) {
    tests.add_with_own(
        "certificates::each_is_taken_or_refused_in_a_line",
        tls_only,
        each,
    );
    tests.add_with_own(
        "certificates::an_address_is_a_name",
        tls_only,
        |server, runtime| {
            let clients = Clients::new(server, runtime);
            clients.see(&AUTHORITY.certifies(&["127.0.0.1"]));
            let settings = trusting("verify-full", &clients.roots);
            let url =
                over_tcp(clients.port, &settings).replace("host=localhost", "hostaddr=127.0.0.1");
            let asked = || {
                let opened = runtime.block_on(open(&url));
                opened.map(drop).map_err(|error| error.to_string())
            };
            clients.until(asked, Ok(()));
        },
    );
    tests.add_with_own("certificates::roots_that_are_none", tls_only, |server, runtime| {
        let clients = Clients::new(server, runtime);
        let refused = |settings: &str| Postgres::new(&over_tcp(clients.port, settings)).unwrap_err().to_string();
        let said = refused("sslmode=verify-full sslrootcert=/nowhere/at/all");
        assert_eq!(
            said,
            "the URL of PostgreSQL: sslrootcert: /nowhere/at/all cannot be read: No such file or directory (os error 2)"
        );
        let none = file("no certificate");
        let said = refused(&trusting("verify-ca", &none));
        assert!(said.contains("sslrootcert: there is no certificate in /"), "{said}");
        let half = file("-----BEGIN CERTIFICATE-----\nAAAA\n");
        let said = refused(&trusting("verify-ca", &half));
        assert!(said.contains("is no PEM"), "{said}");
        // The authorities of the system do not know this one; or it has none.
        let url = over_tcp(clients.port, "sslmode=verify-full");
        let said = runtime.block_on(open(&url)).unwrap_err().to_string();
        assert!(said.contains("is of an unknown authority") || said.contains("this system has no certificates"), "{said}");
    });
}

fn each(server: &std::sync::Arc<Mutex<PostgresServer>>, runtime: &Handle) {
    let clients = Clients::new(server, runtime);
    let modes = [
        "prefer",
        "require",
        "require+",
        "verify-ca+",
        "verify-full+",
    ];
    for (certificate, refused_by, line) in [
        (AUTHORITY.certifies(&["db.example", "localhost"]), 5, ""),
        (
            AUTHORITY.certifies(&["db.example"]),
            4,
            "the server's certificate is not for the host localhost, but for db.example",
        ),
        (
            Authority::new("others").certifies(&["localhost"]),
            2,
            "the server's certificate is of an unknown authority: sslrootcert names a file of those to trust",
        ),
        (
            Authority::new("ours").certifies(&["localhost"]),
            2,
            "the server's certificate has a wrong signature: it is of another authority with this name, or not the server's",
        ),
        (
            AUTHORITY.expired(&["localhost"]),
            2,
            "the server's certificate has expired",
        ),
        (
            AUTHORITY.shown_by_server(),
            2,
            "the server's certificate is an authority's own: the server needs one that an authority signed",
        ),
        (
            AUTHORITY.certifies(&[]),
            4,
            "the server's certificate is not for the host localhost: it names none",
        ),
    ] {
        clients.see(&certificate);
        // The strictest first: by its answer the server has the new certificate.
        for (number, mode) in modes.iter().enumerate().rev() {
            let expected = if number < refused_by {
                Ok(())
            } else {
                Err(line)
            };
            let asked = || clients.connect(mode);
            clients.until(asked, expected.map_err(str::to_owned));
        }
    }
}

struct Clients<'a> {
    server: &'a Mutex<PostgresServer>,
    runtime: &'a Handle,
    roots: NamedTempFile,
    port: u16,
}

impl<'a> Clients<'a> {
    fn new(server: &'a Mutex<PostgresServer>, runtime: &'a Handle) -> Self {
        Self {
            server,
            runtime,
            roots: file(&AUTHORITY.root()),
            port: own(server).port(),
        }
    }

    /// From some moment on they see this certificate.
    fn see(&self, certificate: &Certificate) {
        own(self.server).present(certificate).expect("it runs");
    }

    /// Connects; `+` trusts the authority of the tests.
    fn connect(&self, mode: &str) -> Result<(), String> {
        let settings = match mode.strip_suffix('+') {
            Some(mode) => trusting(mode, &self.roots),
            None => format!("sslmode={mode}"),
        };
        let opened = self.runtime.block_on(open(&over_tcp(self.port, &settings)));
        opened.map(drop).map_err(|error| error.to_string())
    }

    /// Asks until what was expected is there: a server takes its time until it shows another certificate.
    #[track_caller]
    fn until(&self, asked: impl Fn() -> Result<(), String>, expected: Result<(), String>) {
        let began = Instant::now();
        loop {
            let found = asked();
            let is_it = match (&found, &expected) {
                (Ok(()), Ok(())) => true,
                (Err(said), Err(line)) => said.contains(line.as_str()),
                _ => false,
            };
            if is_it {
                return;
            }
            let waited = began.elapsed();
            assert!(
                waited < Duration::from_secs(10),
                "{found:?} and not {expected:?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}
