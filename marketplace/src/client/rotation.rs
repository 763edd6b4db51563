use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use prometheus::IntGaugeVec;
use tokio::sync::{Notify, futures::Notified};

use super::line::Line;

/// Who can be asked. Read by every call without a lock; written when something happens to a backend.
pub(crate) struct Rotation {
    seats: Mutex<Seats>,
    view: ArcSwap<View>,
    changed: Notify,
    gauges: IntGaugeVec,
}

/// Who can be asked at one moment.
#[derive(Default)]
pub(crate) struct View {
    /// Who wants calls, in turn.
    pub(crate) serving: Vec<Arc<Line>>,
    /// Who is connected, but starting, leaving or late: better than nobody.
    pub(crate) spare: Vec<Arc<Line>>,
    /// Whether somebody is worth waiting for.
    pub(crate) coming: bool,
}

struct Seats {
    next: u64,
    /// Hosts that have not been resolved yet.
    unresolved: usize,
    states: BTreeMap<u64, State>,
}

enum State {
    /// A first attempt, or the first after a loss, is under way.
    Connecting,
    /// The last attempt has failed.
    Down,
    Connected {
        line: Arc<Line>,
        serving: bool,
    },
}

/// One backend's place in the rotation, given up when it is dropped.
pub(crate) struct Seat {
    rotation: Arc<Rotation>,
    number: u64,
}

impl Rotation {
    pub(crate) fn new(hosts: usize, gauges: IntGaugeVec) -> Self {
        let seats = Seats { next: 0, unresolved: hosts, states: BTreeMap::new() };
        let view = View { coming: true, ..View::default() };
        Self { seats: Mutex::new(seats), view: ArcSwap::from_pointee(view), changed: Notify::new(), gauges }
    }

    pub(crate) fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Resolves at the next change after this call, even if it is not polled until later.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// A new backend, which is connecting.
    pub(crate) fn seat(self: &Arc<Self>) -> Seat {
        let mut seats = self.lock();
        let number = seats.next;
        seats.next += 1;
        seats.states.insert(number, State::Connecting);
        self.publish(&seats);
        Seat { rotation: Arc::clone(self), number }
    }

    /// A host has been resolved for the first time, or could not be.
    pub(crate) fn resolved(&self) {
        let mut seats = self.lock();
        seats.unresolved = seats.unresolved.saturating_sub(1);
        self.publish(&seats);
    }

    /// A caller has found that a line takes no more calls: nobody else should.
    pub(crate) fn lost(&self, lost: &Arc<Line>) {
        let mut seats = self.lock();
        let same =
            |state: &&mut State| matches!(state, State::Connected { line, .. } if Arc::ptr_eq(line, lost));
        if let Some(state) = seats.states.values_mut().find(same) {
            *state = State::Connecting;
            self.publish(&seats);
        }
        drop(seats);
        lost.give_up();
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        // A panic cannot leave the seats half written.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, seats: &Seats) {
        let mut view = View { coming: seats.unresolved > 0, ..View::default() };
        let (mut connecting, mut down) = (0, 0);
        for state in seats.states.values() {
            match state {
                State::Connecting => connecting += 1,
                State::Down => down += 1,
                State::Connected { line, serving: true } => view.serving.push(Arc::clone(line)),
                State::Connected { line, serving: false } => view.spare.push(Arc::clone(line)),
            }
        }
        view.coming |= connecting > 0;
        let gauge = |state: &str, count: usize| {
            self.gauges.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        gauge("connecting", connecting);
        gauge("unreachable", down);
        gauge("serving", view.serving.len());
        gauge("spare", view.spare.len());
        self.view.store(Arc::new(view));
        self.changed.notify_waiters();
    }
}

impl View {
    /// Whose turn it is, but for `not`.
    pub(crate) fn pick(&self, turn: usize, not: Option<&Arc<Line>>) -> Option<&Arc<Line>> {
        let pick = |lines: &'_ [Arc<Line>]| {
            let fits = |index: &usize| not.is_none_or(|not| !Arc::ptr_eq(&lines[*index], not));
            (0..lines.len().min(2)).map(|next| turn.wrapping_add(next) % lines.len()).find(fits)
        };
        let serving = pick(&self.serving).map(|index| &self.serving[index]);
        serving.or_else(|| pick(&self.spare).map(|index| &self.spare[index]))
    }
}

impl Seat {
    pub(crate) fn connecting(&self) {
        self.set(State::Connecting);
    }

    pub(crate) fn down(&self) {
        self.set(State::Down);
    }

    pub(crate) fn connected(&self, line: &Arc<Line>, serving: bool) {
        self.set(State::Connected { line: Arc::clone(line), serving });
    }

    fn set(&self, state: State) {
        let mut seats = self.rotation.lock();
        seats.states.insert(self.number, state);
        self.rotation.publish(&seats);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.rotation.lock();
        seats.states.remove(&self.number);
        self.rotation.publish(&seats);
    }
}
