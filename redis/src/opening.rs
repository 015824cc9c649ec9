//! How a stock on one server is created, found, and replaced.

use crate::error::OpenError;
use crate::function::function;
use crate::link::{Link, Reach};
use crate::server::{Redis, server_key};
use redis::{Cmd, cmd};
use segstock_remote::Driver;

/// Has the function `name` create a stock that holds `units`. `key` is its first key.
pub(crate) async fn create(
    redis: &Redis,
    name: &str,
    key: &str,
    units: u64,
) -> Result<(), OpenError> {
    let number: u64 = rand::random();
    let create = |link: Link, _| async move {
        let mut create = function(name, &[key]);
        create.arg(units).arg(link.replication_id().await?);
        let (said,): (String,) = link.ask(create.arg(number)).await?;
        Ok(said == "done")
    };
    if redis.driver(None)?.ask(create).await? {
        Ok(())
    } else {
        Err(OpenError::Exists)
    }
}

/// Sees that a design's stock `key` is there: `has` asks for what no other design writes.
pub(crate) async fn find(driver: &Driver<Reach>, key: &str, has: &Cmd) -> Result<(), OpenError> {
    let server = server_key(key);
    let server = server.as_str();
    let find = |link: Link, _| async move {
        if link.ask(has).await? {
            return Ok(Ok(()));
        }
        let is_other: bool = link.ask(cmd("EXISTS").arg(server)).await?;
        Ok(Err(if is_other {
            OpenError::OtherDesign
        } else {
            OpenError::NoStock
        }))
    };
    driver.ask(find).await?
}

/// Has `set` write what is in stock, after a loss; then the server as it is now is that of the stock `key`. `has` is as for
/// [`find`].
pub(crate) async fn replace(
    redis: &Redis,
    key: &str,
    has: &Cmd,
    set: &Cmd,
) -> Result<(), OpenError> {
    let driver = redis.driver(None)?;
    match find(&driver, key, has).await {
        // It may be all that was lost.
        Ok(()) | Err(OpenError::NoStock) => {}
        Err(error) => return Err(error),
    }
    let server = server_key(key);
    let server = server.as_str();
    let made: u64 = rand::random();
    let replace = |link: Link, _| async move {
        let id = link.replication_id().await?;
        () = link.ask(set).await?;
        // Last: until then every call is unknown.
        let mut opened = cmd("HSET");
        opened.arg(server).arg("made").arg(made);
        let _: u64 = link.ask(opened.arg("replid").arg(id)).await?;
        Ok(())
    };
    driver.ask(replace).await?;
    Ok(())
}
