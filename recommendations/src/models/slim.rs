//! SLIM: each book's column of weights, non-negative and sparse, by coordinate descent.
//!
//! Xia Ning and George Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM 2011. For each book `j` it
//! minimises `½‖x_j − X w‖² + ½ l2 ‖w‖² + l1 ‖w‖₁` over `w ≥ 0`, `w_j = 0`, which needs only the Gram matrix `G = XᵀX`.
//! Side information (the author, the series) counts as readers of its own, as in Xia Ning and George Karypis, "Sparse
//! Linear Methods with Side Information for Top-N Recommendations", RecSys 2012.
//!
//! Coordinates are updated only within a small active set, over a copy of its part of `G` that stays in the cache
//! (Jerome Friedman, Trevor Hastie and Rob Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate
//! Descent", 2010). Then all books whose residual correlation exceeds `l1` are looked for, the most gainful are added, and so
//! on until there is none: the result is the optimum over all books. `G ≥ 0` and `w ≥ 0`, so a book with `G_ij ≤ l1` can
//! never enter.

use pulp::Arch;
use rayon::prelude::*;

use super::{
    Run, Sparse, TrainError,
    gram::{Gram, Row, prune},
    progress::Counter,
};

/// How the fit is held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slim {
    /// The price of a weight, in co-readers.
    pub l1: f32,
    /// The price of a weight's square, in readers.
    pub l2: f32,
    /// The price of a weight's square as a share of the readers of the book that it is given to.
    pub l2_share: f32,
    /// How many weights a column keeps.
    pub depth: usize,
}

impl Default for Slim {
    fn default() -> Self {
        Self { l1: 2.0, l2: 20.0, l2_share: 0.0, depth: 200 }
    }
}

/// Books that enter the active set at a time.
const ENTER: usize = 64;
/// More rounds than this were never seen; what is reached then is as good as optimal.
const ROUNDS: usize = 30;
const SWEEPS: usize = 200;
/// A weight that moves less is at rest, when multiplied by the root of its book's share of the target's readers.
const REST: f32 = 2e-4;

impl Slim {
    /// The weights, a row a book that is predicted. Starts from earlier weights of other parameters if there are any, which
    /// changes how long it takes and nothing else.
    pub(crate) fn fit(&self, gram: &Gram, warm: Option<&Sparse>, run: &Run) -> Result<Sparse, TrainError> {
        let books = gram.books();
        let counter = Counter::new(run, books);
        let arch = Arch::new();
        let columns: Vec<Vec<(u32, f32)>> = run.install(|| {
            (0..books)
                .into_par_iter()
                .with_max_len(16)
                .map_init(
                    || Column::new(books),
                    |column, book| {
                        let start = warm.map_or((&[][..], &[][..]), |warm| warm.row(book));
                        let mut weights = arch.dispatch(
                            #[inline(always)]
                            || column.solve(gram, book, start, self),
                        );
                        prune(&mut weights, self.depth);
                        counter.step().map(|()| weights)
                    },
                )
                .collect::<Result<_, _>>()
        })?;
        Ok(Sparse::from_rows(books, &columns))
    }
}

/// What solving one column needs; lives as long as its thread's work.
struct Column {
    /// `G_j − G w`, for the books that may enter.
    residual: Vec<f32>,
    /// The place in the active set plus 1; 0 elsewhere.
    places: Vec<u32>,
    active: Vec<u32>,
    weights: Vec<f32>,
    /// Scratch for the active set: its part of G, of the residual, and who may enter.
    part: Vec<f32>,
    local: Vec<f32>,
    entering: Vec<(u32, f32)>,
}

impl Column {
    fn new(books: usize) -> Self {
        Self {
            residual: vec![0.0; books],
            places: vec![0; books],
            active: Vec::new(),
            weights: Vec::new(),
            part: Vec::new(),
            local: Vec::new(),
            entering: Vec::new(),
        }
    }

    #[inline(always)]
    fn solve(&mut self, gram: &Gram, book: usize, start: (&[u32], &[f32]), slim: &Slim) -> Vec<(u32, f32)> {
        self.active.clear();
        self.weights.clear();
        self.active.extend_from_slice(start.0);
        self.weights.extend_from_slice(start.1);
        for round in 0..ROUNDS {
            if round > 0 || !self.active.is_empty() {
                self.gather(gram, book);
                self.descend(gram, book, slim);
                self.forget_zeros();
            }
            self.correlate(gram, book);
            if !self.enter(gram, book, slim) {
                break;
            }
        }
        self.active.iter().copied().zip(self.weights.iter().copied()).filter(|&(_, w)| w > 0.0).collect()
    }

    /// Copies the active set's part of G, and what its residual is at weight zero.
    #[inline(always)]
    fn gather(&mut self, gram: &Gram, book: usize) {
        let Self { places, active, part, local, .. } = self;
        let size = active.len();
        part.clear();
        part.resize(size * size, 0.0);
        local.clear();
        local.resize(size, 0.0);
        match gram.row(book) {
            Row::Dense(row) => {
                for (value, &other) in local.iter_mut().zip(&*active) {
                    *value = row[other as usize];
                }
                for (line, &one) in part.chunks_exact_mut(size).zip(&*active) {
                    if let Row::Dense(row) = gram.row(one as usize) {
                        for (value, &other) in line.iter_mut().zip(&*active) {
                            *value = row[other as usize];
                        }
                    }
                }
            }
            Row::Near(indices, values) => {
                for (place, &other) in active.iter().enumerate() {
                    places[other as usize] = place as u32 + 1;
                }
                for (&other, &value) in indices.iter().zip(values) {
                    if let Some(place) = (places[other as usize] as usize).checked_sub(1) {
                        local[place] = value;
                    }
                }
                for (place, &one) in active.iter().enumerate() {
                    part[place * size + place] = gram.diagonal(one as usize);
                    if let Row::Near(indices, values) = gram.row(one as usize) {
                        for (&other, &value) in indices.iter().zip(values) {
                            if let Some(other) = (places[other as usize] as usize).checked_sub(1) {
                                // A neighbour may be held by one of two books only.
                                part[place * size + other] = value;
                                part[other * size + place] = value;
                            }
                        }
                    }
                }
                for &other in &*active {
                    places[other as usize] = 0;
                }
            }
        }
    }

    /// Coordinate descent within the active set, until nothing moves.
    #[inline(always)]
    fn descend(&mut self, gram: &Gram, book: usize, slim: &Slim) {
        let Self { weights, part, local, .. } = self;
        let size = weights.len();
        for (line, &weight) in part.chunks_exact(size).zip(&*weights) {
            if weight != 0.0 {
                subtract(local, weight, line);
            }
        }
        let rest = REST * gram.diagonal(book).max(1.0).sqrt();
        for _ in 0..SWEEPS {
            let mut moved = 0.0_f32;
            for place in 0..size {
                let line = &part[place * size..(place + 1) * size];
                let own = line[place];
                let old = weights[place];
                let held = own * (1.0 + slim.l2_share) + slim.l2;
                let new = ((local[place] + own * old - slim.l1) / held).max(0.0);
                let step = new - old;
                if step != 0.0 {
                    weights[place] = new;
                    subtract(local, step, line);
                    moved = moved.max(step.abs() * own.sqrt());
                }
            }
            if moved < rest {
                break;
            }
        }
    }

    #[inline(always)]
    fn forget_zeros(&mut self) {
        let mut kept = 0;
        for place in 0..self.active.len() {
            if self.weights[place] > 0.0 {
                self.active[kept] = self.active[place];
                self.weights[kept] = self.weights[place];
                kept += 1;
            }
        }
        self.active.truncate(kept);
        self.weights.truncate(kept);
    }

    /// The residual of all books that may enter.
    #[inline(always)]
    fn correlate(&mut self, gram: &Gram, book: usize) {
        let Self { residual, active, weights, .. } = self;
        match gram.row(book) {
            Row::Dense(row) => residual.copy_from_slice(row),
            Row::Near(indices, values) => {
                for (&other, &value) in indices.iter().zip(values) {
                    residual[other as usize] = value;
                }
            }
        }
        for (&one, &weight) in active.iter().zip(&*weights) {
            match gram.row(one as usize) {
                Row::Dense(row) => subtract(residual, weight, row),
                Row::Near(indices, values) => {
                    for (&other, &value) in indices.iter().zip(values) {
                        residual[other as usize] -= weight * value;
                    }
                }
            }
        }
    }

    /// Lets the most gainful books into the active set; whether there were any.
    #[inline(always)]
    fn enter(&mut self, gram: &Gram, book: usize, slim: &Slim) -> bool {
        let Self { residual, places, active, weights, entering, .. } = self;
        for &one in &*active {
            places[one as usize] = 1;
        }
        places[book] = 1;
        entering.clear();
        let bar = slim.l1 + 1e-3 * slim.l1.max(0.1);
        let mut look = |other: usize, residual: f32| {
            if residual > bar && places[other] == 0 {
                let own = gram.diagonal(other);
                let gain = (residual - slim.l1).powi(2) / (own * (1.0 + slim.l2_share) + slim.l2);
                // The weight alone would have to be at least at rest.
                entering.push((other as u32, gain));
            }
        };
        match gram.row(book) {
            Row::Dense(_) => residual.iter().enumerate().for_each(|(other, &value)| look(other, value)),
            Row::Near(indices, _) => {
                indices.iter().for_each(|&other| look(other as usize, residual[other as usize]));
            }
        }
        places[book] = 0;
        for &one in &*active {
            places[one as usize] = 0;
        }
        if entering.len() > ENTER {
            entering.select_nth_unstable_by(ENTER - 1, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            entering.truncate(ENTER);
        }
        active.extend(entering.iter().map(|&(other, _)| other));
        weights.resize(active.len(), 0.0);
        !entering.is_empty()
    }
}

#[inline(always)]
fn subtract(from: &mut [f32], weight: f32, what: &[f32]) {
    for (value, what) in from.iter_mut().zip(what) {
        *value -= weight * what;
    }
}
