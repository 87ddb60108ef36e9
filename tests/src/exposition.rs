//! Reading what an exporter says in the text format.

use std::collections::BTreeMap;

/// A family: its type and its samples by series.
#[derive(Debug, Clone, Default)]
pub struct Family {
    /// The word of its TYPE line.
    pub kind: String,
    /// Values by `name{label="value"}`, labels sorted, empty ones left out: to Prometheus they do not exist.
    pub samples: BTreeMap<String, f64>,
}

/// All families of an answer.
pub fn parse(answer: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in answer.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            name.clone_into(&mut current);
            let known =
                families.insert(current.clone(), Family { kind: kind.to_owned(), ..Family::default() });
            assert!(known.is_none(), "{name} is there twice");
        } else if !line.starts_with('#') && !line.is_empty() {
            let (series, value) = line.rsplit_once(' ').expect("a series and a value");
            assert!(series.starts_with(&current), "{series} without a TYPE");
            let value = value.parse().unwrap_or_else(|_| panic!("{line}: no number"));
            let samples = &mut families.entry(current.clone()).or_default().samples;
            assert!(samples.insert(normal(series), value).is_none(), "{series} is there twice");
        }
    }
    families
}

fn normal(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let labels = labels.strip_suffix('}').expect("a closing brace");
    let (mut quoted, mut escaped) = (false, false);
    let mut pairs: Vec<&str> = labels
        .split(|letter| {
            let ends = letter == ',' && !quoted;
            quoted ^= letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        })
        .filter(|pair| !pair.is_empty() && !pair.ends_with("=\"\""))
        .collect();
    pairs.sort_unstable();
    if pairs.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", pairs.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_empty_ones_gone() {
        let families =
            parse("# HELP a x\n# TYPE a gauge\na{y=\"1,\\\"}\",x=\"\",b=\"2\"} 3e+06\na{x=\"\"} +Inf\n");
        let samples: Vec<_> = families["a"].samples.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(samples, [("a", f64::INFINITY), ("a{b=\"2\",y=\"1,\\\"}\"}", 3e6)]);
    }
}
