//! [`Rules`]: what does not change while a scenario runs.

use crate::omissions::Omission;

/// When a stock changes its form.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// With fewer units a refusal or a gather narrows.
    pub little: u8,
    /// With this many units or more contention widens, and a restock is dealt out. Nothing: never.
    pub enough: Option<u8>,
    /// Whether a thread that loses exchanges widens with less than enough.
    pub loses_patience: bool,
}

impl Tuning {
    /// Neither widens nor narrows by itself.
    pub const STILL: Self = Self {
        little: 0,
        enough: None,
        loses_patience: false,
    };
    /// Widens when an exchange is lost, narrows when a refusal leaves nothing.
    pub const RESTLESS: Self = Self {
        little: 1,
        enough: Some(2),
        loses_patience: true,
    };
    /// Narrows when a refusal, or a gather, leaves less than 4.
    pub const SHRINKING: Self = Self {
        little: 4,
        ..Self::STILL
    };

    pub fn is_little(self, units: u8) -> bool {
        units < self.little
    }

    pub fn is_enough(self, units: u8) -> bool {
        self.enough.is_some_and(|enough| units >= enough)
    }

    /// Whether `units` are enough to share out among orders of that size.
    pub fn is_plenty(self, units: u8, order: u8) -> bool {
        self.is_enough(units) && units >= order
    }
}

/// What does not change while a scenario runs.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The units that the stock opens with.
    pub initial: u8,
    pub segments: usize,
    pub tuning: Tuning,
    /// Which calls the scripts have. A counter that no call of a scenario writes says what it said
    /// before, so that reading it is no access.
    pub reserves: bool,
    pub commits: bool,
    pub restocks: bool,
    pub withdraws: bool,
    /// The step that is taken out.
    pub omitted: Option<Omission>,
}

impl Rules {
    pub fn without(&self, step: Omission) -> bool {
        self.omitted == Some(step)
    }
}
