//! Units from several keys for one order. Nothing is atomic across keys, and a process that gathers may die anywhere.
//!
//! One gather at a time is open in the *pocket*, a key of its own. Opening announces its units: the pocket's `added` grows
//! by them. Then it takes a piece from key after key, under its own number. Everything follows from the pocket and the keys'
//! answers, whoever does it and however often. So **a process that finds a gather open finishes it**, and nobody needs a
//! lock that may run out. A late request opens nothing: the pocket remembers the gathers of each id that are over.
//!
//! Numbers grow, and a gather is opened when the last is closed. So a key remembers its piece of the last gather alone, in
//! its own hash: a process that dies leaves nothing behind that must be deleted, and one that stood still hears that its
//! gather is over.
//!
//! With all units in hand, closing is the instant of the deduct: the pocket's `taken` grows by them. If the units fall
//! short, the gather puts all pieces back, and closes as well. The sums are never too low: an announcement can only delay
//! a refusal.
//! Twin: `designs/growing/gather.rs` of `segstock-sim`.

use super::{Growing, Mistake};
use crate::function::{self, Heard, nothing};
use redis::Cmd;
use segstock_remote::{Attempt, OrderId, Unknown};

/// A gather, as the pocket has it.
struct Gather {
    /// "number id turn units"
    text: String,
    number: u64,
    order: String,
    units: u64,
}

/// How the gather of an order ended.
pub(super) enum Gathered {
    Sold,
    Short,
    /// A gather was open, and is over: what is left may be too little by now.
    Another,
    /// The order is refused for ever.
    Refused,
}

impl Gather {
    fn read(text: String) -> Result<Self, Unknown> {
        let words: Vec<&str> = text.split(' ').collect();
        let (number, units) = match *words {
            [number, _, _, units] => (number.parse().ok(), units.parse().ok()),
            _ => (None, None),
        };
        let (Some(number), Some(units)) = (number, units) else {
            return Err(Unknown::new(
                1,
                "the pocket has a gather of another release",
            ));
        };
        let order = words[1].to_owned();
        Ok(Self {
            text,
            number,
            order,
            units,
        })
    }
}

impl Growing {
    /// Calls a function on the pocket and an order's record there.
    async fn in_pocket(
        &self,
        order: &str,
        name: &str,
        args: impl Fn(&mut Cmd, Attempt) + Sync,
    ) -> Result<Heard, Unknown> {
        let pocket = self.pocket();
        let record = format!("{pocket}:order:{order}");
        let name = format!("segstock_growing_2_{name}");
        function::call(&self.servers[0], None, &name, &[pocket, record], args).await
    }

    /// Gathers the units of an order; or finishes a gather that another has begun.
    pub(super) async fn gather(
        &self,
        order: &OrderId,
        units: u64,
        doubt: &mut bool,
    ) -> Result<Gathered, Unknown> {
        let mut turn = 1;
        loop {
            let args = |open: &mut Cmd, _| {
                open.arg(order.as_str()).arg(turn).arg(units);
            };
            let heard = self.in_pocket(order.as_str(), "open", args).await?;
            *doubt |= heard.again;
            match heard.said.0.as_str() {
                "sold" => return Ok(Gathered::Sold),
                "refused" => return Ok(Gathered::Refused),
                "short" => turn = heard.said.1 + 1,
                _ => {
                    let gather = Gather::read(heard.said.2)?;
                    let end = self.finish(&gather).await?;
                    let is_own = gather.order == order.as_str();
                    if let (true, Some(end)) = (is_own, end) {
                        return Ok(end);
                    }
                    // Another process has finished its own, and the pocket alone knows whether it sold.
                    *doubt |= is_own;
                    return Ok(Gathered::Another);
                }
            }
        }
    }

    /// Finishes the gather that is open, if one is.
    pub(super) async fn finish_open(&self) -> Result<(), Unknown> {
        let heard = self.in_pocket("", "opened", nothing).await?;
        if !heard.said.2.is_empty() {
            self.finish(&Gather::read(heard.said.2)?).await?;
        }
        Ok(())
    }

    /// Whether the order was sold by a gather; if not, none of its gathers is opened from now on.
    pub(super) async fn settle_gathers(&self, order: &OrderId) -> Result<bool, Unknown> {
        let args = |settle: &mut Cmd, _| {
            settle.arg(order.as_str()).arg(self.ttl);
        };
        loop {
            let heard = self
                .in_pocket(order.as_str(), "settle_gathers", args)
                .await?;
            match heard.said.0.as_str() {
                "sold" => return Ok(true),
                "open" => {
                    self.finish(&Gather::read(heard.said.2)?).await?;
                }
                _ => return Ok(false),
            }
        }
    }

    /// Does what is left of a gather, and says how it ended; nothing if it was over, and only the pocket knows. The keys
    /// repeat their answers for what others have done.
    async fn finish(&self, gather: &Gather) -> Result<Option<Gathered>, Unknown> {
        let (mut missing, mut taken) = (gather.units, 0);
        for part in 0..self.parts {
            if missing == 0 {
                break;
            }
            let args = |piece: &mut Cmd, _| {
                piece.arg(gather.number).arg(missing);
            };
            let heard = self.of_piece(part, "piece", args).await?;
            if heard.said.0 == "over" {
                return Ok(None);
            }
            missing = missing.saturating_sub(heard.said.1);
            taken = part + 1;
        }
        let sold = missing == 0;
        if !sold && !self.makes(Mistake::KeepsPieces) {
            let args = |put_back: &mut Cmd, _| {
                put_back.arg(gather.number);
            };
            for part in 0..taken {
                self.of_piece(part, "put_back", args).await?;
            }
        }
        let close = |close: &mut Cmd, _| {
            let end = if sold { "sold" } else { "short" };
            close.arg(&gather.text).arg(end).arg(self.ttl);
        };
        self.in_pocket(&gather.order, "close", close).await?;
        Ok(Some(match sold {
            true => Gathered::Sold,
            false => Gathered::Short,
        }))
    }

    /// Calls a function on a part and the piece of the last gather there.
    async fn of_piece(
        &self,
        part: usize,
        name: &str,
        args: impl Fn(&mut Cmd, Attempt) + Sync,
    ) -> Result<Heard, Unknown> {
        let server = &self.servers[part % self.servers.len()];
        let name = format!("segstock_growing_2_{name}");
        function::call(server, None, &name, &[self.part(part)], args).await
    }
}
