//! The viewer of boards as its users have it: the built page behind the release binary, and a browser before it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::agent::Agent;
use crate::browser::Browser;
use crate::command::run;
use crate::wait::{LIMIT, ensure, until, within};

/// The folder of the boards.
pub fn boards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

/// The built page; made once in a run.
pub fn page() -> &'static Path {
    static PAGE: OnceLock<PathBuf> = OnceLock::new();
    PAGE.get_or_init(|| {
        let folder = boards().join("viewer");
        let (script, page) = (folder.join("build.sh"), folder.join("dist"));
        run("bash", &[&script.display().to_string(), &page.display().to_string()]);
        page
    })
}

/// Starts the viewer for a folder of boards; `arguments` say whom to ask.
pub fn start(boards: &Path, arguments: &[&str]) -> Agent {
    let folders =
        [format!("--page.folder={}", page().display()), format!("--boards.folder={}", boards.display())];
    Agent::start("dashboard-viewer", &[&folders.each_ref().map(String::as_str), arguments].concat(), &[])
}

/// A board that has been drawn.
#[derive(Debug)]
pub struct Drawn {
    /// What the page tells of itself: `panels`, `variables`, `annotations`.
    pub report: Value,
    /// What the browser had to complain about.
    pub complaints: Vec<String>,
}

/// Every panel that is on the page has its data, or says why not, and marks are known.
const ALL_DRAWN: &str = "(() => { const v = window.__viewer; if (!v) return false; if (v.fatal) return true; \
    const panels = Object.values(v.panels); return v.ready && v.annotations.tick === v.tick && panels.length > 0 && \
    panels.length === document.querySelectorAll('[data-panel]').length && panels.every((p) => p.state === 'drawn'); })()";
const WAITING_FOR: &str = "JSON.stringify(window.__viewer && {ready: window.__viewer.ready, waiting: \
    Object.values(window.__viewer.panels).filter((p) => p.state !== 'drawn').map((p) => p.title), annotations: window.__viewer.annotations})";
/// Two frames later what was decided is on the screen.
const PAINTED: &str = "document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 250)))))";

/// Icons are fetched after what they stand on is drawn: some are there, and no more have come for three seconds.
const ICONS: &str = "(() => { const icons = document.querySelectorAll('svg').length; \
    if (window.__icons?.count !== icons) window.__icons = {count: icons, since: performance.now()}; \
    return document.querySelector('header svg') !== null && performance.now() - window.__icons.since > 3000; })()";

/// Opens a board (`path` is `/d/UID?…`) and waits until it is drawn.
pub fn draw(browser: &mut Browser, viewer: &Agent, path: &str) -> Drawn {
    let url = viewer.url(path);
    browser.open(&url);
    until(LIMIT, path, || {
        browser.open_again_if_disturbed(&url);
        browser.check(ALL_DRAWN, WAITING_FOR)
    });
    drawn(browser)
}

/// Waits until the board that is open is drawn.
pub fn drawn(browser: &mut Browser) -> Drawn {
    browser.wait_for(ALL_DRAWN, WAITING_FOR);
    browser.evaluate(PAINTED);
    // An error while something is drawn comes after its data.
    browser.wait_for(ALL_DRAWN, WAITING_FOR);
    let report = browser.evaluate("window.__viewer");
    assert!(report["fatal"].is_null(), "{}", report["fatal"]);
    Drawn { report, complaints: browser.complaints() }
}

/// Whether the icons have come within ten seconds. On a machine with much else to do a page now and then stays without.
pub fn has_icons(browser: &mut Browser) -> bool {
    within(Duration::from_secs(10), || ensure(browser.evaluate(ICONS) == true, "icons")).is_ok()
}

/// A picture of the whole board, however long it is; the page is as wide and high as before afterwards.
pub fn picture(browser: &mut Browser, file: &Path, width: u32, height: u32) {
    let long = browser.evaluate("document.documentElement.scrollHeight").as_u64().unwrap_or_default();
    let long = u32::try_from(long).unwrap_or(height).clamp(height, 12_000);
    browser.resize(width, long);
    browser.evaluate(PAINTED);
    browser.picture(file);
    browser.resize(width, height);
}

impl Drawn {
    /// The panels, in no order.
    pub fn panels(&self) -> Vec<&Value> {
        self.report["panels"].as_object().map(|panels| panels.values().collect()).unwrap_or_default()
    }

    /// The panel with a title.
    pub fn panel(&self, title: &str) -> &Value {
        let found = self.panels().into_iter().find(|panel| panel["title"] == title);
        found.unwrap_or_else(|| panic!("no panel {title}: {}", self.report))
    }

    /// Everything that is wrong; `may_be_empty` says which panels may have no data.
    pub fn problems(&self, may_be_empty: impl Fn(&str) -> bool) -> Vec<String> {
        let mut problems = self.complaints.clone();
        for panel in self.panels() {
            let title = panel["title"].as_str().unwrap_or_default();
            let mut tell = |text: &str| problems.push(format!("panel {title:?}: {text}"));
            if let Some(error) = panel["error"].as_str() {
                tell(error);
            }
            if let Some(empty) = panel["empty"].as_str().filter(|_| !may_be_empty(title)) {
                tell(&format!("no data; it says: {empty}"));
            }
            for problem in panel["problems"].as_array().into_iter().flatten() {
                tell(problem.as_str().unwrap_or_default());
            }
        }
        for (name, variable) in self.report["variables"].as_object().into_iter().flatten() {
            if let Some(error) = variable["error"].as_str() {
                problems.push(format!("variable {name}: {error}"));
            }
        }
        for error in self.report["annotations"]["errors"].as_array().into_iter().flatten() {
            problems.push(format!("annotation {}: {}", error["name"], error["error"]));
        }
        problems
    }
}
