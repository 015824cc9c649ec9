//! Is a stock counter right? Record what it does, and have it judged.

mod checker;
mod error;
mod explain;
mod history;
mod search;
mod window;

pub use checker::{Checker, Verdict};
pub use error::{HistoryError, Mistake};
pub use explain::Explanation;
pub use history::{Call, History};
