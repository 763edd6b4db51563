use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Instance;

/// Instances of one plugin that wait for a call. More may run at a time; what is more ends with its call.
const OF_ONE: usize = 4;
/// Instances of all plugins that wait, at most.
const OF_ALL: u32 = 64;

/// The instances of all plugins of an engine that wait for their next call. Each has a place in the pool of instances; there are no
/// more than a bound, and the one that was used least recently ends when another needs its place.
pub(crate) struct Kept {
    most: usize,
    plugins: AtomicU64,
    /// With the number of the plugin, the one used last at the end.
    waiting: Mutex<VecDeque<(u64, Instance)>>,
}

impl Kept {
    /// How many wait where so many guests may run.
    pub(crate) fn most(guests: u32) -> u32 {
        guests.min(OF_ALL)
    }

    pub(crate) fn new(guests: u32) -> Self {
        let most = Self::most(guests) as usize;
        Self { most, plugins: AtomicU64::new(0), waiting: Mutex::new(VecDeque::with_capacity(most)) }
    }

    /// The number of a plugin.
    pub(super) fn number(&self) -> u64 {
        self.plugins.fetch_add(1, Ordering::Relaxed)
    }

    /// The one of a plugin that was used last.
    pub(super) fn take(&self, plugin: u64) -> Option<Instance> {
        let mut waiting = self.waiting();
        let place = waiting.iter().rposition(|(of, _)| *of == plugin)?;
        waiting.remove(place).map(|(_, instance)| instance)
    }

    pub(super) fn put(&self, plugin: u64, instance: Instance) {
        let mut waiting = self.waiting();
        let own = waiting.iter().filter(|(of, _)| *of == plugin).count();
        let oldest = if own >= OF_ONE {
            waiting.iter().position(|(of, _)| *of == plugin)
        } else if waiting.len() >= self.most {
            Some(0)
        } else {
            None
        };
        let ended = oldest.and_then(|place| waiting.remove(place));
        waiting.push_back((plugin, instance));
        drop(waiting);
        // Its memory is given back by those who hold nothing up.
        drop(ended);
    }

    /// Ends those of a plugin that is no more.
    pub(super) fn end(&self, plugin: u64) {
        let mut waiting = self.waiting();
        let (ended, others): (VecDeque<_>, _) =
            std::mem::take(&mut *waiting).into_iter().partition(|(of, _)| *of == plugin);
        *waiting = others;
        drop(waiting);
        drop(ended);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(u64, Instance)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
