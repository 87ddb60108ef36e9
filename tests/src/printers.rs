//! Containers that stay and print numbered lines at a pace.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::Engine;

/// Of a line, with its newline.
pub const LINE_BYTES: usize = 85;

/// The containers; this program writes into their output, so the engine logs the lines as theirs.
#[derive(Debug)]
pub struct Printers(Vec<Printer>);

#[derive(Debug)]
struct Printer {
    name: String,
    output: File,
    printed: u64,
}

/// How many lines each has printed since its start, and how long the last ones took.
#[derive(Debug, Clone)]
pub struct Printed {
    /// By container.
    pub lines: Vec<(String, u64)>,
    /// Of this time.
    pub lines_per_second: f64,
}

impl Printers {
    /// Starts so many, named `PREFIX-0` and so on.
    pub fn start(engine: &Engine, prefix: &str, count: usize, options: &[&str]) -> Self {
        let printers = (0..count).map(|number| {
            let name = format!("{prefix}-{number}");
            let id = engine.busybox(&[&["--name", &name], options].concat(), &["sleep", "1000000"]);
            let pid = engine.docker(&["inspect", "-f", "{{.State.Pid}}", &id]);
            let output = File::options().write(true).open(format!("/proc/{pid}/fd/1"));
            Printer { name, output: output.expect("a container's output"), printed: 0 }
        });
        Self(printers.collect())
    }

    /// Prints at this pace for so long, all together, in the background.
    pub fn print(mut self, lines_per_second: f64, duration: Duration) -> JoinHandle<(Self, Printed)> {
        thread::spawn(move || {
            let (begun, before) = (Instant::now(), self.total());
            self.steadily(lines_per_second, duration);
            let lines_per_second = (self.total() - before) as f64 / begun.elapsed().as_secs_f64();
            let lines = self.printed();
            (self, Printed { lines, lines_per_second })
        })
    }

    /// How many lines each has printed since its start.
    pub fn printed(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|printer| (printer.name.clone(), printer.printed)).collect()
    }

    fn total(&self) -> u64 {
        self.0.iter().map(|printer| printer.printed).sum()
    }

    fn steadily(&mut self, lines_per_second: f64, duration: Duration) {
        const TURNS_PER_SECOND: u32 = 5;
        let each = lines_per_second / self.0.len() as f64 / f64::from(TURNS_PER_SECOND);
        let (begun, mut turn, mut text) = (Instant::now(), 0_u32, String::new());
        let before: Vec<_> = self.0.iter().map(|printer| printer.printed).collect();
        while begun.elapsed() < duration {
            turn += 1;
            for (printer, before) in self.0.iter_mut().zip(&before) {
                printer.up_to(*before as f64 + each * f64::from(turn), &mut text);
            }
            let next = begun + Duration::from_secs(1) * turn / TURNS_PER_SECOND;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }
}

impl Printer {
    fn up_to(&mut self, number: f64, text: &mut String) {
        text.clear();
        while (self.printed as f64) < number {
            self.printed += 1;
            let start = text.len();
            let _never_fails = write!(text, "{} line {} ", self.name, self.printed);
            let dots = (LINE_BYTES - 1).saturating_sub(text.len() - start);
            text.extend(std::iter::repeat_n('.', dots));
            text.push('\n');
        }
        self.output.write_all(text.as_bytes()).expect("a container that takes its output");
    }
}
