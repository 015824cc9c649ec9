//! Dealing units out evenly.

/// `units` in `parts` shares that differ by one at most, the larger ones first.
pub(crate) fn shares(units: u64, parts: usize) -> impl Iterator<Item = u64> {
    let parts = parts as u64;
    let (share, rest) = (units / parts, units % parts);
    (0..parts).map(move |part| share + u64::from(part < rest))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::shares;

    #[test]
    fn shares_are_even_and_lose_nothing() {
        assert_eq!(shares(1_000, 20).collect::<Vec<_>>(), [50; 20]);
        assert_eq!(shares(10, 4).collect::<Vec<_>>(), [3, 3, 2, 2]);
        assert_eq!(shares(0, 3).collect::<Vec<_>>(), [0; 3]);
    }
}
