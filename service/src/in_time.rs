//! [`in_time`]: the time that a request may take, and whether its call was made by then.

use crate::kinds;
use crate::problem::Problem;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::timeout;

tokio::task_local! {
    /// Whether the request's call was made, and only its answer is waited for.
    static IS_MADE: Cell<bool>;
}

/// Gives a request the time that it may take.
///
/// # Errors
///
/// A [`Problem`] when that is over. It says whether the request's call was made.
pub async fn in_time<T>(time: Duration, request: impl Future<Output = T>) -> Result<T, Problem> {
    let request = async {
        // Within the scope, which is gone when the time-out is answered.
        let mut request = std::pin::pin!(request);
        timeout(time, &mut request).await.map_err(|_| too_slow())
    };
    IS_MADE.scope(Cell::new(false), request).await
}

/// Notes that the request's call is made: from now on nobody knows what becomes of it before it is answered.
pub fn is_made() {
    // Outside of a request nobody asks.
    _ = IS_MADE.try_with(|is_made| is_made.set(true));
}

fn too_slow() -> Problem {
    if IS_MADE.try_with(Cell::get).unwrap_or_default() {
        let detail =
            "what the answer rests on is not durable yet: the same request tells what became of it";
        return Problem::new(kinds::STILL_WRITING, detail);
    }
    let detail = "the request did not arrive and was not answered in time: nothing was changed";
    Problem::new(kinds::TOO_SLOW, detail)
}
