//! What one agent of the recorded node said, cut into text that stays, identities and numbers.

use std::collections::HashMap;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::identity::{Identities, Identity};
use crate::number::{self, Moment, Number};

/// One agent's answer.
#[derive(Debug)]
pub(crate) struct Template {
    /// Prometheus' job.
    pub(crate) job: &'static str,
    text: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// From here to there in the text.
    Text(usize, usize),
    Identity(Identity, usize),
    Number(Number, u32),
}

/// Job, port that the agent listens on, and both recordings.
const RECORDED: [(&str, &[u8], &[u8]); 3] = [
    ("node", include_bytes!("../recorded/node-1.gz"), include_bytes!("../recorded/node-2.gz")),
    ("cadvisor", include_bytes!("../recorded/cadvisor-1.gz"), include_bytes!("../recorded/cadvisor-2.gz")),
    (
        "log-router",
        include_bytes!("../recorded/log-router-1.gz"),
        include_bytes!("../recorded/log-router-2.gz"),
    ),
];

impl Template {
    /// All agents.
    pub(crate) fn recorded() -> Result<[Self; 3], String> {
        let unpacked = RECORDED.map(|(job, first, second)| (job, unpack(first), unpack(second)));
        let clock =
            |text: &str| value_of(text, "node_time_seconds ").ok_or("no node_time_seconds was recorded");
        let [(_, Ok(one), Ok(two)), _, _] = &unpacked else {
            return Err("a recording cannot be unpacked".to_owned());
        };
        let (began, ended) = (clock(one)?, clock(two)?);
        let mut templates = Vec::new();
        for (job, first, second) in unpacked {
            templates.push(Self::parse(job, &first?, &second?, began, ended - began));
        }
        <[Self; 3]>::try_from(templates).map_err(|_| "not three agents".to_owned())
    }

    /// Cuts the first of two recordings at the places where nodes and times differ.
    pub(crate) fn parse(job: &'static str, first: &str, second: &str, clock: f64, apart: f64) -> Self {
        let later: HashMap<&str, &str> = second.lines().filter_map(|line| line.rsplit_once(' ')).collect();
        let identities = Identities::of(first);
        let mut template = Self { job, text: first.as_bytes().to_vec(), pieces: Vec::new() };
        let (mut at, mut begun, mut slot, mut is_counter) = (0, 0, 0, false);
        for line in first.split_inclusive('\n') {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                is_counter = rest.trim_end().ends_with(" counter") || rest.trim_end().ends_with(" histogram");
            } else if !line.starts_with('#') {
                for (start, end, identity) in identities.places(line) {
                    template.pieces.push(Piece::Text(begun, at + start));
                    template.pieces.push(Piece::Identity(identity, end - start));
                    begun = at + end;
                }
                let sample = line.trim_end().rsplit_once(' ');
                let changed = sample.and_then(|(series, value)| {
                    let number = Number::of(value, later.get(series)?, is_counter, clock, apart)?;
                    Some((series.len() + 1, value.len(), number))
                });
                if let Some((start, width, number)) = changed {
                    template.pieces.push(Piece::Text(begun, at + start));
                    template.pieces.push(Piece::Number(number, slot));
                    begun = at + start + width;
                    slot += 1;
                }
            }
            at += line.len();
        }
        template.pieces.push(Piece::Text(begun, at));
        template
    }

    /// Fills it for a node.
    pub(crate) fn write(&self, node: u32, moment: Moment) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + self.text.len() / 8);
        for piece in &self.pieces {
            match piece {
                Piece::Text(start, end) => {
                    out.extend_from_slice(self.text.get(*start..*end).unwrap_or_default());
                }
                Piece::Identity(identity, width) => identity.write(node, *width, &mut out),
                Piece::Number(number, slot) => {
                    let (value, decimals) = number.at(moment, node, *slot);
                    number::write(value, decimals, &mut out);
                }
            }
        }
        out
    }
}

fn unpack(packed: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}

fn value_of(text: &str, start: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(start))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Vec<&str> {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| Some(line.rsplit_once(' ')?.0))
            .collect()
    }

    #[test]
    fn each_node_has_series_of_its_own_and_time_goes_on() {
        for template in Template::recorded().expect("recordings") {
            let moment = Moment { running: 0.0, clock: 1.8e9 };
            let text = |node, moment| String::from_utf8(template.write(node, moment)).expect("text");
            let (one, two) = (text(1, moment), text(2, moment));
            assert_eq!(series(&one).len(), series(&two).len());
            assert!(
                one.contains("node_name=\"node-0001\"") && !one.contains("node-0000"),
                "{}",
                template.job
            );
            assert!(!two.contains("node-0001"));
            let later = text(1, Moment { running: 60.0, clock: 1.8e9 + 60.0 });
            let moved = one.lines().zip(later.lines()).filter(|(a, b)| a != b).count();
            assert!(moved > 5, "{}: {moved} of {} series move", template.job, series(&one).len());
        }
    }

    #[test]
    fn containers_are_told_apart_by_node() {
        let [_, containers, _] = Template::recorded().expect("recordings");
        let ids = |node| -> Vec<String> {
            let text = containers.write(node, Moment { running: 0.0, clock: 1.8e9 });
            let text = String::from_utf8(text).expect("text");
            let seen = text.lines().filter(|line| line.starts_with("container_last_seen{"));
            let id = |line: &str| Some(line.split_once("id=\"/docker/")?.1.split('"').next()?.to_owned());
            seen.filter_map(id).collect()
        };
        let (one, two) = (ids(1), ids(2));
        assert_eq!((one.len(), two.len()), (20, 20));
        assert!(one.iter().all(|id| !two.contains(id)));
    }
}
