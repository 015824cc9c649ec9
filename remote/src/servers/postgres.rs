//! [`PostgresServer`]: a `PostgreSQL` server for tests.

use super::private::{Account, Private};
use super::{NoServer, Server, Upstream, find, variable};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A `PostgreSQL` server: the one that `SEGSTOCK_POSTGRES_URL` names, or a private one that ends with this value.
///
/// The private one is as durable as `PostgreSQL` is by default (`fsync` and `synchronous_commit` are on). Started by root,
/// it runs as `postgres` or `nobody`.
#[derive(Debug)]
pub struct PostgresServer {
    url: String,
    private: Option<Private>,
}

impl PostgresServer {
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
        let host = private.folder().display();
        format!("host={host} user={role} dbname={database}")
    }
}

/// A role that a private server asks for a password. All others it trusts.
const SECRET: &str = "secretive";

const SOCKET: &str = ".s.PGSQL.5432";

impl Server for PostgresServer {
    fn find() -> Result<Self, NoServer> {
        if let Some(url) = variable("SEGSTOCK_POSTGRES_URL") {
            return Ok(Self { url, private: None });
        }
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
            .args(["-D", "data", "-c", "listen_addresses=", "-p", "5432", "-k"])
            .arg(folder.path())
            .args(["-c", "max_connections=200", "-c", "max_wal_size=4GB"]);
        if let Some(account) = account {
            account.run(&mut command);
        }
        let url = format!(
            "host={} user=postgres dbname=postgres",
            folder.path().display()
        );
        let private = Private::start(folder, command, is_ready)?;
        Ok(Self {
            url,
            private: Some(private),
        })
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn upstream(&self) -> Option<Upstream> {
        let private = self.private.as_ref()?;
        Some(Upstream::Unix(private.folder().join(SOCKET)))
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
        return ask_for_password(&folder.join("data/pg_hba.conf"))
            .map_err(|error| NoServer::new(format!("pg_hba.conf: {error}")));
    }
    let words = String::from_utf8_lossy(&made.stderr).replace('\n', " ");
    Err(NoServer::new(format!("initdb failed: {words}")))
}

/// The first line of the file that fits counts.
fn ask_for_password(rules: &Path) -> io::Result<()> {
    let others = fs::read_to_string(rules)?;
    fs::write(rules, format!("local all {SECRET} scram-sha-256\n{others}"))
}

/// Whether it serves: the file beside its data says so in its last line.
fn is_ready(folder: &Path) -> bool {
    let state = fs::read_to_string(folder.join("data/postmaster.pid"));
    let is_alive = std::os::unix::net::UnixStream::connect(folder.join(SOCKET)).is_ok();
    is_alive && state.is_ok_and(|state| state.lines().last().is_some_and(|s| s.trim() == "ready"))
}
