//! A headless Chromium, driven by its own `DevTools` protocol: opens a page, asks it, takes its picture, and notes
//! everything that is wrong with it.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket};

use crate::wait::{LIMIT, ensure, until};

/// No sandbox, as tests run as root; nothing is asked of the world.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--force-color-profile=srgb",
];

/// What Chromium says of requests that it drops.
const DISTURBED: &str = "net::ERR_NETWORK_CHANGED";

/// A browser with one page; ends when it is dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    _folder: TempDir,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last: u64,
    /// What the page had to complain about, as it came.
    complaints: Vec<String>,
    /// Where the page is from: a request to elsewhere is a complaint.
    origin: String,
    /// Whether the browser dropped requests because an interface of this machine came or went, as containers' do.
    disturbed: bool,
}

impl Browser {
    /// Starts one whose page has this size in pixels.
    pub fn start(width: u32, height: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = fs::File::create(folder.path().join("log")).expect("a log file");
        let child = Command::new("chromium")
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .env("HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("chromium (`make test` installs it): {error}"));
        let port = folder.path().join("profile/DevToolsActivePort");
        let (port, path) = until(LIMIT, "Chromium", || {
            let text = fs::read_to_string(&port).map_err(|error| error.to_string())?;
            let (port, path) = text.trim().split_once('\n').ok_or("no port yet")?;
            Ok((port.to_owned(), path.to_owned()))
        });
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).expect("a connection to Chromium");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let url = format!("ws://127.0.0.1:{port}{path}");
        let (socket, _) = tungstenite::client(&url, stream).expect("Chromium's DevTools");
        let mut browser = Self {
            child,
            _folder: folder,
            socket,
            session: None,
            last: 0,
            complaints: Vec::new(),
            origin: String::new(),
            disturbed: false,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser.call("Emulation.setTimezoneOverride", &json!({"timezoneId": "UTC"}));
        browser.resize(width, height);
        browser
    }

    /// Another size of the page.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Goes with every request from now on, as a browser does it once a user has given his password.
    pub fn authorize(&mut self, authorization: &str) {
        let headers = json!({"headers": {"authorization": authorization}});
        self.call("Network.setExtraHTTPHeaders", &headers);
    }

    /// Opens a page; complaints of the one before are forgotten.
    pub fn open(&mut self, url: &str) {
        // The old page may still be at something.
        self.call("Page.navigate", &json!({"url": "about:blank"}));
        self.origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        self.complaints.clear();
        self.disturbed = false;
        let answer = self.call("Page.navigate", &json!({"url": url}));
        match answer["errorText"].as_str() {
            None => {}
            Some(DISTURBED) => self.disturbed = true,
            Some(error) => panic!("{url}: {error}"),
        }
    }

    /// Opens the page again if requests of it were lost because this machine's network has changed meanwhile.
    pub fn open_again_if_disturbed(&mut self, url: &str) {
        if self.disturbed {
            self.open(url);
        }
    }

    /// The value of a JavaScript expression in the page; promises are waited for.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    fn try_evaluate(&mut self, expression: &str) -> Result<Value, String> {
        let question = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.try_call("Runtime.evaluate", &question)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(answer["result"]["value"].clone()),
        }
    }

    /// Waits until an expression is true; `missing` is an expression that tells what is not there yet.
    pub fn wait_for(&mut self, expression: &str, missing: &str) {
        until(LIMIT, expression, || self.check(expression, missing));
    }

    /// The same once.
    pub fn check(&mut self, expression: &str, missing: &str) -> Result<(), String> {
        // In the middle of a change of pages there is nothing to ask.
        let found = self.try_evaluate(expression)?;
        if found == true {
            return Ok(());
        }
        let missing = self.try_evaluate(missing)?;
        ensure(false, format!("{missing}; complaints: {:?}", self.complaints))
    }

    /// Clicks the first element that a selector finds.
    pub fn click(&mut self, selector: &str) {
        let center = format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect(); \
             return [r.x + r.width / 2, r.y + r.height / 2]; }})()",
            json!(selector)
        );
        let at = self.evaluate(&center);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Moves the mouse to a place of the page.
    pub fn hover(&mut self, x: f64, y: f64) {
        self.call("Input.dispatchMouseEvent", &json!({"type": "mouseMoved", "x": x, "y": y}));
    }

    /// Writes a picture of what is seen (PNG).
    pub fn picture(&mut self, file: &Path) {
        let answer = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let data = answer["data"].as_str().expect("a picture");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, STANDARD.decode(data).expect("Base64")).expect("a file");
    }

    /// Errors and warnings of the console, uncaught exceptions, answers of 400 and more, requests that leave the host.
    pub fn complaints(&mut self) -> Vec<String> {
        // What was said before is read with the answer.
        self.evaluate("1");
        self.complaints.clone()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call(&mut self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).map_err(|error| error.to_string())?;
        loop {
            let Message::Text(text) = self.socket.read().map_err(|error| error.to_string())? else {
                continue;
            };
            let mut answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            if answer["id"] == id {
                return match answer.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(answer["result"].take()),
                };
            }
            if answer["method"].is_string() {
                if answer["params"]["entry"]["text"].as_str().is_some_and(|text| text.contains(DISTURBED)) {
                    self.disturbed = true;
                } else {
                    self.complaints.extend(complaint(&answer, &self.origin));
                }
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What an event says is wrong.
fn complaint(event: &Value, origin: &str) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled"
            if matches!(parameters["type"].as_str()?, "error" | "warning" | "assert") =>
        {
            let words = parameters["args"].as_array()?.iter();
            let words =
                words.map(|word| word["value"].as_str().or(word["description"].as_str()).unwrap_or("?"));
            Some(format!("console {}: {}", parameters["type"].as_str()?, words.collect::<Vec<_>>().join(" ")))
        }
        "Runtime.exceptionThrown" => {
            let details = &parameters["exceptionDetails"];
            Some(format!(
                "uncaught: {}",
                details["exception"]["description"].as_str().or(details["text"].as_str())?
            ))
        }
        "Log.entryAdded" if matches!(parameters["entry"]["level"].as_str()?, "error" | "warning") => {
            let entry = &parameters["entry"];
            Some(format!("{}: {} {}", entry["source"], entry["text"], entry["url"]))
        }
        "Network.responseReceived" if parameters["response"]["status"].as_u64()? >= 400 => {
            Some(format!("HTTP {} {}", parameters["response"]["status"], parameters["response"]["url"]))
        }
        "Network.requestWillBeSent" => {
            let url = parameters["request"]["url"].as_str()?;
            let here = ["data:", "blob:", "about:"].iter().any(|scheme| url.starts_with(scheme));
            (!here && !url.starts_with(&format!("{origin}/"))).then(|| format!("a request to {url}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_complain() {
        for (event, expected) in [
            (
                json!({"method": "Runtime.consoleAPICalled", "params": {"type": "error", "args": [{"value": "no"}, {"description": "Error: x"}]}}),
                Some("console error: no Error: x"),
            ),
            (json!({"method": "Runtime.consoleAPICalled", "params": {"type": "info", "args": []}}), None),
            (
                json!({"method": "Network.requestWillBeSent", "params": {"request": {"url": "http://h:1/a"}}}),
                None,
            ),
            (
                json!({"method": "Network.requestWillBeSent", "params": {"request": {"url": "http://h:12/a"}}}),
                Some("a request to http://h:12/a"),
            ),
            (
                json!({"method": "Network.responseReceived", "params": {"response": {"status": 404, "url": "u"}}}),
                Some("HTTP 404 \"u\""),
            ),
        ] {
            assert_eq!(complaint(&event, "http://h:1").as_deref(), expected, "{event}");
        }
    }
}
