//! [`RedisServer`]: a Redis server for tests.

use super::private::Private;
use super::{NoServer, Server, Upstream, find, variable};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// A Redis server: the one that `SEGSTOCK_REDIS_URL` names, or a private one that ends with this value.
///
/// The private one writes each change to the disk before it answers (`appendonly yes`, `appendfsync always`).
#[derive(Debug)]
pub struct RedisServer {
    url: String,
    private: Option<Private>,
}

impl RedisServer {
    /// A private server that syncs its log once a second: what it acknowledged within the last second may be lost when
    /// the machine fails.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if no `redis-server` is found, or it does not start.
    pub fn every_second() -> Result<Self, NoServer> {
        Self::private("yes", "everysec")
    }

    /// A private server that keeps nothing: what it acknowledged is lost when its process ends.
    ///
    /// # Errors
    ///
    /// [`NoServer`] if no `redis-server` is found, or it does not start.
    pub fn without_log() -> Result<Self, NoServer> {
        Self::private("no", "no")
    }

    fn private(appendonly: &str, appendfsync: &str) -> Result<Self, NoServer> {
        let places = ["/usr/bin", "/usr/local/bin", "/usr/sbin"];
        let program = find::program("redis-server", &places)
            .ok_or_else(|| NoServer::new("no redis-server found"))?;
        let folder = tempfile::Builder::new()
            .prefix("segstock-redis-")
            .tempdir()
            .map_err(|error| NoServer::new(format!("no temporary folder: {error}")))?;
        let socket = folder.path().join("socket");
        let url = format!("unix://{}", socket.display());
        let mut command = Command::new(program);
        command
            .args(["--port", "0", "--save", "", "--logfile", "log"])
            .arg("--unixsocket")
            .arg(socket)
            .args(["--appendonly", appendonly, "--appendfsync", appendfsync])
            // A test is short. Who measures must not meet the process that writes the log again.
            .args(["--auto-aof-rewrite-percentage", "0"]);
        let private = Private::start(folder, command, is_ready)?;
        Ok(Self {
            url,
            private: Some(private),
        })
    }
}

impl Server for RedisServer {
    fn find() -> Result<Self, NoServer> {
        match variable("SEGSTOCK_REDIS_URL") {
            Some(url) => Ok(Self { url, private: None }),
            None => Self::private("yes", "always"),
        }
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn upstream(&self) -> Option<Upstream> {
        let private = self.private.as_ref()?;
        Some(Upstream::Unix(private.folder().join("socket")))
    }

    fn process_id(&self) -> Option<u32> {
        self.private.as_ref()?.id()
    }

    fn url_behind(proxy: SocketAddr) -> String {
        format!("redis://{proxy}")
    }

    fn kill_and_start(&mut self) -> Result<(), NoServer> {
        let server = self.private.as_mut();
        let server = server.ok_or_else(|| NoServer::new("only a private server may be killed"))?;
        server.kill();
        server.begin()
    }
}

/// Whether it answers, and has read its log.
fn is_ready(folder: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(folder.join("socket")) else {
        return false;
    };
    let mut answer = [0; 7];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"+PONG\r\n"
}
