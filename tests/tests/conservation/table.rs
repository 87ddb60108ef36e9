//! What can go wrong with what, and which of it is tried.

use std::collections::BTreeSet;

/// How a container's log is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rotation {
    None,
    FiveByThree,
    OneByThree,
    Compressed,
    /// max-file=1: the engine cuts the file to nothing.
    OneFile,
}

impl Rotation {
    pub(crate) const ALL: [Self; 5] =
        [Self::None, Self::FiveByThree, Self::OneByThree, Self::Compressed, Self::OneFile];

    /// `--log-opt`.
    pub(crate) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::FiveByThree => &["max-size=5m", "max-file=3"],
            Self::OneByThree => &["max-size=1m", "max-file=3"],
            Self::Compressed => &["max-size=1m", "max-file=3", "compress=true"],
            Self::OneFile => &["max-size=1m", "max-file=1"],
        }
    }

    /// Lines, and lines in a burst: several rotations, and slow enough for a router that is away for a second.
    pub(crate) const fn lines(self) -> (usize, usize) {
        match self {
            Self::FiveByThree => (150_000, 5_000),
            _ => (40_000, 2_000),
        }
    }

    /// Whether lines may be missing at places that the router reports.
    pub(crate) const fn may_gap(self) -> bool {
        matches!(self, Self::OneFile)
    }
}

/// What happens in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    SinkSlow,
    SinkReset,
    SinkAway,
    /// The same with a spool that takes less than what rotation deletes meanwhile.
    SpoolFull,
    SinkMoved,
    SinkKilled,
    RouterKilled,
    RouterStopped,
    ContainerRemoved,
    EngineRestarted,
}

impl Fault {
    pub(crate) const ALL: [Self; 11] = [
        Self::None,
        Self::SinkSlow,
        Self::SinkReset,
        Self::SinkAway,
        Self::SpoolFull,
        Self::SinkMoved,
        Self::SinkKilled,
        Self::RouterKilled,
        Self::RouterStopped,
        Self::ContainerRemoved,
        Self::EngineRestarted,
    ];
}

/// How frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Framing {
    Newline,
    Octets,
    Raw,
}

impl Framing {
    pub(crate) const ALL: [Self; 3] = [Self::Newline, Self::Octets, Self::Raw];
}

/// One row of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) fault: Fault,
    pub(crate) rotation: Rotation,
    pub(crate) framing: Framing,
}

impl Case {
    /// Whether lines may be missing at places that the router reports: what was cut before it could be read, or what was
    /// too much for the spool.
    pub(crate) fn may_gap(self) -> bool {
        self.rotation.may_gap() || self.fault == Fault::SpoolFull
    }
}

/// Everything with everything.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in Fault::ALL {
        for rotation in Rotation::ALL {
            for framing in Framing::ALL {
                cases.push(Case { fault, rotation, framing });
            }
        }
    }
    cases
}

/// So many that each two values meet in at least one: faults of any two parts together are what is found.
pub(crate) fn pairwise() -> Vec<Case> {
    let pairs = |case: &Case| {
        let Case { fault, rotation, framing } = *case;
        [
            format!("{fault:?} {rotation:?}"),
            format!("{fault:?} {framing:?}"),
            format!("{rotation:?} {framing:?}"),
        ]
    };
    let all = all();
    let mut open: BTreeSet<String> = all.iter().flat_map(pairs).collect();
    let mut chosen = Vec::new();
    while !open.is_empty() {
        let gain = |case: &&Case| pairs(case).iter().filter(|pair| open.contains(*pair)).count();
        // The first of the best, so that the choice is the same each time.
        let best = *all.iter().rev().max_by_key(gain).expect("there are cases");
        for pair in pairs(&best) {
            open.remove(&pair);
        }
        chosen.push(best);
    }
    chosen.sort();
    chosen
}
