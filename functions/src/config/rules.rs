use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use host::{Allowed, nn::ModelSettings};
use http::{HeaderMap, Method};

use super::Config;
use crate::{
    cors::Cors,
    limits::{Given, Limits},
    name::Name,
    routes::{Missed, Routes},
    statics::Pages,
};

/// What may change while the service runs.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What a call may take where the function's manifest says nothing.
    pub limits: Limits,
    /// Routes of the service's own address.
    pub routes: Routes,
    /// Further addresses, in the order of the file.
    pub listeners: Vec<Listener>,
    /// Whose pages may call functions; nobody's if unset.
    pub cors: Option<Cors>,
    /// Where webhooks may go, and guests that are granted it.
    pub hosts: Allowed,
    /// The models that functions may ask.
    pub models: Vec<ModelSettings>,
}

/// An address with routes of its own, and nothing else.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Where it listens.
    pub bind: SocketAddr,
    /// What it answers.
    pub routes: Routes,
    /// What lies below `/static/`.
    pub pages: Pages,
    /// Whether any other GET is answered 200 with nothing, instead of 404.
    pub empty_get: bool,
    /// Whose pages may call it; nobody's if unset.
    pub cors: Option<Cors>,
}

/// The rules of this moment. A request takes them once. Clones see the same.
pub type Live = Arc<ArcSwap<Rules>>;

/// What the file alone says.
#[derive(Debug, Default)]
pub(super) struct FileRules {
    pub(super) limits: Given,
    pub(super) routes: Routes,
    pub(super) listeners: Vec<Listener>,
    pub(super) models: Vec<ModelSettings>,
}

impl Rules {
    pub(super) fn of(file: FileRules, config: &Config) -> Self {
        Self {
            limits: file.limits.over(&Limits::default()),
            routes: file.routes,
            listeners: file.listeners,
            cors: config.cors.clone(),
            hosts: config.hosts.clone().unwrap_or_default(),
            models: config.model.with(file.models),
        }
    }

    /// New rules for the listeners that there are: the same in the same order, whatever the file now says of others. Gives the
    /// addresses of those that would have to be opened or closed, too.
    pub(super) fn for_listeners_of(mut self, old: &Self) -> (Self, Vec<SocketAddr>) {
        let mut differing = Vec::new();
        let mut kept = Vec::new();
        for listener in &old.listeners {
            let same = self.listeners.iter().position(|new| new.bind == listener.bind);
            kept.push(match same {
                Some(index) => self.listeners.remove(index),
                None => {
                    differing.push(listener.bind);
                    listener.clone()
                }
            });
        }
        differing.extend(self.listeners.iter().map(|new| new.bind));
        self.listeners = kept;
        (self, differing)
    }
}

/// One listener's part of the rules, as they are at the moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Door {
    rules: Live,
    /// None: the service's own address.
    further: Option<usize>,
}

impl Door {
    /// The service's own address.
    #[must_use]
    pub fn main(rules: &Live) -> Self {
        Self { rules: Arc::clone(rules), further: None }
    }

    /// The further listener of this index in [`Rules::listeners`].
    #[must_use]
    pub fn further(rules: &Live, index: usize) -> Self {
        Self { rules: Arc::clone(rules), further: Some(index) }
    }

    /// Whether it is the service's own address, where functions answer by their names.
    #[must_use]
    pub fn is_main(&self) -> bool {
        self.further.is_none()
    }

    /// The function that its routes lead a request to.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn resolve(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<Name, Missed> {
        let rules = self.rules.load();
        let routes = match self.further {
            None => &rules.routes,
            Some(index) => &rules.listeners.get(index).ok_or(Missed::Path)?.routes,
        };
        routes.resolve(method, path, headers).cloned()
    }

    /// Whose pages may call it.
    #[must_use]
    pub fn cors(&self) -> Option<Cors> {
        let rules = self.rules.load();
        match self.further {
            None => rules.cors.clone(),
            Some(index) => rules.listeners.get(index)?.cors.clone(),
        }
    }

    /// What lies below `/static/`.
    #[must_use]
    pub fn pages(&self) -> Pages {
        match self.further {
            None => Pages::Own,
            Some(index) => {
                let rules = self.rules.load();
                rules.listeners.get(index).map(|listener| listener.pages.clone()).unwrap_or_default()
            }
        }
    }

    /// Whether any GET that is for nothing else is answered with nothing.
    #[must_use]
    pub fn empty_get(&self) -> bool {
        let rules = self.rules.load();
        self.further.and_then(|index| rules.listeners.get(index)).is_some_and(|listener| listener.empty_get)
    }
}
