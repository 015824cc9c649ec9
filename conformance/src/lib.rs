//! Is a stock counter right? Have threads race on it, record what it answers, and judge that.
//!
//! | | |
//! |---|---|
//! | [`check`], [`Options`] | the whole suite on a counter, as a [`Report`] |
//! | `Options::check_schedules` (feature `shuttle`) | its rounds in schedules that shuttle chooses |
//! | [`Judging`] | that judgement on histories that you recorded yourself |
//! | [`Subject`] | what a counter must offer for that: three calls |
//! | [`Recording`], [`History`], [`svg`] | what was called and answered: recorded, kept, drawn |
//! | [`Checker`] | whether one order explains it; and if none does, [why](Explanation) |
//!
//! What is right is said by the [sequential model](segstock_model). How to go about it:
//! [testing your counter](docs::testing_your_counter).
//!
//! # Examples
//!
//! ```
//! use segstock::Stock;
//!
//! segstock_conformance::check(|units, _segments| Stock::new(units)).assert_kept();
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod docs;

mod checker;
mod crew;
mod error;
mod evidence;
mod explain;
mod history;
mod hold_words;
mod judge;
mod judging;
mod options;
mod overlaps;
mod pace;
mod picture;
mod play;
mod recorder;
mod reduced;
mod report;
mod request;
mod rounds;
#[cfg(feature = "shuttle")]
mod schedules;
mod subject;
mod suite;
mod tally;
mod trials;
mod window;
mod words;

pub use checker::{Checker, Undecided, Verdict};
pub use error::{HistoryError, Mistake};
pub use explain::{Explanation, Fault};
pub use history::History;
pub use judging::Judging;
pub use options::{Options, Progressed};
pub use picture::svg;
pub use recorder::{Begun, Log, Recording};
pub use report::{Evidence, Finding, Pair, Promise, Report, Slowest, State, Unjudged};
pub use request::{Request, request};
pub use segstock_model::Call;
pub use subject::{Answer, Subject};
pub use suite::check;
