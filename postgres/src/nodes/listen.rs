//! How a node hears of a recall, or of the end of the sale: at once, or else at its next heartbeat.

use super::inner::Inner;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Error};

const PAUSE: Duration = Duration::from_millis(200);

/// Listens until the node is over. A connection that is lost is made again.
pub(super) async fn run(node: Arc<Inner>) {
    let mut ended = node.ended();
    loop {
        let listens = async {
            // Its end, for whatever reason, is followed by another try.
            _ = listen(&node).await;
            sleep(PAUSE).await;
        };
        if over_before(&mut ended, listens).await {
            return;
        }
    }
}

/// Whether the node is over before this ends.
async fn over_before(
    ended: &mut tokio::sync::watch::Receiver<Option<String>>,
    other: impl Future<Output = ()>,
) -> bool {
    let mut other = std::pin::pin!(other);
    let mut over = std::pin::pin!(ended.wait_for(Option::is_some));
    poll_fn(|context| {
        if over.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(true);
        }
        other.as_mut().poll(context).map(|()| false)
    })
    .await
}

async fn listen(node: &Arc<Inner>) -> Result<(), Error> {
    let (connects, time) = (node.sale.address(), node.sale.timeout);
    // A server may take a connection and then say nothing.
    let Ok(connected) = timeout(time, connects.connect(time)).await else {
        return Ok(());
    };
    let (client, mut connection) = connected?;
    let hears = Arc::downgrade(node);
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            let Some(node) = hears.upgrade() else {
                return;
            };
            if let AsyncMessage::Notification(notification) = message
                && notification.payload() == node.sale.name
            {
                node.notified();
            }
        }
    });
    let _task = AbortsTask(task);
    if !answers(&client, "listen segstock_nodes", time).await {
        return Ok(());
    }
    // A heartbeat sees what earlier notifications said.
    node.notified();
    while answers(&client, "select 1", time).await {
        sleep(node.sale.lease).await;
    }
    Ok(())
}

/// Whether the server does this in time: a connection that lost it without a word never tells.
async fn answers(client: &Client, statement: &str, time: Duration) -> bool {
    let asked = timeout(time, client.batch_execute(statement)).await;
    asked.is_ok_and(|answer| answer.is_ok())
}

struct AbortsTask(tokio::task::JoinHandle<()>);

impl Drop for AbortsTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
