//! The sequential model: what a stock counter is, one call after another.
//!
//! A [`Model`] is a stock at one instant, an [`Op`] is a call, an [`Outcome`] is what it answered.
//! [`Model::apply`] is the whole of the semantics, a rule for each call; the reasons stand beside
//! the rules. Everything concurrent is judged by it: a counter is right if the calls of all threads
//! can be put in one order, respecting real time, in which each answer is one that the model
//! [allows](Model::step).
//!
//! # Rules of conservation
//!
//! 1. `initial + restocked + owed == available + reserved + sold + withdrawn`, after every call
//!    ([`Snapshot::balanced`]): a unit that is in no sum is lost, one that is in two is sold twice.
//! 2. A refused call changes nothing: who is refused has nothing to undo.
//! 3. Only [`Op::Restock`] adds units, and only a deduct, a commit or a confirm sells them. All else
//!    moves units between available and reserved.
//!
//! # Examples
//!
//! ```
//! use segstock_model::{Model, Op, Outcome, Refusal};
//!
//! let mut stock = Model::new(2);
//! assert_eq!(stock.apply(Op::Deduct(2)), Outcome::Done);
//! let refused = Outcome::Refused(Refusal::Short { available: Some(0) });
//! assert_eq!(stock.apply(Op::Deduct(1)), refused);
//! // With one unit in stock, that refusal would have been false.
//! assert_eq!(Model::new(1).step(Op::Deduct(1), refused), None);
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answers;
mod call;
mod model;
pub mod naive;
mod op;
mod outcome;
mod perform;
pub mod script;
pub mod search;
mod snapshot;

pub use answers::{Answers, outcomes};
pub use call::{Call, exact_when_alone};
pub use model::{MAX_UNITS, Model};
pub use op::Op;
pub use outcome::{Outcome, Refusal};
pub use perform::Perform;
pub use script::{Script, Step};
pub use snapshot::Snapshot;
