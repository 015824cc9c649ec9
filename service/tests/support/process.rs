//! The command itself, as a process.

use super::Client;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segstock-service"));
    command.args(arguments).env_clear().stderr(Stdio::null());
    command
}

/// What a command says that does not start, and its exit code.
#[track_caller]
pub fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    if !line.is_empty() {
        child.kill().unwrap();
        panic!("{arguments:?} started: {line}");
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
    pub client: Client,
    /// The path that it says to look at first.
    pub look_at: String,
}

impl Process {
    /// A service that keeps itself in `file`.
    pub fn kept(file: &Path, more: &[&str]) -> Self {
        let file = file.to_str().unwrap();
        let usual = ["--listen", "127.0.0.1:0", "--snapshot", file];
        Self::start(&[&usual, more].concat())
    }

    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&mut command(arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let (address, path) = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once('/'))
            .unwrap_or_else(|| panic!("it says where it listens: {line:?}"));
        let client = Client::new(address.parse().unwrap());
        let path = path.split(',').next().unwrap_or_default();
        let look_at = format!("/{path}");
        Self {
            child,
            client,
            look_at,
        }
    }

    /// As kill -9 does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an operator does; returns the exit code.
    #[cfg(unix)]
    pub fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
