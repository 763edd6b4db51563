use std::cell::RefCell;

/// A set of places that is emptied in one step: each thread keeps two, so that no call allocates what grows with the
/// catalogue. 4 bytes a book, set and thread.
#[derive(Default)]
pub(super) struct Marks {
    now: u32,
    marked: Vec<u32>,
}

thread_local! {
    static MARKS: RefCell<[Marks; 2]> = RefCell::default();
}

/// Runs `work` with two empty sets of places below `size`.
///
/// # Panics
///
/// If `work` does the same within.
pub(super) fn with_marks<T>(size: usize, work: impl FnOnce(&mut Marks, &mut Marks) -> T) -> T {
    MARKS.with_borrow_mut(|[one, two]| {
        one.empty(size);
        two.empty(size);
        work(one, two)
    })
}

impl Marks {
    fn empty(&mut self, size: usize) {
        if self.marked.len() < size {
            self.marked.resize(size, 0);
        }
        self.now = self.now.checked_add(1).unwrap_or_else(|| {
            self.marked.fill(0);
            1
        });
    }

    /// Whether it was not there yet.
    pub(super) fn add(&mut self, place: u32) -> bool {
        std::mem::replace(&mut self.marked[place as usize], self.now) != self.now
    }

    pub(super) fn has(&self, place: u32) -> bool {
        self.marked[place as usize] == self.now
    }
}
