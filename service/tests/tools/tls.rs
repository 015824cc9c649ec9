//! The database is reached by TLS only: a server of the test's own, with a certificate of an authority of its own.

use crate::support::process::{PORTS, Process, command, refusal};
use libtest_mimic::{Completion, Failed, Trial};
use segstock_remote::servers::{Authority, NoServer, PostgresServer, Server, demanded};
use std::fs;
use tempfile::TempDir;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("tls::orders_are_kept", kept),
        trial("tls::nodes_sell", nodes),
        trial("tls::the_authorities_of_the_system_are_trusted", system),
        trial("tls::what_is_wrong_is_one_line", wrong),
    ]
}

fn trial(name: &str, test: fn() -> Result<(), NoServer>) -> Trial {
    Trial::ignorable_test(name, move || match test() {
        Ok(()) => Ok(Completion::Completed),
        Err(none) if demanded() => Err(Failed::from(none)),
        Err(none) => Ok(Completion::ignored_with(none)),
    })
}

/// A database, and files with the root of its authority and of another.
struct Site {
    server: PostgresServer,
    folder: TempDir,
}

impl Site {
    fn start() -> Result<Self, NoServer> {
        const TLS_ONLY: &str =
            "hostssl all all 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 reject\n";
        let authority = Authority::new("ours");
        let server = PostgresServer::on_tcp(TLS_ONLY, Some(&authority.certifies(&["localhost"])))?;
        if server.process_id().is_none() {
            return Err(NoServer::new("only a private server has the certificate"));
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, authority) in [("ours", authority), ("others", Authority::new("others"))] {
            fs::write(folder.path().join(name), authority.root()).unwrap();
        }
        Ok(Self { server, folder })
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn url(&self, settings: &str) -> String {
        url(&self.server, settings)
    }

    /// For who verifies it.
    fn verified(&self) -> String {
        let roots = self.file("ours").replace('/', "%2F");
        self.url(&format!("sslmode=verify-full&sslrootcert={roots}"))
    }
}

fn url(server: &PostgresServer, settings: &str) -> String {
    let port = server.port();
    format!("postgres://postgres:secret@localhost:{port}/postgres?{settings}")
}

fn kept() -> Result<(), NoServer> {
    let mut site = Site::start()?;
    let url = site.verified();
    let start = || Process::spawn(&mut command(&[PORTS, &["--ledger", &url]].concat()));
    let service = start();
    service.customers.order("a", &[("phone", 1)]).expect(201);
    // Its connection is lost, and made again.
    site.server.kill_and_start()?;
    service.customers.order("b", &[("phone", 1)]).expect(201);
    service.kill();
    let service = start();
    assert!(service.found.contains("2 orders"), "{}", service.found);
    assert!(service.customers.order("a", &[("phone", 1)]).is_replayed());
    Ok(())
}

fn nodes() -> Result<(), NoServer> {
    let site = Site::start()?;
    let url = site.verified();
    let [one, other] = ["one", "other"].map(|name| {
        let arguments = [PORTS, &["--ledger", &url, "--node", name]].concat();
        Process::spawn(&mut command(&arguments))
    });
    one.customers.order("a", &[("phone", 1)]).expect(201);
    assert!(other.customers.order("a", &[("phone", 1)]).is_replayed());
    Ok(())
}

fn system() -> Result<(), NoServer> {
    let site = Site::start()?;
    let url = site.url("sslmode=verify-full");
    let at_once = ["--ledger", &url, "--wait-for-database", "0"];
    let started = |roots: &str| {
        let mut command = command(&[PORTS, &at_once].concat());
        command.env("SSL_CERT_FILE", site.file(roots));
        command
    };
    let service = Process::spawn(&mut started("ours"));
    service.customers.order("a", &[("phone", 1)]).expect(201);
    let ended = started("others").output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    Ok(())
}

fn wrong() -> Result<(), NoServer> {
    let site = Site::start()?;
    let without = PostgresServer::on_tcp("", None)?;
    let roots = |name| format!("sslmode=verify-full&sslrootcert={}", site.file(name));
    for (url, code, line) in [
        (
            site.url("sslmode=secret"),
            2,
            "sslmode is one of disable, prefer, require, verify-ca and verify-full",
        ),
        (
            site.url(&roots("none")),
            2,
            "/none cannot be read: No such file or directory",
        ),
        (
            site.url(&roots("others")),
            1,
            "the server's certificate is of an unknown authority",
        ),
        (
            site.verified().replace("localhost", "127.0.0.1"),
            1,
            "the server's certificate is not for the host 127.0.0.1, but for localhost",
        ),
        (
            url(&without, "sslmode=require"),
            1,
            "the server has no TLS, and sslmode asks for it",
        ),
    ] {
        for more in [&[][..], &["--node", "one"]] {
            let at_once = ["--ledger", &url, "--wait-for-database", "0"];
            let (found, said) = refusal(&[PORTS, &at_once, more].concat());
            assert_eq!(found, Some(code), "{said}");
            assert!(said.contains(line), "{said}");
            assert!(
                said.lines().count() == 1 && !said.contains("secret"),
                "{said}"
            );
        }
    }
    Ok(())
}
