//! [`Private`]: a server's process in a temporary folder.

use super::NoServer;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An account that servers run under when the test runs as root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// An unprivileged account if this process is root's; `None` if it is not.
    pub(super) fn instead_of_root() -> Result<Option<Self>, NoServer> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let find = |name: &str| {
            let mut fields = accounts
                .lines()
                .map(|line| line.split(':'))
                .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
            let (user, group) = (fields.nth(1)?, fields.next()?);
            Some(Self {
                user: user.parse().ok()?,
                group: group.parse().ok()?,
            })
        };
        let account = find("postgres").or_else(|| find("nobody"));
        let missing = "PostgreSQL does not run as root, and there is no account postgres or nobody";
        account.map(Some).ok_or_else(|| NoServer::new(missing))
    }

    pub(super) fn own(self, path: &Path) -> Result<(), NoServer> {
        let owned = chown(path, Some(self.user), Some(self.group));
        owned.map_err(|error| {
            NoServer::new(format!("{} cannot be given away: {error}", path.display()))
        })
    }

    pub(super) fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

/// A server's process, which ends with this value, and with the process that this value is of.
#[derive(Debug)]
pub(super) struct Private {
    command: Command,
    is_ready: fn(&Path) -> bool,
    running: Option<Running>,
    folder: TempDir,
}

/// A server that runs, and a shell that ends it if nobody else can.
#[derive(Debug)]
struct Running {
    server: Child,
    watcher: Option<(Child, ChildStdin)>,
}

/// Reads until the pipe closes, which is when the process that holds its other end is gone, killed or not; then ends the
/// server `$1`, and deletes its folder `$2`.
const WATCHER: &str = r#"
read -r _
kill -QUIT "$1"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" || break; sleep 0.2; done
kill -KILL "$1"
rm -rf -- "$2"
"#;

impl Running {
    /// Has a shell watch `server`. It has a process group of its own: what ends the test's group spares it.
    fn watched(server: Child, folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", WATCHER, "sh", &server.id().to_string()]);
        shell.arg(folder).process_group(0);
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Without a shell the server ends with its value only.
        let watcher = shell.spawn().ok();
        let watcher = watcher.and_then(|mut shell| shell.stdin.take().map(|pipe| (shell, pipe)));
        Self { server, watcher }
    }

    /// The server's process. Nobody watches it any more: once it is waited for, its id may be another's.
    fn unwatched(mut self) -> Child {
        if let Some((mut shell, pipe)) = self.watcher.take() {
            _ = shell.kill();
            _ = shell.wait();
            drop(pipe);
        }
        self.server
    }
}

impl Private {
    /// Time for a server to begin or to end.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Starts `command`, and waits until `is_ready` says yes of its folder.
    pub(super) fn start(
        folder: TempDir,
        mut command: Command,
        is_ready: fn(&Path) -> bool,
    ) -> Result<Self, NoServer> {
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut server = Self {
            command,
            is_ready,
            running: None,
            folder,
        };
        server.begin()?;
        Ok(server)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the process, again and again if it ends at once: what is left of one that was killed may be in its way.
    pub(super) fn begin(&mut self) -> Result<(), NoServer> {
        let until = Instant::now() + Self::PATIENCE;
        while Instant::now() < until {
            let name = self.command.get_program().display().to_string();
            let log = fs::File::options()
                .create(true)
                .append(true)
                .open(self.folder().join("log"))
                .map_err(|error| NoServer::new(format!("no log of {name}: {error}")))?;
            let child = self
                .command
                .stderr(log)
                .spawn()
                .map_err(|error| NoServer::new(format!("{name} does not start: {error}")))?;
            // From the beginning, since this process may end before the server is ready.
            let mut running = Running::watched(child, self.folder());
            while Instant::now() < until {
                if (self.is_ready)(self.folder()) {
                    self.running = Some(running);
                    return Ok(());
                }
                if running.server.try_wait().is_ok_and(|ended| ended.is_some()) {
                    break;
                }
                sleep(Duration::from_millis(10));
            }
            let mut child = running.unwatched();
            _ = child.kill();
            _ = child.wait();
            sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.folder().join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        Err(NoServer::new(format!(
            "the server does not start: {}",
            last.join(" | ")
        )))
    }

    /// Kills the process as `kill -9` does.
    pub(super) fn kill(&mut self) {
        if let Some(mut server) = self.running.take().map(Running::unwatched) {
            _ = server.kill();
            _ = server.wait();
        }
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        Some(self.running.as_ref()?.server.id())
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let Some(mut child) = self.running.take().map(Running::unwatched) else {
            return;
        };
        // At once, and yet the server ends its own processes and frees what it shares between them.
        if let Some(id) = Pid::from_raw(child.id().cast_signed()) {
            _ = kill_process(id, Signal::QUIT);
        }
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            sleep(Duration::from_millis(5));
        }
        _ = child.kill();
        _ = child.wait();
    }
}
