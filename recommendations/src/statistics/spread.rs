/// How many shares a curve has: of the first 0 %, 1 %, … 100 % of the books.
pub const SHARES: usize = 101;

/// How unevenly something is spread over books (Lorenz, "Methods of measuring the concentration of wealth", 1905, from its
/// rich end).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How large a share the most frequent 0 %, 1 %, … 100 % of all books have: [`SHARES`] numbers from 0 to 1, ascending;
    /// none if there is nothing.
    pub shares: Vec<f64>,
    /// How unequal the books are: 0 all alike, 1 all with one.
    pub gini: f64,
    /// The share of books that have any of it, 0 to 1.
    pub coverage: f64,
    /// Readers whom it is of.
    pub readers: usize,
}

impl Spread {
    /// Of what each book has, none of it negative, in any order. Takes `n log n` for `n` books.
    #[must_use]
    pub fn new(mut amounts: Vec<f64>, readers: usize) -> Self {
        amounts.sort_unstable_by(|one, other| other.total_cmp(one));
        let books = amounts.len() as f64;
        let total: f64 = amounts.iter().sum();
        if total <= 0.0 {
            return Self { readers, ..Self::default() };
        }
        let (mut shares, mut sum, mut below) = (Vec::with_capacity(SHARES), 0.0, 0.0);
        let mut seen = 0;
        for percent in 0..SHARES {
            let end = books * percent as f64 / (SHARES - 1) as f64;
            while seen < amounts.len() && (seen + 1) as f64 <= end {
                // The area under the curve, a trapezium for each book.
                below += sum + amounts[seen] / 2.0;
                sum += amounts[seen];
                seen += 1;
            }
            // A book that is cut in two has its part.
            let part = amounts.get(seen).map_or(0.0, |amount| amount * (end - seen as f64));
            shares.push(((sum + part) / total).clamp(0.0, 1.0));
        }
        let some = amounts.iter().filter(|&&amount| amount > 0.0).count();
        let area = below / (total * books);
        Self { shares, gini: (2.0 * area - 1.0).clamp(0.0, 1.0), coverage: some as f64 / books, readers }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHARES, Spread};

    #[test]
    fn curves_are_those_of_the_books() {
        let alike = Spread::new(vec![2.0; 40], 7);
        assert_eq!((alike.shares.len(), alike.readers, alike.coverage), (SHARES, 7, 1.0));
        assert!(alike.gini < 1e-12, "{}", alike.gini);
        for (percent, share) in alike.shares.iter().enumerate() {
            assert!((share - percent as f64 / 100.0).abs() < 1e-12, "{percent}: {share}");
        }
        let mut one = vec![0.0; 200];
        one[77] = 3.0;
        let one = Spread::new(one, 1);
        assert!((one.gini - 0.995).abs() < 1e-12 && (one.coverage - 0.005).abs() < 1e-12, "{one:?}");
        assert_eq!((one.shares[0], one.shares[1], one.shares[100]), (0.0, 1.0, 1.0));
        // By hand: 3 and 1 of two books.
        let two = Spread::new(vec![1.0, 3.0], 1);
        assert!((two.shares[50] - 0.75).abs() < 1e-12 && (two.gini - 0.25).abs() < 1e-12, "{two:?}");
        assert!(two.shares.is_sorted());
        assert_eq!(two.shares[100], 1.0);
        for nothing in [Vec::new(), vec![0.0; 5]] {
            assert_eq!(Spread::new(nothing, 0), Spread::default());
        }
    }
}
