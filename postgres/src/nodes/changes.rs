//! The calls of a [`Node`] on orders: those of every day, and those in parts.

use super::answers::{Answer, InvalidOrder, Refusal};
use super::change::{Ask, Changed};
use super::known::State;
use super::lines::Lines;
use super::node::Node;
use super::serving::Request;
use segstock_orders::Returned;
use segstock_remote::OrderId;
use std::time::Duration;
use tokio::time::timeout;

/// What can come of each call is that of the order book's table (`segstock_orders`): which call is for an order in which state,
/// and what a retry answers.
impl Node {
    /// Pays for an order: all its units that are held. A payment that comes late, after the deadline, takes the units again,
    /// all of them, if they can still be had.
    ///
    /// # Errors
    ///
    /// [`Refusal::Is`] if it is cancelled, or if nothing of it is left to pay for and some of it was; [`Refusal::Short`] if a
    /// late payment could not have the units again: nothing is paid, and the order stays as it was; [`Refusal::NoOrder`]; [`Refusal::SoldOut`] if it was refused; and the
    /// [temporary ones](Refusal::is_temporary).
    pub async fn pay(&self, id: &OrderId) -> Result<Answer, Refusal> {
        let paid = [
            State::Paid,
            State::Shipped,
            State::Returned,
            State::Refunded,
        ];
        self.whole(id, Request::Pay, "pay", &paid).await
    }

    /// Ships an order that is paid for: its units have left.
    ///
    /// # Errors
    ///
    /// [`Refusal::Is`] if no unit is paid for; [`Refusal::Conflict`] if the whole order was shipped before, and units were paid
    /// for since; [`Refusal::NotOnHand`] if fewer units are on hand, since units are owed;
    /// [`Refusal::NoOrder`]; [`Refusal::SoldOut`] if it was refused; and the [temporary ones](Refusal::is_temporary).
    pub async fn ship(&self, id: &OrderId) -> Result<Answer, Refusal> {
        let shipped = [State::Shipped, State::Returned];
        self.whole(id, Request::Ship, "ship", &shipped).await
    }

    /// Cancels an order that is held or paid for: its units can be sold again. The answer says how many of them are to be
    /// [refunded](Answer::refunded). One that was not placed yet will never be, and that is `Ok(None)`.
    ///
    /// # Errors
    ///
    /// [`Refusal::Is`] if all units have shipped or expired; [`Refusal::Conflict`] if the whole order was cancelled before, and
    /// units were paid for late since; [`Refusal::SoldOut`] if it was refused; and the
    /// [temporary ones](Refusal::is_temporary).
    pub async fn cancel(&self, id: &OrderId) -> Result<Option<Answer>, Refusal> {
        let cancelled = [State::Cancelled, State::Refunded];
        match self.whole(id, Request::Cancel, "cancel", &cancelled).await {
            Err(Refusal::CancelledBefore) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Some lines of the order, or parts of them, are paid for: those that are held first, then those that have come back at
    /// the deadline. A retry with the same `key`, at any node, pays nothing again.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotInOrder`] names all lines of which the order has fewer units to pay for; [`Refusal::Invalid`] if these are
    /// no lines; [`Refusal::Conflict`] if the key is known for another request on this order; [`Refusal::TooManyKeys`]; those
    /// of [`pay`](Self::pay).
    pub async fn pay_part<S: AsRef<str>>(
        &self,
        id: &OrderId,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
    ) -> Result<Answer, Refusal> {
        self.part(id, "pay", key, lines).await
    }

    /// A parcel of the order leaves: some of the units that are paid for. A retry with the same `key` ships nothing again.
    ///
    /// # Errors
    ///
    /// Those of [`ship`](Self::ship) and of [`pay_part`](Self::pay_part).
    pub async fn ship_part<S: AsRef<str>>(
        &self,
        id: &OrderId,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
    ) -> Result<Answer, Refusal> {
        self.part(id, "ship", key, lines).await
    }

    /// Some lines of the order, or parts of them, are not wanted any more: of each line the units that are held, then those
    /// that are paid for. A retry with the same `key` cancels nothing again.
    ///
    /// # Errors
    ///
    /// Those of [`cancel`](Self::cancel) and of [`pay_part`](Self::pay_part).
    pub async fn cancel_part<S: AsRef<str>>(
        &self,
        id: &OrderId,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
    ) -> Result<Answer, Refusal> {
        self.part(id, "cancel", key, lines).await
    }

    /// All units of the order that were shipped come back.
    ///
    /// # Errors
    ///
    /// [`Refusal::Is`] if no unit was shipped; [`Refusal::Conflict`] if all units came back before, and none of them this way,
    /// or if the whole order came back before, and units were shipped since;
    /// [`Refusal::TooMany`] if the SKU has no room for them; [`Refusal::NoOrder`]; [`Refusal::SoldOut`] if it was refused; and
    /// the [temporary ones](Refusal::is_temporary).
    pub async fn return_order(&self, id: &OrderId, to: Returned) -> Result<Answer, Refusal> {
        self.alone(id, &Ask::whole(kind_of(to))).await
    }

    /// Some of the units that were shipped come back. A retry with the same `key` brings nothing back again.
    ///
    /// # Errors
    ///
    /// Those of [`return_order`](Self::return_order) and of [`pay_part`](Self::pay_part).
    pub async fn return_part<S: AsRef<str>>(
        &self,
        id: &OrderId,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
        to: Returned,
    ) -> Result<Answer, Refusal> {
        self.part(id, kind_of(to), key, lines).await
    }

    /// The order is for `lines` from now on, in place of those that it holds, and for `ttl` from now, if that is later. It
    /// takes what it lacks and gives back what it does not need any more, at once, or nothing changes. A retry with the same
    /// `key` changes nothing again, however often the order was amended since.
    ///
    /// # Errors
    ///
    /// [`Refusal::Short`] names every line that lacks units: how many the order needs more; [`Refusal::Is`] if a unit of it is
    /// not held; [`Refusal::NoSku`]; [`Refusal::Closed`], [`Refusal::Unpaid`] and the limits of customers, for what it needs
    /// more; those of [`pay_part`](Self::pay_part).
    pub async fn amend<S: AsRef<str>>(
        &self,
        id: &OrderId,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        let lines = self.check(lines, ttl)?;
        self.alone(id, &Ask::amend(key, lines, ttl)).await
    }

    /// The order's units are held for `ttl` from now, if that is later than their deadline; without one, until somebody pays
    /// or cancels. A retry with the same `key` moves the deadline no further, however late it comes.
    ///
    /// # Errors
    ///
    /// [`Refusal::Is`] if no unit is held; [`Refusal::Invalid`] if the hold is longer than the sale lets; [`Refusal::Conflict`]
    /// if the key is known for another request on this order, or for another `ttl`; [`Refusal::TooManyKeys`]; those of
    /// [`pay`](Self::pay).
    pub async fn extend(
        &self,
        id: &OrderId,
        key: &OrderId,
        ttl: Option<Duration>,
    ) -> Result<Answer, Refusal> {
        self.check_hold(ttl)?;
        self.alone(id, &Ask::extend(key, ttl)).await
    }

    /// A call on the whole order: in a batch, or else in a transaction of its own.
    async fn whole(
        &self,
        id: &OrderId,
        request: Request,
        kind: &'static str,
        done: &[State],
    ) -> Result<Answer, Refusal> {
        match self.call(id, request).await? {
            Some(known) if done.contains(&known.state) => {
                let answer = known.answer()?;
                let refunded = if kind == "cancel" { answer.refunded } else { 0 };
                Ok(Answer { refunded, ..answer })
            }
            Some(known) => Err(Refusal::Is(known.order()?)),
            None => self.alone(id, &Ask::whole(kind)).await,
        }
    }

    async fn part<S: AsRef<str>>(
        &self,
        id: &OrderId,
        kind: &'static str,
        key: &OrderId,
        lines: impl IntoIterator<Item = (S, u64)>,
    ) -> Result<Answer, Refusal> {
        let lines = Lines::new(lines).map_err(Refusal::Invalid)?;
        self.alone(id, &Ask::part(kind, key, lines)).await
    }

    async fn alone(&self, id: &OrderId, ask: &Ask) -> Result<Answer, Refusal> {
        let _permit = self.permit()?;
        let changed = timeout(self.inner.sale.patience, self.inner.change_alone(id, ask));
        match changed.await.ok().flatten() {
            Some(Changed::Done(known, [units, refunded, late])) => Ok(Answer {
                units,
                refunded,
                late,
                ..known.answer()?
            }),
            Some(Changed::Missing) => Err(Refusal::NoOrder),
            Some(Changed::Is(known) | Changed::State(known)) => Err(Refusal::Is(known.order()?)),
            Some(Changed::Conflict) => Err(Refusal::Conflict),
            Some(Changed::NotInOrder(lines)) => Err(Refusal::NotInOrder(lines)),
            Some(Changed::Short(lines)) => Err(Refusal::Short(lines)),
            Some(Changed::NotOnHand(lines)) => Err(Refusal::NotOnHand(lines)),
            Some(Changed::NoSku(sku)) => Err(Refusal::NoSku { sku }),
            Some(Changed::Closed(sku)) => Err(Refusal::Closed { sku }),
            Some(Changed::PerCustomer(sku)) => Err(Refusal::PerCustomer { sku }),
            Some(Changed::CustomerNeeded(sku)) => Err(Refusal::CustomerNeeded { sku }),
            Some(Changed::Unpaid(sku)) => Err(Refusal::Unpaid { sku }),
            Some(Changed::TooMany) => Err(Refusal::TooMany),
            Some(Changed::TooManyKeys) => Err(Refusal::TooManyKeys),
            Some(Changed::Overdue(_) | Changed::Due(_) | Changed::Close) | None => {
                Err(Refusal::TryAgain)
            }
        }
    }
}

/// How a return is called in the database.
const fn kind_of(to: Returned) -> &'static str {
    if matches!(to, Returned::OnSale) {
        "return"
    } else {
        "write_off"
    }
}

impl Node {
    /// The lines of an order that is new, or is to have these: as many as the sale lets.
    pub(super) fn check<S: AsRef<str>>(
        &self,
        lines: impl IntoIterator<Item = (S, u64)>,
        ttl: Option<Duration>,
    ) -> Result<Lines, Refusal> {
        let lines = Lines::new(lines).map_err(Refusal::Invalid)?;
        let sale = &self.inner.sale;
        if lines.iter().count() > sale.max_lines {
            return Err(Refusal::Invalid(InvalidOrder::TooMany));
        }
        let units: i64 = lines.iter().map(|(_, units)| units).sum();
        if units.unsigned_abs() > sale.max_units {
            return Err(Refusal::Invalid(InvalidOrder::TooManyUnits));
        }
        self.check_hold(ttl)?;
        Ok(lines)
    }

    fn check_hold(&self, ttl: Option<Duration>) -> Result<(), Refusal> {
        if ttl.is_some_and(|ttl| ttl > self.inner.sale.longest_hold) {
            return Err(Refusal::Invalid(InvalidOrder::Hold));
        }
        Ok(())
    }
}
