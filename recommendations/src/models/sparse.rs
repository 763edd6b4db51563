//! Matrices that are mostly zero, row after row.

use super::PartsError;

/// A sparse matrix in compressed rows: sorted column numbers, each at most once a row, and finite values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sparse {
    columns: usize,
    /// Where each row begins, and the end of the last: one more than there are rows.
    starts: Vec<u64>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Sparse {
    /// From what an artefact holds: `starts` has one entry more than there are rows, `indices` and `values` one a non-zero.
    ///
    /// # Errors
    ///
    /// If the shapes do not fit, a column number is out of range, out of order or repeated, or a value is not finite.
    pub fn checked(
        columns: usize,
        starts: Vec<u64>,
        indices: Vec<u32>,
        values: Vec<f32>,
    ) -> Result<Self, PartsError> {
        if indices.len() != values.len() {
            return Err(PartsError::Shape("a sparse matrix has as many indices as values"));
        }
        if starts.first() != Some(&0) || starts.last() != Some(&(indices.len() as u64)) {
            return Err(PartsError::Shape("rows of a sparse matrix begin at 0 and end with the last value"));
        }
        if starts.is_sorted_by(|a, b| a <= b) {
            let matrix = Self { columns, starts, indices, values };
            let ordered = |row: &[u32]| {
                row.is_sorted_by(|a, b| a < b) && row.last().is_none_or(|&last| (last as usize) < columns)
            };
            if !(0..matrix.rows()).all(|row| ordered(matrix.row(row).0)) {
                return Err(PartsError::Shape(
                    "the columns of a sparse row are in range, in order, and there once",
                ));
            }
            if !matrix.values.iter().all(|value| value.is_finite()) {
                return Err(PartsError::NotFinite);
            }
            return Ok(matrix);
        }
        Err(PartsError::Shape("rows of a sparse matrix begin one after the other"))
    }

    /// From rows whose columns are sorted, in range and there once.
    pub(crate) fn from_rows(columns: usize, rows: &[Vec<(u32, f32)>]) -> Self {
        let total = rows.iter().map(Vec::len).sum();
        let mut matrix = Self::with_capacity(columns, rows.len(), total);
        for row in rows {
            matrix.push(row);
        }
        matrix
    }

    pub(crate) fn with_capacity(columns: usize, rows: usize, values: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self { columns, starts, indices: Vec::with_capacity(values), values: Vec::with_capacity(values) }
    }

    /// Adds a row whose columns are sorted, in range and there once.
    pub(crate) fn push(&mut self, row: &[(u32, f32)]) {
        debug_assert!(row.is_sorted_by(|a, b| a.0 < b.0));
        self.indices.extend(row.iter().map(|&(column, _)| column));
        self.values.extend(row.iter().map(|&(_, value)| value));
        self.starts.push(self.indices.len() as u64);
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How many columns there are.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many values are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether all is zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The column numbers and values of a row; nothing for a row that is not there.
    #[must_use]
    #[inline]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        match (self.starts.get(row), self.starts.get(row + 1)) {
            (Some(&from), Some(&to)) => {
                let range = from as usize..to as usize;
                (&self.indices[range.clone()], &self.values[range])
            }
            _ => (&[], &[]),
        }
    }

    /// Column numbers with values.
    pub(crate) fn entries(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let (indices, values) = self.row(row);
        indices.iter().copied().zip(values.iter().copied())
    }

    /// Where each row begins, and the end of the last.
    #[must_use]
    pub fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// The column number of each value.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Rows as columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut starts = vec![0_u64; self.columns + 1];
        for &column in &self.indices {
            starts[column as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut indices = vec![0; self.len()];
        let mut values = vec![0.0; self.len()];
        for row in 0..self.rows() {
            for (column, value) in self.entries(row) {
                let place = &mut next[column as usize];
                indices[*place as usize] = row as u32;
                values[*place as usize] = value;
                *place += 1;
            }
        }
        Self { columns: self.rows(), starts, indices, values }
    }

    /// How many bytes it holds: 8 a row and 8 a value.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.starts.capacity() * 8 + self.indices.capacity() * 4 + self.values.capacity() * 4
    }
}
