use std::{fmt, str::FromStr};

/// What a module is, told by looking at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A WASI preview 1 command: a core module that exports `_start`.
    Command,
    /// A component of our world `algorithm`.
    Algorithm,
    /// A component that exports `wasi:http/incoming-handler`.
    Http,
    /// A core module of the SE2 plugin ABI: it exports `run_e`, `allocate` and `deallocate`.
    Plugin,
    /// A component of our world `ranker`. It re-orders recommendations and is not called by HTTP.
    Ranker,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Command, Self::Algorithm, Self::Http, Self::Plugin, Self::Ranker];

    /// As manifests and lists write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "wasi-command",
            Self::Algorithm => "algorithm",
            Self::Http => "wasi-http",
            Self::Plugin => "se2",
            Self::Ranker => "ranker",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
