//! [`PostgresServer`]: a `PostgreSQL` server for tests.

use super::private::{Account, Private};
use super::{NoServer, Server, Upstream, find, variable};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A `PostgreSQL` server: the one that `SEGSTOCK_POSTGRES_URL` names, or a private one that ends with this value.
///
/// The private one is as durable as `PostgreSQL` is by default (`fsync` and `synchronous_commit` are on). Started by root,
/// it runs as `postgres` or `nobody`.
#[derive(Debug)]
pub struct PostgresServer {
    url: String,
    port: u16,
    private: Option<Private>,
}

/// What a server shows of itself by TLS: its certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate, and those between it and its authority's.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

impl PostgresServer {
    /// A private server that also listens on a port of 127.0.0.1; with TLS, if it has a certificate. `rules` are lines of
    /// `pg_hba.conf`, before those that let everybody in. A server that the environment names stays as it is.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if there is none.
    pub fn on_tcp(rules: &str, certificate: Option<&Certificate>) -> Result<Self, NoServer> {
        if let Some(others) = Self::of_others() {
            return Ok(others);
        }
        // Free now, and taken by nobody else in the next second.
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| NoServer::new(format!("no port is free: {error}")))?
            .port();
        Self::private(port, |folder, account, command| {
            put_first(&folder.join("data/pg_hba.conf"), rules)?;
            command.args(["-c", "listen_addresses=127.0.0.1"]);
            if let Some(certificate) = certificate {
                put_certificate(folder, account, certificate)?;
                let file = |name| folder.join(name).display().to_string();
                for setting in [
                    "ssl=on".to_owned(),
                    format!("ssl_cert_file={}", file(CHAIN)),
                    format!("ssl_key_file={}", file(KEY)),
                ] {
                    command.args(["-c", &setting]);
                }
            }
            Ok(())
        })
    }

    /// The port of a server [on TCP](Self::on_tcp).
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// New connections to a server [with TLS](Self::on_tcp) see this certificate.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if it is not a private one that runs.
    pub fn present(&self, certificate: &Certificate) -> Result<(), NoServer> {
        let private = self.private.as_ref();
        let private = private.ok_or_else(|| NoServer::new("it is not a private one"))?;
        let account = Account::instead_of_root()?;
        put_certificate(private.folder(), account, certificate)?;
        let id = private.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| NoServer::new("it does not run"))?;
        kill_process(id, Signal::HUP)
            .map_err(|error| NoServer::new(format!("it hears no signal: {error}")))
    }

    /// URLs by which nobody gets into a private server, and what it says of them: a wrong password, none, a role and a
    /// database that are not there.
    ///
    /// # Panics
    ///
    /// If the server is not a private one.
    #[must_use]
    pub fn no_ways_in(&self) -> [(String, &'static str); 4] {
        let url = |role: &str, database: &str| self.url_with(role, database);
        [
            (url(SECRET, "postgres password=wrong"), "28P01"),
            (url(SECRET, "postgres"), "password missing"),
            (url("nobody_knows", "postgres"), "28000"),
            (url("postgres", "nowhere"), "3D000"),
        ]
    }

    /// The URL of a private server for this role.
    ///
    /// # Panics
    ///
    /// If the server is not a private one.
    #[must_use]
    pub fn url_of(&self, role: &str) -> String {
        self.url_with(role, "postgres")
    }

    fn url_with(&self, role: &str, database: &str) -> String {
        let private = self.private.as_ref().expect("a private server");
        let (host, port) = (private.folder().display(), self.port);
        format!("host={host} port={port} user={role} dbname={database}")
    }

    /// The one that the environment names.
    fn of_others() -> Option<Self> {
        let url = variable("SEGSTOCK_POSTGRES_URL")?;
        let (port, private) = (PORT, None);
        Some(Self { url, port, private })
    }

    /// One whose `command` and folder are prepared further before it starts.
    fn private(
        port: u16,
        prepare: impl FnOnce(&Path, Option<Account>, &mut Command) -> Result<(), NoServer>,
    ) -> Result<Self, NoServer> {
        let programs = find::postgres_folder().ok_or_else(|| NoServer::new("no postgres found"))?;
        let account = Account::instead_of_root()?;
        let folder = tempfile::Builder::new()
            .prefix("segstock-postgres-")
            .tempdir()
            .map_err(|error| NoServer::new(format!("no temporary folder: {error}")))?;
        if let Some(account) = account {
            account.own(folder.path())?;
        }
        make_cluster(&programs, folder.path(), account)?;
        let mut command = Command::new(programs.join("postgres"));
        command
            .args(["-D", "data", "-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .args(["-c", "max_connections=200", "-c", "max_wal_size=4GB"]);
        if let Some(account) = account {
            account.run(&mut command);
        }
        prepare(folder.path(), account, &mut command)?;
        let mut server = Self {
            url: String::new(),
            port,
            private: Some(Private::start(folder, command, is_ready)?),
        };
        server.url = server.url_of("postgres");
        Ok(server)
    }
}

/// A role that a private server asks for a password. All others it trusts.
const SECRET: &str = "secretive";

const PORT: u16 = 5432;
/// Files with what the server shows by TLS.
const CHAIN: &str = "server.crt";
const KEY: &str = "server.key";

fn socket(folder: &Path, port: impl fmt::Display) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

impl Server for PostgresServer {
    fn find() -> Result<Self, NoServer> {
        if let Some(others) = Self::of_others() {
            return Ok(others);
        }
        Self::private(PORT, |_, _, command| {
            command.args(["-c", "listen_addresses="]);
            Ok(())
        })
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn upstream(&self) -> Option<Upstream> {
        let private = self.private.as_ref()?;
        Some(Upstream::Unix(socket(private.folder(), self.port)))
    }

    fn process_id(&self) -> Option<u32> {
        self.private.as_ref()?.id()
    }

    fn url_behind(proxy: SocketAddr) -> String {
        let (host, port) = (proxy.ip(), proxy.port());
        format!("host={host} port={port} user=postgres dbname=postgres")
    }

    fn kill_and_start(&mut self) -> Result<(), NoServer> {
        let server = self.private.as_mut();
        let server = server.ok_or_else(|| NoServer::new("only a private server may be killed"))?;
        server.kill();
        server.begin()
    }
}

fn make_cluster(programs: &Path, folder: &Path, account: Option<Account>) -> Result<(), NoServer> {
    let mut command = Command::new(programs.join("initdb"));
    command
        .args(["-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8"])
        .args(["--locale=C", "--no-sync"])
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some(account) = account {
        account.run(&mut command);
    }
    let made = command
        .output()
        .map_err(|error| NoServer::new(format!("initdb does not start: {error}")))?;
    if made.status.success() {
        let rule = format!("local all {SECRET} scram-sha-256\n");
        return put_first(&folder.join("data/pg_hba.conf"), &rule);
    }
    let words = String::from_utf8_lossy(&made.stderr).replace('\n', " ");
    Err(NoServer::new(format!("initdb failed: {words}")))
}

/// The first line of the file that fits counts.
fn put_first(rules: &Path, first: &str) -> Result<(), NoServer> {
    let put =
        fs::read_to_string(rules).and_then(|others| fs::write(rules, first.to_owned() + &others));
    put.map_err(|error| NoServer::new(format!("{}: {error}", rules.display())))
}

/// The server takes no key that others can read.
fn put_certificate(
    folder: &Path,
    account: Option<Account>,
    certificate: &Certificate,
) -> Result<(), NoServer> {
    let put = |file: &Path, text: &str| {
        let mut options = fs::File::options();
        options.create(true).write(true).truncate(true).mode(0o600);
        options.open(file)?.write_all(text.as_bytes())
    };
    for (name, text) in [(CHAIN, &certificate.chain), (KEY, &certificate.key)] {
        let file = folder.join(name);
        put(&file, text).map_err(|error: io::Error| NoServer::new(format!("{name}: {error}")))?;
        if let Some(account) = account {
            account.own(&file)?;
        }
    }
    Ok(())
}

/// Whether it serves: the file beside its data says so in its last line, and its port in the fourth.
fn is_ready(folder: &Path) -> bool {
    let state = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let port = state.lines().nth(3).unwrap_or_default();
    state.lines().last().is_some_and(|s| s.trim() == "ready")
        && UnixStream::connect(socket(folder, port)).is_ok()
}
