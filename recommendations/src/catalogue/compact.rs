//! The two shapes that everything in the snapshot has: many short texts in one, and many short lists in one.

use std::collections::HashMap;

use super::TooLarge;

/// Texts, one after the other in a single allocation: four bytes a text beside its own.
#[derive(Default)]
pub(super) struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) -> Result<u32, TooLarge> {
        let place = u32::try_from(self.ends.len()).map_err(|_| TooLarge)?;
        let end = u32::try_from(self.text.len() + text.len()).map_err(|_| TooLarge)?;
        self.text.push_str(text);
        self.ends.push(end);
        Ok(place)
    }

    pub(super) fn get(&self, place: u32) -> &str {
        let place = place as usize;
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.text[start..self.ends[place] as usize]
    }

    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(super) fn memory(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// Texts that occur often, each held once. The map is dropped with the builder.
#[derive(Default)]
pub(super) struct Interned {
    pub(super) texts: Texts,
    places: HashMap<Box<str>, u32>,
}

impl Interned {
    pub(super) fn place(&mut self, text: &str) -> Result<u32, TooLarge> {
        if let Some(&place) = self.places.get(text) {
            return Ok(place);
        }
        let place = self.texts.push(text)?;
        self.places.insert(text.into(), place);
        Ok(place)
    }
}

/// Lists, one after the other in a single allocation: four bytes a list and four a member.
#[derive(Default)]
pub(super) struct Lists {
    members: Vec<u32>,
    ends: Vec<u32>,
}

impl Lists {
    /// Adds one list.
    pub(super) fn push(
        &mut self,
        members: impl IntoIterator<Item = Result<u32, TooLarge>>,
    ) -> Result<(), TooLarge> {
        for member in members {
            self.members.push(member?);
        }
        self.ends.push(u32::try_from(self.members.len()).map_err(|_| TooLarge)?);
        Ok(())
    }

    pub(super) fn get(&self, place: u32) -> &[u32] {
        let place = place as usize;
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.members[start..self.ends[place] as usize]
    }

    /// All members of all lists.
    pub(super) fn members(&self) -> &[u32] {
        &self.members
    }

    pub(super) fn shrink(&mut self) {
        self.members.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    pub(super) fn memory(&self) -> usize {
        (self.members.capacity() + self.ends.capacity()) * size_of::<u32>()
    }
}
