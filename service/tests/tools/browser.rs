//! [`Browser`]: a headless Chromium, driven by the `WebDriver` protocol, which is HTTP and JSON.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ureq::Agent;

/// The program that drives it.
pub const DRIVER: &str = "chromedriver";
const PATIENCE: Duration = Duration::from_secs(60);
const ARGUMENTS: [&str; 7] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
];

/// A browser with a profile of its own; closed when it is dropped.
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
    _profile: TempDir,
}

/// A driver, and the port that it has. It looks for a free one before it takes it: if another program was faster, it ends.
fn driver() -> (Child, u16) {
    let start = |_| {
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map(Result::unwrap).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if port.is_none() {
            driver.wait().unwrap();
        }
        Some((driver, port?))
    };
    (0..5).find_map(start).expect("a driver has a port")
}

impl Browser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (driver, port) = driver();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .build();
        let mut browser = Self {
            driver,
            agent: agent.into(),
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let data = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments: Vec<_> = ARGUMENTS.into_iter().chain([data.as_str()]).collect();
        let options = json!({"goog:chromeOptions": {"args": arguments}});
        let session = browser.post("", &json!({"capabilities": {"alwaysMatch": options}}));
        browser.session += &format!("/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        let uri = format!("{}{command}", self.session);
        let mut answer = self.agent.post(&uri).send_json(body).unwrap();
        let status = answer.status();
        let answer: Value = answer.body_mut().read_json().unwrap();
        assert!(status.is_success(), "{command}: {answer}");
        answer["value"].clone()
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What an expression of JavaScript is.
    pub fn ask(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is as wanted.
    #[track_caller]
    pub fn wait(&self, expression: &str, wanted: &Value) {
        let began = Instant::now();
        loop {
            let is = self.ask(expression);
            if is == *wanted {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{expression} is {is}, not {wanted}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Presses keys, whatever has the focus.
    pub fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let stroke = |kind: &str| json!({"type": kind, "value": key.to_string()});
            [stroke("keyDown"), stroke("keyUp")]
        });
        let strokes: Vec<_> = strokes.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.post("/actions", &json!({"actions": [keyboard]}));
    }

    /// Shows the page as a screen of this width does, in the dark or not.
    pub fn screen(&self, width: u32, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
        let screen =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &screen);
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body)
    }

    /// Writes a picture of the page.
    pub fn picture(&self, file: &Path) {
        let picture = self.devtools(
            "Page.captureScreenshot",
            &json!({"captureBeyondViewport": false}),
        );
        let text = picture["data"].as_str().unwrap();
        std::fs::write(file, from_base64(text)).unwrap();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | u32::from(value(byte));
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It closes the browser with it.
        _ = self.agent.delete(&self.session).call();
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}
