//! What is let pass, and why: `tests/boards/exclusions.tsv`, the only place for it.

use std::fmt::Write as _;

use super::board::{Board, Finding};

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// The rule that does not hold there; `empty` lets a panel have no data.
    pub rule: String,
    /// The board's uid.
    pub board: String,
    /// The panel's title, or `*` for the board and all its panels.
    pub panel: String,
    /// Why.
    pub reason: String,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Exclusions(Vec<Exclusion>);

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/boards/exclusions.tsv");

impl Exclusions {
    /// Those of the file.
    pub fn read() -> Self {
        let file = std::fs::read_to_string(FILE).expect("the exclusions");
        Self::parse(&file).unwrap_or_else(|problems| panic!("tests/boards/exclusions.tsv:\n{problems}"))
    }

    /// Of the text of such a file: four cells with tabs between them, `#` begins a comment.
    pub fn parse(file: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        let mut problems = String::new();
        for (number, line) in
            (1..).zip(file.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            match <[String; 4]>::try_from(line.split('\t').map(str::to_owned).collect::<Vec<_>>()) {
                Ok([rule, board, panel, reason]) if !reason.is_empty() => {
                    all.push(Exclusion { rule, board, panel, reason });
                }
                _ => writeln!(
                    problems,
                    "line {number}: {line:?}: want rule, board, panel and reason, with tabs between them"
                )
                .expect("a string takes all"),
            }
        }
        if problems.is_empty() { Ok(Self(all)) } else { Err(problems) }
    }

    /// Whether a rule need not hold for a panel.
    pub fn cover(&self, rule: &str, board: &str, panel: &str) -> bool {
        self.0.iter().any(|known| {
            known.rule == rule && known.board == board && (known.panel == "*" || known.panel == panel)
        })
    }

    /// What is left of findings, and exclusions of these rules that cover nothing.
    pub fn apply(&self, rules: &[&str], findings: Vec<Finding>) -> Vec<String> {
        let covers = |known: &Exclusion, finding: &Finding| {
            known.rule == finding.rule
                && known.board == finding.board
                && (known.panel == "*" || known.panel == finding.panel)
        };
        let mine = self.0.iter().filter(|known| rules.contains(&known.rule.as_str()));
        let idle = mine.filter(|known| !findings.iter().any(|finding| covers(known, finding)));
        let idle: Vec<_> =
            idle.map(|known| format!("exclusions.tsv: this lets nothing pass: {known:?}")).collect();
        let left = findings.into_iter().filter(|finding| !self.0.iter().any(|known| covers(known, finding)));
        left.map(|finding| finding.to_string()).chain(idle).collect()
    }

    /// Those that name a board or panel which there is not.
    pub fn without_panel(&self, boards: &[Board]) -> Vec<String> {
        let there = |known: &Exclusion| {
            boards.iter().filter(|board| board.uid() == known.board).any(|board| {
                known.panel == "*" || board.panels().iter().any(|panel| panel.title() == known.panel)
            })
        };
        self.0
            .iter()
            .filter(|known| !there(known))
            .map(|known| format!("exclusions.tsv: no such panel: {known:?}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_reason_is_told() {
        let problem = Exclusions::parse("# a comment\nempty\thome\tAlerts\t\nempty\thome\n").unwrap_err();
        assert!(problem.contains("line 2") && problem.contains("line 3"), "{problem}");
    }

    #[test]
    fn what_is_listed_passes_and_what_covers_nothing_is_told() {
        let known = Exclusions::parse("units\tb\tP\twhy\nunits\tb\tQ\twhy\n").unwrap();
        let finding = |panel: &str| Finding {
            board: "b".to_owned(),
            panel: panel.to_owned(),
            rule: "units",
            field: "f".to_owned(),
            problem: "wrong".to_owned(),
        };
        let left = known.apply(&["units"], vec![finding("P"), finding("R")]);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0].contains("\"R\"") && left[1].contains("\"Q\""), "{left:?}");
    }
}
