//! `<agent> doctor`: what is wrong and what to do, as text for people and an exit code for scripts.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Command};

use crate::error::ConfigErrors;
use crate::exit::{EXIT_RUN, EXIT_USAGE, complain};

/// Something that can be wrong: a row of an agent's table, from which its document is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Stays the same from version to version.
    pub id: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What is wrong, for the document.
    pub wrong: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// The rows of a Markdown table with these causes, as `docs/doctor.md` has them.
pub fn table(causes: &[Cause]) -> String {
    let row = |cause: &Cause| {
        let level = if cause.level == Level::Problem { "" } else { " (note)" };
        format!("| `{}`{level} | {} | {} |\n", cause.id, cause.wrong, cause.remedy)
    };
    causes.iter().map(row).collect()
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Good,
    /// Worth knowing; nothing that must be mended.
    Note,
    /// To be mended; the exit code is 1.
    Problem,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// The cause's ID and what was seen.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn good(what: impl Into<String>) -> Self {
        Self { level: Level::Good, what: what.into(), remedy: None }
    }

    /// Worth knowing.
    pub fn note(what: impl Into<String>) -> Self {
        Self { level: Level::Note, what: what.into(), remedy: None }
    }

    /// To be mended.
    pub fn problem(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { level: Level::Problem, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// A row of a table, with what was seen.
    pub fn of(cause: &Cause, seen: impl fmt::Display) -> Self {
        Self {
            level: cause.level,
            what: format!("{}: {seen}", cause.id),
            remedy: Some(cause.remedy.to_owned()),
        }
    }

    /// The same with another thing to do.
    #[must_use]
    pub fn with(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Whether it is of this cause.
    pub fn is(&self, cause: &Cause) -> bool {
        self.what.strip_prefix(cause.id).is_some_and(|rest| rest.starts_with(": "))
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
pub struct Report(Vec<(&'static str, Vec<Finding>)>);

impl Report {
    /// Adds a chapter.
    pub fn add(&mut self, chapter: &'static str, findings: Vec<Finding>) {
        self.0.push((chapter, findings));
    }

    /// How many findings are to be mended.
    pub fn problems(&self) -> usize {
        self.0.iter().flat_map(|(_, findings)| findings).filter(|f| f.level == Level::Problem).count()
    }

    /// Prints everything; the exit code tells whether something is to be mended.
    pub fn print(&self) -> ExitCode {
        // A closed pipe is no reason for another exit code.
        let _unused: Result<(), std::io::Error> = write!(std::io::stdout(), "{self}");
        if self.problems() == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_RUN) }
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

/// A doctor with flags of its own: reads them, examines, prints. `name` is as it is called, program first.
pub fn run<A: Args, C>(
    (name, version, about): (&'static str, &'static str, &'static str),
    arguments: Vec<OsString>,
    check: impl FnOnce(A) -> Result<C, ConfigErrors>,
    examine: impl AsyncFnOnce(C) -> Report,
) -> ExitCode {
    let command = Command::new(name).bin_name(name).version(version).max_term_width(110);
    // Last, because the documentation of a struct of flags would take its place.
    let command = A::augment_args(command).about(about);
    let parsed = command.try_get_matches_from(arguments);
    match parsed.and_then(|matches| A::from_arg_matches(&matches)) {
        Err(stop) => {
            let code = if stop.use_stderr() { EXIT_USAGE } else { 0 };
            // A closed terminal is no reason for another exit code.
            let _unused: Result<(), std::io::Error> = stop.print();
            ExitCode::from(code)
        }
        Ok(args) => match check(args) {
            Ok(config) => block_on(examine(config)),
            Err(errors) => {
                complain(&format!("{errors}\nSee {name} --help."));
                ExitCode::from(EXIT_USAGE)
            }
        },
    }
}

/// Waits for a report and prints it.
pub fn block_on(report: impl Future<Output = Report>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let report = runtime.block_on(report);
            // A question that nobody answers must not keep the process from ending.
            runtime.shutdown_background();
            report.print()
        }
        Err(error) => {
            complain(&format!("error: the runtime could not be started: {error}"));
            ExitCode::from(EXIT_RUN)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Cause =
        Cause { id: "disk-full", level: Level::Problem, wrong: "A disk is full.", remedy: "Make room." };
    const LATE: Cause = Cause { id: "late", level: Level::Note, ..FULL };

    #[test]
    fn findings_are_two_lines_at_most() {
        let mut report = Report::default();
        report.add("Disks", vec![Finding::good("/a"), Finding::of(&FULL, "/b"), Finding::of(&LATE, "/c")]);
        assert_eq!(
            report.to_string(),
            "Disks\n  ok       /a\n  PROBLEM  disk-full: /b\n           -> Make room.\n  note     late: /c\n           -> Make room.\n\n1 problem.\n"
        );
        assert!(Finding::of(&FULL, "/b").is(&FULL));
        assert!(!Finding::of(&FULL, "/b").is(&LATE));
        assert_eq!(
            table(&[FULL, LATE]),
            "| `disk-full` | A disk is full. | Make room. |\n| `late` (note) | A disk is full. | Make room. |\n"
        );
    }

    #[derive(Debug, Args)]
    struct Flags {
        #[arg(long)]
        bad: bool,
    }

    #[test]
    fn exit_codes_tell_apart() {
        let run_with = |arguments: &[&str], problems: usize| {
            let arguments = std::iter::once("x doctor").chain(arguments.iter().copied()).map(OsString::from);
            let check = |flags: Flags| if flags.bad { Err(ConfigErrors::new()) } else { Ok(()) };
            run(("x doctor", "1", "about"), arguments.collect(), check, async |()| {
                let mut report = Report::default();
                report.add("Chapter", vec![Finding::of(&FULL, "/b"); problems]);
                report
            })
        };
        assert_eq!(run_with(&[], 0), ExitCode::SUCCESS);
        assert_eq!(run_with(&[], 2), ExitCode::from(EXIT_RUN));
        assert_eq!(run_with(&["--bad"], 0), ExitCode::from(EXIT_USAGE));
        assert_eq!(run_with(&["--unknown"], 0), ExitCode::from(EXIT_USAGE));
    }
}
