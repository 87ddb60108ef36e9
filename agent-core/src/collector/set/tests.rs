use super::*;
use crate::collector::{CollectError, Collector};
use crate::exposition::Repeat;
use crate::testing::scrape;

struct Good;
impl Collector for Good {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        out.gauge("good", "A value.", 1_u64);
        Ok(())
    }
}

struct HalfWay;
impl Collector for HalfWay {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        out.gauge("half", "Written before the error.", 2_u64);
        Err(CollectError::parse("/proc/x", 3, "no number"))
    }
}

struct Absent;
impl Collector for Absent {
    fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
        Err(CollectError::NoData("no such hardware".to_owned()))
    }
}

struct Panics;
impl Collector for Panics {
    fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
        panic!("on purpose")
    }
}

fn set() -> CollectorSet {
    CollectorSet::new(
        "node",
        vec![
            Entry::new("panics", || Box::new(Panics)),
            Entry::new("half", || Box::new(HalfWay)),
            Entry::new("absent", || Box::new(Absent)),
            Entry::new("good", || Box::new(Good)),
        ],
        vec!["off"],
    )
    .telling_applicable("node")
}

fn output(filter: &str) -> String {
    scrape(&Arc::new(set()), &Filter::parse(Some(filter)).unwrap(), Format::Text)
}

#[test]
fn a_bad_collector_loses_only_itself() {
    let output = output("");
    assert!(output.contains("\ngood 1\n") && output.contains("\nhalf 2\n"), "{output}");
    for (name, success, applicable) in [("panics", 0, 1), ("half", 0, 1), ("absent", 0, 0), ("good", 1, 1)] {
        for (what, value) in [("success", success), ("applicable", applicable)] {
            let line = format!("node_scrape_collector_{what}{{collector=\"{name}\"}} {value}\n");
            assert!(output.contains(&line), "{output}");
        }
    }
}

#[test]
fn filters_shrink_the_own_rows_too() {
    let output = output("collect[]=good");
    assert!(!output.contains("half"), "{output}");
    assert_eq!(output.matches("collector=\"").count(), 3);
}

#[derive(Debug)]
struct Old;

impl Repeats for Old {
    fn of(&self, name: &str) -> Vec<Repeat> {
        let known = matches!(name, "good" | "half");
        let repeat = Repeat {
            name: "old".into(),
            kind: Kind::Gauge,
            value: |value| value,
            label: |key, text| Some((key, text.into())),
        };
        if known { vec![repeat] } else { Vec::new() }
    }
}

#[test]
fn what_several_collectors_repeat_stays_together_after_them() {
    let set = Arc::new(set().repeating(Arc::new(Old)));
    for _ in 0..2 {
        let output = scrape(&set, &Filter::default(), Format::Text);
        let expected = "good 1\n# HELP old Written before the error.\n# TYPE old gauge\nold 2\nold 1\n# HELP node_scrape";
        assert!(output.contains(expected), "{output}");
        assert_eq!(output.matches("\nold ").count(), 2, "{output}");
    }
}

#[test]
fn unknown_and_disabled_names_are_told_apart() {
    let check = |query| set().check(&Filter::parse(Some(query)).unwrap());
    assert_eq!(check("collect[]=good"), Ok(()));
    assert_eq!(check("collect[]=off"), Err(FilterError::Disabled("off".to_owned())));
    assert_eq!(check("exclude[]=nope"), Err(FilterError::Missing("nope".to_owned())));
}

struct Prepares {
    told: Arc<Mutex<Vec<&'static str>>>,
    panics: bool,
}
impl Collector for Prepares {
    fn prepare(&mut self) {
        self.told.lock().unwrap().push("prepare");
        assert!(!self.panics, "on purpose");
    }

    fn collect(&mut self, _: &mut Exposition<'_>) -> Result<(), CollectError> {
        self.told.lock().unwrap().push("collect");
        Ok(())
    }
}

#[test]
fn all_that_are_wanted_prepare_before_one_collects() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let entry = |name, panics| {
        let told = Arc::clone(&told);
        Entry::new(name, move || Box::new(Prepares { told: Arc::clone(&told), panics }))
    };
    let entries = vec![entry("first", true), entry("second", false), entry("third", false)];
    let set = Arc::new(CollectorSet::new("node", entries, Vec::new()));
    scrape(&set, &Filter::parse(Some("exclude[]=third")).unwrap(), Format::Text);
    assert_eq!(*told.lock().unwrap(), ["prepare", "prepare", "collect", "collect"]);
}
