use std::sync::atomic::{AtomicI64, Ordering};

/// What a retry costs, in what a call earns: one retry for ten calls.
const COST: i64 = 10;
/// Retries that may be saved up: as many calls as are lost when a busy server is killed.
const MOST: i64 = 1000 * COST;
/// Retries to begin with.
const RESERVE: i64 = 100 * COST;

/// Keeps retries from doubling an overload: over time at most a tenth of all calls are retried.
#[derive(Debug)]
pub(crate) struct Budget(AtomicI64);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(RESERVE))
    }

    /// A call was made.
    pub(crate) fn earn(&self) {
        // Slightly more than MOST may be saved when many earn at once, which does no harm.
        if self.0.load(Ordering::Relaxed) < MOST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a call may be retried; if so, it is paid for.
    pub(crate) fn pay(&self) -> bool {
        let pay = |saved| (saved >= COST).then_some(saved - COST);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_of_all_calls_may_be_retried() {
        let budget = Budget::new();
        let mut retries = 0;
        for _ in 0..100_000 {
            budget.earn();
            retries += i64::from(budget.pay());
        }
        assert_eq!(retries, (RESERVE + 100_000) / COST);
        assert!(!budget.pay());
    }

    #[test]
    fn savings_are_bounded() {
        let budget = Budget::new();
        for _ in 0..2 * MOST {
            budget.earn();
        }
        let retries = (0..2 * MOST).filter(|_| budget.pay()).count();
        assert_eq!(retries as i64, MOST / COST);
    }
}
