//! The Prometheus text format 0.0.4, read strictly: whoever writes a file wrongly shall hear of it.

use std::collections::HashSet;

use agent_core::read::text;

/// A family of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: Option<String>,
    pub(super) kind: Type,
    pub(super) samples: Vec<Sample>,
}

/// The word of a TYPE line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Untyped,
    Summary,
    Histogram,
}

/// A sample; its name is the family's, with a suffix where it is part of a histogram or summary.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// Names and values.
pub(super) type Labels = Vec<(String, String)>;
/// Name and sorted labels.
pub(super) type Series = (String, Labels);

impl Sample {
    /// What makes it a series: equal for the same name and labels, whatever their order.
    pub(super) fn series(&self) -> Series {
        let mut labels = self.labels.clone();
        labels.sort_unstable();
        (self.name.clone(), labels)
    }
}

impl Family {
    /// All label names of the family.
    pub(super) fn label_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.samples.iter().flat_map(|sample| &sample.labels) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }
}

/// All families of a file, in their order.
pub(super) fn parse(content: &[u8]) -> Result<Vec<Family>, String> {
    let Some(content) = text(content) else { return Err("is not UTF-8".to_owned()) };
    if !content.is_empty() && !content.ends_with('\n') {
        return Err("does not end with a newline; is it still being written?".to_owned());
    }
    let mut file = File::default();
    for (index, line) in content.lines().enumerate() {
        file.read_line(line.trim_matches([' ', '\t']))
            .map_err(|problem| format!("line {}: {problem}", index + 1))?;
    }
    file.families.retain(|family| !family.samples.is_empty());
    Ok(file.families)
}

#[derive(Debug, Default)]
struct File {
    families: Vec<Family>,
    /// Families whose TYPE has been given.
    typed: HashSet<String>,
    seen: HashSet<Series>,
}

impl File {
    fn read_line(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim_start_matches([' ', '\t']);
            let (word, rest) = split_blank(comment);
            match word {
                "HELP" => self.read_help(rest),
                "TYPE" => self.read_type(rest),
                _ => Ok(()),
            }
        } else if line.is_empty() {
            Ok(())
        } else {
            self.read_sample(line)
        }
    }

    fn read_help(&mut self, rest: &str) -> Result<(), String> {
        let (name, help) = split_blank(rest);
        let family = self.family(check_name(name)?);
        if family.help.is_some() {
            return Err(format!("second HELP for {name}"));
        }
        family.help = Some(unescape(help, false)?);
        Ok(())
    }

    fn read_type(&mut self, rest: &str) -> Result<(), String> {
        let (name, word) = split_blank(rest);
        let kind = match word.trim() {
            "counter" => Type::Counter,
            "gauge" => Type::Gauge,
            "untyped" => Type::Untyped,
            "summary" => Type::Summary,
            "histogram" => Type::Histogram,
            other => return Err(format!("`{other}` is no metric type")),
        };
        let family = self.family(check_name(name)?);
        if !family.samples.is_empty() {
            return Err(format!("TYPE of {name} after its first sample"));
        }
        family.kind = kind;
        if self.typed.insert(name.to_owned()) { Ok(()) } else { Err(format!("second TYPE for {name}")) }
    }

    fn read_sample(&mut self, line: &str) -> Result<(), String> {
        let end = line.find(['{', ' ', '\t']).ok_or("a sample has no value")?;
        let (name, rest) = line.split_at_checked(end).unwrap_or_default();
        check_name(name)?;
        let (labels, rest) = match rest.trim_start().strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (Vec::new(), rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let word = words.next().ok_or("a sample has no value")?;
        let value = word.parse().map_err(|_| format!("`{word}` is no number"))?;
        if words.next().is_some() {
            return Err("timestamps are not supported".to_owned());
        }
        let sample = Sample { name: name.to_owned(), labels, value };
        if !self.seen.insert(sample.series()) {
            return Err(format!("{name} is there twice with the same labels"));
        }
        self.family_of(name).samples.push(sample);
        Ok(())
    }

    fn family(&mut self, name: &str) -> &mut Family {
        let place = self.families.iter().position(|family| family.name == name).unwrap_or_else(|| {
            let (name, samples) = (name.to_owned(), Vec::new());
            self.families.push(Family { name, help: None, kind: Type::Untyped, samples });
            self.families.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.families[place]
    }

    /// The family of a sample: `x_sum` belongs to the histogram `x`.
    fn family_of(&mut self, name: &str) -> &mut Family {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| {
            let base = name.strip_suffix(suffix)?;
            let part = |kind| kind == Type::Histogram || (kind == Type::Summary && *suffix != "_bucket");
            self.families.iter().any(|family| family.name == base && part(family.kind)).then_some(base)
        });
        self.family(base.unwrap_or(name))
    }
}

/// The labels after `{` and what follows `}`.
fn parse_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start();
        if let Some(tail) = rest.strip_prefix('}') {
            return Ok((labels, tail));
        }
        let (name, tail) = rest.split_once('=').ok_or("a label has no value")?;
        let name = name.trim_end();
        let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid || name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || name == "__name__" {
            return Err(format!("`{name}` is no label name"));
        }
        let tail = tail.trim_start().strip_prefix('"').ok_or("a label's value is not in quotes")?;
        let end = find_quote(tail).ok_or("a label's value has no closing quote")?;
        let (value, tail) = tail.split_at_checked(end).unwrap_or_default();
        if labels.iter().any(|(known, _)| known == name) {
            return Err(format!("label {name} is there twice"));
        }
        labels.push((name.to_owned(), unescape(value, true)?));
        rest = tail.strip_prefix('"').unwrap_or(tail).trim_start();
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail,
            None if rest.starts_with('}') => {}
            None => return Err("labels are not separated by a comma".to_owned()),
        }
    }
}

/// Where the first quote is that no backslash precedes.
fn find_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let found = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        found
    })
}

/// `\\` and `\n`, and in label values `\"`.
fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => plain.push('\\'),
            Some('n') => plain.push('\n'),
            Some('"') if quotes => plain.push('"'),
            other => return Err(format!("`\\{}` is no escape", other.unwrap_or(' '))),
        }
    }
    Ok(plain)
}

fn check_name(name: &str) -> Result<&str, String> {
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    if valid && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(name)
    } else {
        Err(format!("`{name}` is no metric name"))
    }
}

/// The first word, and the rest without the blanks in between.
fn split_blank(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(content: &str) -> String {
        parse(content.as_bytes()).unwrap_err()
    }

    #[test]
    fn labels_and_escapes() {
        let families =
            parse(b"# HELP a two\\nlines \\\\\n# a comment\n\na { x = \"1\\\"2\\\\\\n\", y=\"}\", } +Inf\n")
                .unwrap();
        assert_eq!(families[0].help.as_deref(), Some("two\nlines \\"));
        let labels = [("x", "1\"2\\\n"), ("y", "}")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(
            families[0].samples[0],
            Sample { name: "a".to_owned(), labels: labels.into(), value: f64::INFINITY }
        );
    }

    #[test]
    fn parts_of_a_histogram_belong_to_it() {
        let families =
            parse(b"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 1\ng_sum 1\n").unwrap();
        let names: Vec<_> =
            families.iter().map(|family| (family.name.as_str(), family.samples.len())).collect();
        assert_eq!(names, [("h", 3), ("g_sum", 1)]);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(error("a 1\nb x\n"), "line 2: `x` is no number");
        assert_eq!(error("a 1 12345\n"), "line 1: timestamps are not supported");
        assert_eq!(error("a 1\n# TYPE a gauge\n"), "line 2: TYPE of a after its first sample");
        assert_eq!(error("# TYPE a gauge\n# TYPE a gauge\n"), "line 2: second TYPE for a");
        assert_eq!(error("# TYPE a gouge\n"), "line 1: `gouge` is no metric type");
        assert_eq!(error("a{x=\"1\"} 1\na{x=\"1\"} 2\n"), "line 2: a is there twice with the same labels");
        assert_eq!(error("a{x=\"1} 1\n"), "line 1: a label's value has no closing quote");
        assert_eq!(error("1a 1\n"), "line 1: `1a` is no metric name");
        assert!(error("a 1").contains("still being written"));
    }

    proptest! {
        #[test]
        fn nothing_panics(content: Vec<u8>, odd in "(a|b_sum|# TYPE|# HELP|histogram|[ {}=,\"\\\\\n0-9é]){0,40}\n") {
            parse(&content).ok();
            parse(odd.as_bytes()).ok();
        }

        #[test]
        fn values_round_trip(value in any::<f64>(), label in "[^\n\\\\\"]*") {
            let families = parse(format!("a{{x=\"{label}\"}} {value}\n").as_bytes()).unwrap();
            let sample = &families[0].samples[0];
            prop_assert!(sample.value.total_cmp(&value).is_eq() || sample.value.is_nan() && value.is_nan());
            prop_assert_eq!(&sample.labels[0].1, &label);
        }
    }
}
