//! What the doctor found, as text.

use std::fmt;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Good,
    /// Worth knowing; nothing to mend.
    Note,
    /// Costs metrics; the exit code is 1.
    Problem,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) what: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self { level: Level::Good, what: what.into(), remedy: None }
    }

    pub(super) fn note(what: impl Into<String>) -> Self {
        Self { level: Level::Note, what: what.into(), remedy: None }
    }

    pub(super) fn problem(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Problem, what: what.into(), remedy: Some(remedy.into()) }
    }

    #[must_use]
    pub(super) fn with(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.level {
            Level::Good => "ok",
            Level::Note => "note",
            Level::Problem => "PROBLEM",
        };
        writeln!(f, "  {mark:<8} {}", self.what)?;
        if let Some(remedy) = &self.remedy {
            writeln!(f, "           -> {remedy}")?;
        }
        Ok(())
    }
}

/// All findings, by chapter.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<(&'static str, Vec<Finding>)>);

impl Report {
    pub(super) fn add(&mut self, chapter: &'static str, findings: Vec<Finding>) {
        self.0.push((chapter, findings));
    }

    pub(super) fn problems(&self) -> usize {
        self.0.iter().flat_map(|(_, findings)| findings).filter(|f| f.level == Level::Problem).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (chapter, findings) in &self.0 {
            writeln!(f, "{chapter}")?;
            findings.iter().try_for_each(|finding| finding.fmt(f))?;
            writeln!(f)?;
        }
        match self.problems() {
            0 => writeln!(f, "No problems."),
            1 => writeln!(f, "1 problem."),
            count => writeln!(f, "{count} problems."),
        }
    }
}
