//! [`Service`]: the service as a process, and what the system says of it.

use crate::client::Client;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A service with a ledger of its own; it is ended with this.
pub struct Service {
    child: Child,
    pub customers: SocketAddr,
    pub shop: SocketAddr,
    directory: TempDir,
}

impl Service {
    pub fn start(arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let ports = ["--listen", "127.0.0.1:0", "--shop-listen", "127.0.0.1:0"];
        let mut child = Command::new(program()?)
            .env_clear()
            .current_dir(directory.path())
            .args(ports)
            .args(["--log", "error"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let addresses = line.split("http://").skip(1).filter_map(|rest| {
            let end = rest.find(|it: char| !(it.is_ascii_digit() || it == '.' || it == ':'))?;
            rest[..end].trim_end_matches(':').parse().ok()
        });
        let addresses: Vec<SocketAddr> = addresses.collect();
        let (Some(customers), Some(shop)) = (addresses.first(), addresses.get(1)) else {
            child.kill()?;
            return Err(format!("the service did not start: {line}").into());
        };
        Ok(Self {
            child,
            customers: *customers,
            shop: *shop,
            directory,
        })
    }

    /// Opens SKUs with many units.
    pub fn stock(&self, skus: usize) -> Result<(), Box<dyn Error>> {
        let mut shop = Client::new(self.shop);
        for sku in 0..skus {
            let path = format!("/v1/stock/{sku}");
            shop.send("PUT", &path, "", "")?;
            let body = r#"{"units":1000000000}"#;
            shop.send("POST", &format!("{path}/restock"), "first", body)?;
        }
        Ok(())
    }

    fn proc(&self, file: &str) -> std::io::Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))
    }

    /// A figure of its metrics, by what its line begins with.
    pub fn figure(&self, series: &str) -> Result<usize, Box<dyn Error>> {
        let (_, metrics) = Client::new(self.shop).get("/metrics")?;
        let figure = metrics.lines().find_map(|line| line.strip_prefix(series));
        Ok(figure.ok_or("no such figure")?.trim().parse()?)
    }

    /// Memory that it has, in MB.
    pub fn memory(&self) -> Result<f64, Box<dyn Error>> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.ok_or("no VmRSS")?.trim().parse::<f64>()? / 1_000.0)
    }

    /// CPU time so far: ticks of 10 ms, as all usual kernels count.
    pub fn cpu(&self) -> Result<Duration, Box<dyn Error>> {
        let stat = self.proc("stat")?;
        let behind_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks = behind_name
            .split(' ')
            .skip(11)
            .take(2)
            .map(str::parse::<u64>);
        let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Size of the ledger, in MB.
    pub fn ledger(&self) -> Result<f64, Box<dyn Error>> {
        let file = std::fs::metadata(self.directory.path().join("segstock.db"))?;
        Ok(file.len() as f64 / 1e6)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The service beside this example: `target/release/examples/load` is beside `target/release/segstock-service`.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let mut path = std::env::current_exe()?;
    path.pop();
    path.pop();
    path.push("segstock-service");
    if path.exists() {
        return Ok(path);
    }
    Err(format!("build the service first: {} is not there", path.display()).into())
}
