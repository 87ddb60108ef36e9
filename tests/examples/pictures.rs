//! Takes the pictures of the documents (`make pictures`): every board that a running viewer has, each whole.
//!
//! `pictures URL PASSWORD_FILE FOLDER [RANGE]`: the viewer, the password of its user admin, where to, how long back.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what goes wrong ends it, and its output is the report"
)]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use e2e::browser::Browser;
use e2e::http::{basic, get_with};
use e2e::viewer::{drawn, has_icons, picture};

const WIDTH: u32 = 1920;
const HEIGHT: u32 = 1080;
/// How often a page that stays without its icons is opened again.
const ATTEMPTS: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [url, password, folder, rest @ ..] = arguments.as_slice() else {
        println!("error: give URL PASSWORD_FILE FOLDER [RANGE]");
        return ExitCode::from(2);
    };
    let range = rest.first().map_or("15m", String::as_str);
    let password = fs::read_to_string(password).expect("the password's file");
    let authorization = basic("admin", password.trim_end());
    let answer =
        get_with(&format!("{url}/api/viewer"), &[("authorization", &authorization)]).expect("the viewer");
    let boards = answer.json()["data"]["boards"].as_array().cloned().unwrap_or_default();
    let mut browser = Browser::start(WIDTH, HEIGHT);
    browser.authorize(&authorization);
    let mut bad = 0;
    for board in boards {
        let uid = board["uid"].as_str().unwrap_or_default();
        let address = format!("{url}/d/{uid}?from=now-{range}&to=now&rows=open");
        let mut open = || {
            browser.open(&address);
            let drawn = drawn(&mut browser);
            (drawn, has_icons(&mut browser))
        };
        let (mut drawn, mut complete) = open();
        for _ in 0..ATTEMPTS {
            if !complete {
                (drawn, complete) = open();
            }
        }
        let name = uid.strip_prefix("swarmscope-").unwrap_or(uid);
        let file = Path::new(folder).join(format!("{name}.png"));
        picture(&mut browser, &file, WIDTH, HEIGHT);
        println!("{}", file.display());
        // A panel without data is for whoever looks at the picture to judge; an error is not.
        for problem in drawn.problems(|_| true) {
            println!("    {problem}");
            bad += 1;
        }
        for panel in drawn.panels().iter().filter(|panel| !panel["empty"].is_null()) {
            println!("    empty: {} ({})", panel["title"], panel["empty"]);
        }
    }
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
