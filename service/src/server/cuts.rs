//! Connections that the server ends early, and why.

use std::net::SocketAddr;

use prometheus::{IntCounterVec, Opts};

use crate::telemetry::Metrics;

#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// The TLS handshake failed.
    Handshake,
    /// It took too long.
    SlowHandshake,
    /// What was asked was no HTTP: 400.
    Malformed,
    /// The head of a request was too long: 431.
    TooLarge,
    /// What was sent was not taken.
    Stalled,
    /// It had been asked to go, and had not gone in time.
    Late,
}

impl Cut {
    const ALL: [Self; 6] =
        [Self::Handshake, Self::SlowHandshake, Self::Malformed, Self::TooLarge, Self::Stalled, Self::Late];

    fn reason(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::SlowHandshake => "slow_handshake",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Stalled => "stalled",
            Self::Late => "late",
        }
    }
}

/// Counts them, where there is something to count in.
#[derive(Clone, Debug, Default)]
pub(super) struct Cuts(Option<IntCounterVec>);

impl Cuts {
    pub(super) fn counted(metrics: &Metrics) -> Self {
        let opts = Opts::new("connections_cut_total", "Connections that the server ended early.");
        let counter = IntCounterVec::new(opts, &["reason"]).expect("valid names");
        // So that each is there before the first.
        for cut in Cut::ALL {
            counter.with_label_values(&[cut.reason()]);
        }
        metrics.registry().register(Box::new(counter.clone())).expect("one counting server a service");
        Self(Some(counter))
    }

    pub(super) fn add(&self, cut: Cut) {
        if let Some(counter) = &self.0 {
            counter.with_label_values(&[cut.reason()]).inc();
        }
    }

    /// Writes down what hyper has refused by itself, if `error` says that it has, under the name that its answer bears. Such
    /// a request never became a call.
    pub(super) fn refused(&self, peer: SocketAddr, id: u64, error: &(dyn std::error::Error + 'static)) {
        let Some(error) = error.downcast_ref::<hyper::Error>() else { return };
        if !error.is_parse() || error.is_parse_version_h2() {
            return;
        }
        let (cut, code) =
            if error.is_parse_too_large() { (Cut::TooLarge, "431") } else { (Cut::Malformed, "400") };
        self.add(cut);
        let peer = peer.ip();
        // The same fields as the line of a call.
        let request = format_args!("{id:016x}");
        tracing::info!(target: "call", method = "unknown", code, %peer, request, %error);
    }
}
