//! [`Links`]: the connection of a ledger, which comes back by itself.

use super::errors::Fault;
use super::statements::Statements;
use crate::address::Address;
use crate::durable::Durable;
use crate::session::is_schema_name;
use segstock_orders::ledger::{LedgerError, LedgerReason};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::timeout;
use tokio_postgres::Client;

/// How to reach a ledger.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    address: Address,
    /// The name of its schema.
    pub(super) name: Arc<str>,
    pub(super) timeout: Duration,
    /// Whether its schema is made where it is not there.
    pub(super) makes: bool,
    /// A step of the schema that no release has: for tests.
    pub(super) later: Option<&'static str>,
}

impl Reach {
    pub(super) fn new(url: &str, name: &str) -> Result<Self, LedgerError> {
        let address = Address::new(url).map_err(|error| {
            let line = format!("the URL of PostgreSQL: {error}");
            LedgerError::new(LedgerReason::Failed, line)
        })?;
        if !is_schema_name(name) {
            let line = format!("{name:?} is no ledger's name: it has a to z, 0 to 9 and _");
            return Err(LedgerError::new(LedgerReason::Failed, line));
        }
        let timeout = Duration::from_secs(5);
        let name = name.into();
        Ok(Self {
            address,
            name,
            timeout,
            makes: true,
            later: None,
        })
    }

    /// Where it is, without a password.
    pub(super) fn shown(&self) -> String {
        let database = self.address.config.get_dbname().unwrap_or_default();
        format!("schema {} of database {database}", self.name)
    }

    async fn connect(&self) -> Result<Link, Fault> {
        let mut address = self.address.clone();
        let config = &mut address.config;
        let own = config.get_options().unwrap_or_default();
        // The server counts 24 days.
        let milliseconds = self.timeout.as_millis().clamp(1, i32::MAX as u128);
        // A plan must not depend on statistics: the tables grow from nothing to millions of rows in one session. And no
        // statement is worth compiling: that takes longer than the commit.
        let options = format!(
            "{own} -c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds} \
             -c default_transaction_isolation=read\\ committed -c jit=off -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan"
        );
        config.options(options);
        let (client, connection) = address.connect(self.timeout).await?;
        // Its end is seen by the calls.
        let task = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        let link = Link {
            client,
            statements: Statements::new(&self.name),
            durable: Durable::default(),
            task,
        };
        link.client.batch_execute(WAIT).await?;
        Ok(link)
    }
}

/// Has commits wait for the disk, unless they wait for even more. No other setting is stronger than that of the session.
const WAIT: &str = "
    SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)";

/// A connection.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) statements: Statements,
    durable: Durable,
    task: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        // It may wait for an answer that never comes.
        self.task.abort();
    }
}

/// The connection of a ledger, and what drives it while a call is made.
pub(super) struct Links {
    pub(super) reach: Reach,
    runtime: Option<Runtime>,
    link: Option<Link>,
    /// What was seen off, if anything. Nobody knows what was committed meanwhile and is not on disk, and to switch it on again
    /// brings nothing there: so nothing is asked or written any more until the ledger is opened again.
    off: Option<String>,
}

impl Links {
    pub(super) const fn new(reach: Reach) -> Self {
        Self {
            reach,
            runtime: None,
            link: None,
            off: None,
        }
    }

    /// Makes ready for calls.
    pub(super) fn begin(&mut self) -> Result<(), LedgerError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        self.runtime = Some(runtime.map_err(|error| {
            let line = format!("no runtime for the connection: {error}");
            LedgerError::new(LedgerReason::Failed, line)
        })?);
        self.off = None;
        Ok(())
    }

    /// Calls the server, on a new connection if the last one was lost. A call that fails in any way loses the connection.
    pub(super) fn call<T>(
        &mut self,
        work: impl AsyncFnOnce(&Link) -> Result<T, Fault> + Send,
    ) -> Result<T, Fault>
    where
        T: Send,
    {
        let Some(runtime) = &self.runtime else {
            return Err(Fault::new(
                LedgerReason::Failed,
                "the ledger is not open",
                false,
            ));
        };
        let not_durable = |line: &String| Fault::new(LedgerReason::Failed, line.as_str(), false);
        if let Some(line) = &self.off {
            return Err(not_durable(line));
        }
        let (link, reach, off) = (self.link.take(), &self.reach, &mut self.off);
        let call = async || {
            let link = match link {
                Some(link) => link,
                None => reach.connect().await?,
            };
            if let Some(line) = link.durable.look(&link.client).await? {
                return Err(not_durable(off.insert(line)));
            }
            let answer = work(&link).await?;
            Ok((answer, link))
        };
        let ended = drive(runtime, async || {
            let ended = timeout(reach.timeout, call()).await;
            let ended = ended.unwrap_or_else(|_| {
                let line = format!("PostgreSQL did not answer within {:?}", reach.timeout);
                Err(Fault::new(LedgerReason::NoAnswer, line, true))
            });
            if ended.is_err() {
                // The connection is given up, and may hold locks. Only while it is driven can it be closed, and who knows when the
                // next call comes.
                yield_now().await;
            }
            ended
        });
        let (answer, link) = ended?;
        self.link = Some(link);
        Ok(answer)
    }
}

/// Runs a call on this thread: to wake another one for each batch takes longer than much of its work. A thread of a runtime
/// must not wait for another runtime, so there it is one more.
fn drive<T: Send>(
    runtime: &Runtime,
    call: impl AsyncFnOnce() -> Result<T, Fault> + Send,
) -> Result<T, Fault> {
    if Handle::try_current().is_err() {
        return runtime.block_on(call());
    }
    thread::scope(|scope| {
        let one_more = thread::Builder::new().name("segstock-postgres".to_owned());
        let running = one_more.spawn_scoped(scope, || runtime.block_on(call()));
        let running = running.map_err(|error| {
            let line = format!("no thread for the connection: {error}");
            Fault::new(LedgerReason::Failed, line, false)
        })?;
        running.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

impl Drop for Links {
    fn drop(&mut self) {
        self.link = None;
        // Does not wait, so that it can be dropped on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
