//! The command itself, as a process.

use super::Client;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// Free ports at both listeners, and no ledger.
pub const WITHOUT_LEDGER: [&str; 6] = [
    "--listen",
    "127.0.0.1:0",
    "--shop-listen",
    "127.0.0.1:0",
    "--ledger",
    "none",
];
/// Free ports at both listeners.
pub const PORTS: &[&str] = WITHOUT_LEDGER.split_at(4).0;

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segstock-service"));
    command.args(arguments).env_clear().stderr(Stdio::null());
    command
}

/// What a command says that does not start, and its exit code.
#[track_caller]
pub fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    refusal_of(&mut command(arguments))
}

#[track_caller]
pub fn refusal_of(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("SEGSTOCK_LOG", "error")
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    if !line.is_empty() {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("{command:?} started: {line}");
    }
    let output = child.wait_with_output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A service that runs; killed when it is dropped.
pub struct Process {
    child: Child,
    /// At the shop's listener, which answers everything.
    pub client: Client,
    /// At the customers' listener.
    pub customers: Client,
    /// The line that says what it found in its ledger.
    pub found: String,
}

impl Process {
    /// A service on free ports, without a ledger.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(&[&WITHOUT_LEDGER, arguments].concat()))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (mut line, mut found) = (String::new(), String::new());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        stdout.read_line(&mut found).unwrap();
        let mut addresses = line.split("http://").skip(1).map(|rest| {
            // A path, a colon with a space, or the end of the line follows.
            let end = rest.find(['/', ' ', '\n']).unwrap_or(rest.len());
            Client::new(rest[..end].trim_end_matches(':').parse().unwrap())
        });
        let (Some(customers), Some(client)) = (addresses.next(), addresses.next()) else {
            panic!("it says where it listens: {line:?}");
        };
        drop(addresses);
        Self {
            child,
            client,
            customers,
            found,
        }
    }

    /// Its number in the system.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logs, if its command has that piped.
    pub fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// As kill -9 does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended; returns the exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// As an operator stops it; returns the exit code.
    #[cfg(unix)]
    pub fn terminate(self) -> Option<i32> {
        self.signal("-TERM");
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
