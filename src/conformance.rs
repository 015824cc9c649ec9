//! Is a stock counter right? Record what it does, and have it judged.

mod error;
mod history;

pub use error::{HistoryError, Mistake};
pub use history::{Call, History};
