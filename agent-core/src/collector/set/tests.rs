use super::*;
use crate::collector::{CollectError, Collector};
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
            Entry::new("good", || Box::new(Good)),
        ],
        vec!["off"],
    )
}

fn output(filter: &str) -> String {
    scrape(&Arc::new(set()), &Filter::parse(Some(filter)).unwrap(), Format::Text)
}

#[test]
fn a_bad_collector_loses_only_itself() {
    let output = output("");
    assert!(output.contains("\ngood 1\n") && output.contains("\nhalf 2\n"), "{output}");
    for (name, success) in [("panics", 0), ("half", 0), ("good", 1)] {
        let line = format!("node_scrape_collector_success{{collector=\"{name}\"}} {success}\n");
        assert!(output.contains(&line), "{output}");
    }
}

#[test]
fn filters_shrink_the_own_rows_too() {
    let output = output("collect[]=good");
    assert!(!output.contains("half"), "{output}");
    assert_eq!(output.matches("collector=\"").count(), 2);
}

#[test]
fn unknown_and_disabled_names_are_told_apart() {
    let check = |query| set().check(&Filter::parse(Some(query)).unwrap());
    assert_eq!(check("collect[]=good"), Ok(()));
    assert_eq!(check("collect[]=off"), Err(FilterError::Disabled("off".to_owned())));
    assert_eq!(check("exclude[]=nope"), Err(FilterError::Missing("nope".to_owned())));
}
