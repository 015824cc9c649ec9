//! Is a stock counter right? Record what it does, and have it judged.

mod checker;
mod error;
mod explain;
mod history;
mod judge;
mod picture;
mod play;
mod recorder;
mod reduced;
mod report;
mod rounds;
mod search;
mod subject;
mod suite;
mod trials;
mod window;

pub use checker::{Checker, Verdict};
pub use error::{HistoryError, Mistake};
pub use explain::Explanation;
pub use history::{Call, History};
pub use picture::svg;
pub use recorder::{Log, Recording};
pub use report::{Evidence, Finding, Promise, Report, State};
pub use subject::{Answer, Subject};
pub use suite::{Options, check};
