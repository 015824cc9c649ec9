//! How a move asks its node: each call under a key of its own, again and again, and for some SKUs at once.

use crate::book::Sku;
use futures_util::{StreamExt, stream};
use segstock_postgres::nodes::Refusal;
use segstock_remote::OrderId;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Calls on SKUs that are made at once: each is a transaction of its own.
const SKUS_AT_ONCE: usize = 8;
/// For how long a call is made again that is answered "try again".
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// What a call of the node answers.
pub type Done<T> = Result<T, Refusal>;

/// Makes a call again, as long as it is answered "try again": each is known by its id or its key.
pub async fn patiently<T, F>(call: impl Fn() -> F) -> Done<T>
where
    F: Future<Output = Done<T>>,
{
    let began = Instant::now();
    loop {
        match call().await {
            Err(Refusal::TryAgain | Refusal::Busy) if began.elapsed() < PATIENCE => {
                sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Makes calls for each SKU, for some at once.
pub async fn each_sku<T>(
    skus: impl Iterator<Item = (Sku, T)>,
    call: impl AsyncFn(Sku, T) -> Done<()>,
) -> Result<(), String> {
    let call = &call;
    let calls = skus.map(|(sku, view)| async move {
        let name = sku.clone();
        let called = call(sku, view).await;
        called.map_err(|refusal| format!("the SKU {name:?} is refused: {refusal}"))
    });
    let mut calls = stream::iter(calls).buffer_unordered(SKUS_AT_ONCE);
    while let Some(called) = calls.next().await {
        called?;
    }
    Ok(())
}

/// The key of a call that the move makes.
pub fn key(of: &str) -> OrderId {
    let key = OrderId::new(format!("segstock-move:{of}"));
    key.expect("a short word of letters is one")
}
