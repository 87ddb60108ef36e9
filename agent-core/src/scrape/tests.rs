use std::sync::Condvar;

use super::*;
use crate::collector::{CollectError, Collector, Entry};
use crate::identity::Identity;
use proptest::prelude::*;

/// A door that collectors hang at until it is opened.
#[derive(Clone, Default)]
struct Door(Arc<(Mutex<(bool, usize)>, Condvar)>);

/// Opens the door at the end, so that a test that fails ends as well.
struct Doorman(Door);

impl Drop for Doorman {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Door {
    fn set(&self, open: bool) {
        self.0.0.lock().unwrap().0 = open;
        self.0.1.notify_all();
    }

    /// How many stand before it.
    fn waiting(&self) -> usize {
        self.0.0.lock().unwrap().1
    }
}

struct Hangs(&'static str, Door);

impl Collector for Hangs {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        out.gauge(self.0, "Written before it hangs.", 1_u64);
        let (state, opened) = &*self.1.0;
        let mut state = state.lock().unwrap();
        state.1 += 1;
        while !state.0 {
            state = opened.wait(state).unwrap();
        }
        state.1 -= 1;
        Ok(())
    }
}

struct Slow(&'static str, Duration);

impl Collector for Slow {
    fn collect(&mut self, out: &mut Exposition<'_>) -> Result<(), CollectError> {
        std::thread::sleep(self.1);
        out.gauge(self.0, "Takes its time.", 1_u64);
        Ok(())
    }
}

fn scraper(entries: Vec<Entry>) -> Arc<Scraper> {
    Arc::new(Scraper::new(
        "agent",
        "1",
        Common::for_tests(),
        CollectorSet::new("node", entries, Vec::new()),
        Registry::default(),
        SharedIdentity::new(Identity::default()),
    ))
}

fn wish(budget: Duration) -> Wish {
    Wish { filter: Filter::default(), format: Format::Text, compress: false, budget }
}

async fn text(scraper: &Arc<Scraper>, budget: Duration) -> (String, Duration) {
    let started = Instant::now();
    let answer = Arc::clone(scraper).scrape(wish(budget)).await.unwrap();
    (String::from_utf8(answer.into()).unwrap(), started.elapsed())
}

fn row(text: &str, what: &str, name: &str) -> Option<f64> {
    let start = format!("node_scrape_collector_{what}{{collector=\"{name}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&start)).map(|value| value.parse().unwrap())
}

fn quick(name: &'static str) -> Entry {
    Entry::new(name, move || Box::new(Slow(name, Duration::ZERO)))
}

fn hanging(name: &'static str, door: &Door) -> Entry {
    let door = door.clone();
    Entry::new(name, move || Box::new(Hangs(name, door.clone())))
}

#[tokio::test]
async fn a_collector_that_hangs_loses_only_itself() {
    let door = Door::default();
    let _doorman = Doorman(door.clone());
    let scraper = scraper(vec![quick("first"), hanging("stuck", &door), quick("last")]);
    // Half of it is waited for the one that hangs; the rest is far more than the others need.
    let (answer, _) = text(&scraper, Duration::from_secs(6)).await;
    assert!(answer.contains("\nfirst 1\n") && answer.contains("\nlast 1\n"), "{answer}");
    assert!(!answer.contains("\nstuck 1\n"), "half a collector is none: {answer}");
    assert!(answer.contains("swarmscope_agent_info"), "{answer}");
    assert_eq!(row(&answer, "success", "stuck"), Some(0.0));
    assert_eq!(row(&answer, "timeout", "stuck"), Some(1.0));
    assert!(row(&answer, "duration_seconds", "stuck").unwrap() > 0.2);
    assert_eq!(row(&answer, "success", "last"), Some(1.0));
    assert_eq!(row(&answer, "timeout", "last"), None);

    // From now on it is passed by, and nothing waits for it: that would take half of the time again.
    let budget = Duration::from_mins(2);
    for _ in 0..5 {
        let (answer, took) = text(&scraper, budget).await;
        assert!(took < budget / 2, "{took:?}");
        assert!(answer.contains("\nlast 1\n"), "{answer}");
        assert_eq!(row(&answer, "timeout", "stuck"), Some(1.0));
        assert_eq!(door.waiting(), 1, "one run at most");
    }

    door.set(true);
    while door.waiting() > 0 || scraper.collectors.is_away("stuck") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (answer, _) = text(&scraper, budget).await;
    assert!(answer.contains("\nstuck 1\n"), "{answer}");
    assert_eq!(answer.matches("stuck 1").count(), 1, "what came late is gone: {answer}");
    assert_eq!(row(&answer, "success", "stuck"), Some(1.0));
    assert_eq!(row(&answer, "timeout", "stuck"), Some(0.0));
}

#[tokio::test]
async fn many_that_hang_leave_time_for_the_rest() {
    let door = Door::default();
    let _doorman = Doorman(door.clone());
    let names = ["h1", "h2", "h3"];
    let mut entries: Vec<_> = names.iter().map(|name| hanging(name, &door)).collect();
    entries.push(quick("last"));
    let scraper = scraper(entries);
    // An eighth is left.
    let (answer, _) = text(&scraper, Duration::from_secs(12)).await;
    assert!(answer.contains("\nlast 1\n"), "{answer}");
    assert!(names.iter().all(|name| row(&answer, "timeout", name) == Some(1.0)), "{answer}");
    assert_eq!(door.waiting(), names.len());
    door.set(true);
}

#[tokio::test]
async fn slow_collectors_are_cut_at_the_deadline() {
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
    let slow = |name| Entry::new(name, move || Box::new(Slow(name, Duration::from_millis(120))));
    let scraper = scraper(NAMES.map(slow).into());
    let (answer, _) = text(&scraper, Duration::from_millis(300)).await;
    for name in NAMES {
        let there = answer.contains(&format!("\n{name} 1\n"));
        assert_eq!(row(&answer, "success", name), Some(f64::from(u8::from(there))), "{answer}");
    }
    // However quick the others are, there is no time for the last.
    assert_eq!(row(&answer, "timeout", "e"), Some(1.0), "{answer}");
    assert_eq!(row(&answer, "success", "e"), Some(0.0), "{answer}");
    // All are there again where there is time.
    while NAMES.iter().any(|name| scraper.collectors.is_away(name)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (answer, _) = text(&scraper, Duration::from_mins(2)).await;
    assert!(NAMES.iter().all(|n| row(&answer, "success", n) == Some(1.0)), "{answer}");
}

#[tokio::test]
async fn scrapes_that_wait_for_others_give_up_in_time() {
    let door = Door::default();
    let _doorman = Doorman(door.clone());
    let scraper = scraper(vec![hanging("stuck", &door)]);
    let first = tokio::spawn(Arc::clone(&scraper).scrape(wish(Duration::from_mins(2))));
    tokio::task::yield_now().await;
    let second = Arc::clone(&scraper).scrape(wish(Duration::from_millis(100))).await;
    assert!(matches!(second, Err(ScrapeError::Busy)), "{second:?}");
    door.set(true);
    let answer = first.await.unwrap().unwrap();
    assert!(!answer.is_empty());
}

#[test]
fn the_budget_is_the_header_less_a_margin() {
    assert_eq!(budget(Some("10")), Duration::from_millis(9_500));
    assert_eq!(budget(Some("1")), Duration::from_millis(800));
    assert_eq!(budget(None), Duration::from_millis(9_500));
    for bad in ["", "0", "-1", "NaN", "inf", "soon"] {
        assert_eq!(budget(Some(bad)), budget(None), "{bad}");
    }
    assert!(budget(Some("1e9")) <= LONGEST_TIMEOUT);
}

proptest! {
    #[test]
    fn any_header_gives_some_time(header: String, seconds: f64) {
        for text in [header, seconds.to_string()] {
            prop_assert!(budget(Some(&text)) <= LONGEST_TIMEOUT);
        }
    }
}
