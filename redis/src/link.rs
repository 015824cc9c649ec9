//! [`Link`]: a connection, and what the server's errors mean.

use crate::error::OpenError;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, cmd,
};
use segstock_remote::{Connect, Fault};
use std::collections::HashMap;
use std::fmt;

/// How to reach a server.
pub(crate) struct Reach {
    client: redis::Client,
    /// The hash whose field `replid` says which server the stock was opened on; `None` if any will do.
    identity: Option<String>,
}

impl Reach {
    pub(crate) const fn new(client: redis::Client, identity: Option<String>) -> Self {
        Self { client, identity }
    }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Connect for Reach {
    type Connection = Link;

    async fn connect(&self) -> Result<Link, Fault> {
        // The driver has the time-outs. The client's own would end calls that the driver still waits for.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let client = &self.client;
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await.map_err(|error| match error.kind() {
            // A wrong password, or a user that is not there: another try has no other end.
            ErrorKind::AuthenticationFailed => Fault::Final(error.to_string()),
            _ => Fault::NotDone(error.to_string()),
        });
        let link = Link(connection?);
        if let Some(stock) = &self.identity {
            let is_it = link.check_identity(stock).await;
            is_it.map_err(Fault::NotDone)?;
        }
        Ok(link)
    }
}

/// A connection. Its clones are the same one.
#[derive(Clone)]
pub(crate) struct Link(MultiplexedConnection);

impl Link {
    /// The answer to one command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Fault> {
        let answer = command.query_async(&mut self.0.clone()).await;
        answer.map_err(|error| fault(&error))
    }

    /// The server's replication id: another after a restart, and at a replica that took the server's place.
    pub(crate) async fn replication_id(&self) -> Result<String, Fault> {
        let info: String = self.ask(cmd("INFO").arg("replication")).await?;
        let id = info
            .lines()
            .find_map(|line| line.strip_prefix("master_replid:"));
        Ok(id.unwrap_or_default().trim().to_owned())
    }

    async fn check_identity(&self, stock: &str) -> Result<(), String> {
        let words = |fault: Fault| match fault {
            Fault::NotDone(words) | Fault::MayBeDone(words) | Fault::Final(words) => words,
        };
        let opened: Option<String> = self
            .ask(cmd("HGET").arg(stock).arg("replid"))
            .await
            .map_err(words)?;
        let id = self.replication_id().await.map_err(words)?;
        // A stock that is not there is a call's own answer.
        if opened.is_none_or(|opened| opened == id) {
            return Ok(());
        }
        Err(
            "the server was started again, or another took its place, since the stock was opened: \
             what it acknowledged may be lost; open the stock again from the order log"
                .to_owned(),
        )
    }

    /// Puts a library of functions on the server, unless it is there; says why it cannot be used.
    pub(crate) async fn prepare(&self, library: &str) -> Result<Option<OpenError>, Fault> {
        let info: String = self.ask(cmd("INFO").arg("memory")).await?;
        let policy = |name: &str| info.lines().find_map(|line| line.strip_prefix(name));
        let policy = policy("maxmemory_policy:").unwrap_or("noeviction").trim();
        if policy != "noeviction" {
            let policy = policy.to_owned();
            return Ok(Some(OpenError::Evicts { policy }));
        }
        let loaded: Result<String, RedisError> = cmd("FUNCTION")
            .arg("LOAD")
            .arg(library)
            .query_async(&mut self.0.clone())
            .await;
        match loaded {
            Ok(_) => Ok(None),
            Err(error) if error.to_string().contains("already exists") => {
                self.compare(library).await
            }
            Err(error) => Err(fault(&error)),
        }
    }

    /// Whether the server's library of this name is this one.
    async fn compare(&self, library: &str) -> Result<Option<OpenError>, Fault> {
        let first = library.lines().next().unwrap_or_default();
        let name = first.strip_prefix("#!lua name=").unwrap_or_default();
        let mut list = cmd("FUNCTION");
        list.arg("LIST")
            .arg("LIBRARYNAME")
            .arg(name)
            .arg("WITHCODE");
        let found: Vec<HashMap<String, redis::Value>> = self.ask(&list).await?;
        let code = found
            .first()
            .and_then(|library| library.get("library_code"));
        let is_same = match code {
            Some(redis::Value::BulkString(code)) => code.as_slice() == library.as_bytes(),
            Some(redis::Value::VerbatimString { text, .. }) => text == library,
            _ => false,
        };
        let library = name.to_owned();
        Ok((!is_same).then_some(OpenError::OtherFunctions { library }))
    }
}

/// What an error says of the request: whether it was done, and whether it is of use to ask again.
fn fault(error: &RedisError) -> Fault {
    use redis::ErrorKind::{
        AuthenticationFailed, InvalidClientConfig, Server, UnexpectedReturnType,
    };
    let words = error.to_string();
    match error.kind() {
        // The server answered that it cannot do it now.
        Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::TryAgain,
        ) => Fault::NotDone(words),
        Server(_)
            if matches!(
                error.code(),
                Some("BUSY" | "OOM" | "MISCONF" | "NOREPLICAS")
            ) =>
        {
            Fault::NotDone(words)
        }
        Server(_) | AuthenticationFailed | InvalidClientConfig | UnexpectedReturnType => {
            Fault::Final(words)
        }
        _ => Fault::MayBeDone(words),
    }
}
