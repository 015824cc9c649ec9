//! How a design's functions on the server are called, and what they say.

use crate::link::{Link, Reach};
use redis::{Cmd, cmd};
use segstock_remote::{Answer, Attempt, Driver, Fault, OrderId, Refused, Unknown};

/// What a function says: a word, a number, a text.
pub(crate) type Said = (String, u64, String);

/// What a function said, and whether an attempt before the one that was answered may still be under way.
pub(crate) struct Heard {
    pub(crate) said: Said,
    pub(crate) again: bool,
}

/// Calls the function `name` with these keys, for an order if there is one, until it answers or patience ends. `args` may
/// depend on the attempt.
pub(crate) async fn call(
    driver: &Driver<Reach>,
    order: Option<&OrderId>,
    name: &str,
    keys: &[impl AsRef<str> + Sync],
    args: impl Fn(&mut Cmd, Attempt) + Sync,
) -> Result<Heard, Unknown> {
    let call = |link: Link, attempt: Attempt| {
        let mut call = function(name, keys);
        args(&mut call, attempt);
        async move {
            let said: Vec<String> = link.ask(&call).await?;
            let mut said = said.into_iter();
            let what = said.next().unwrap_or_default();
            if what == "nostock" {
                return Err(no_stock());
            }
            let number = said.next().and_then(|number| number.parse().ok());
            let said = (what, number.unwrap_or(0), said.next().unwrap_or_default());
            let again = attempt.is_again();
            Ok(Heard { said, again })
        }
    };
    driver.ask_for(order.as_slice(), call).await
}

/// A call of a function with these keys; its arguments follow.
pub(crate) fn function(name: &str, keys: &[impl AsRef<str>]) -> Cmd {
    let mut call = cmd("FCALL");
    call.arg(name).arg(keys.len());
    for key in keys {
        call.arg(key.as_ref());
    }
    call
}

/// A call without arguments.
pub(crate) fn nothing(_: &mut Cmd, _: Attempt) {}

/// The stock that was called is not there.
pub(crate) fn no_stock() -> Fault {
    Fault::Final("there is no stock of this name".to_owned())
}

/// What a function's word says of a sale, a restock or an outcome; of a refusal with the units that were in stock.
pub(crate) fn answer(what: &str, available: Option<u64>) -> Answer {
    match what {
        "done" => Answer::Done(()),
        "refused" => Answer::Refused(Refused { available }),
        _ => Answer::Unknown(Unknown::new(1, "the id is known for another call")),
    }
}
