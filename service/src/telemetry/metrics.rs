use prometheus::{Encoder as _, Registry, TextEncoder};

/// The metrics of one service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// An empty set for `service`, and the build's version.
    ///
    /// # Panics
    ///
    /// If `service` is not a name that Prometheus takes.
    #[must_use]
    pub fn new(service: &str) -> Self {
        let registry = Registry::new();
        let labels = [("service".to_owned(), service.to_owned()), ("version".to_owned(), version())].into();
        let opts = prometheus::Opts::new("shelfwise_build_info", "Always 1; the labels say what runs.")
            .const_labels(labels);
        let info = prometheus::IntGauge::with_opts(opts).expect("a valid name");
        info.set(1);
        registry.register(Box::new(info)).expect("the registry is empty");
        Self { registry }
    }

    /// Where collectors are registered.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// All of them in Prometheus' text format.
    ///
    /// # Panics
    ///
    /// Never: a registered metric can be written as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("registered metrics can be encoded");
        String::from_utf8(text).expect("Prometheus' format is text")
    }
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
