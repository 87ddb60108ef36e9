//! A Docker Engine of a test's own: a second dockerd with its own network namespace, data folder and socket.
//!
//! It is this machine's dockerd, or the one under `ENGINE_ROOT`, so that all tests can run on a newer one too.
//!
//! Its containers reach each other, and this machine reaches what they publish through the engine's address; nothing
//! beyond is reachable, so image pulls fail at once.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

use crate::command::{attempt, feed, run};
use crate::wait::{LIMIT, until};

/// The root with another dockerd than this machine's, if `ENGINE_ROOT` names one (`tests/lab/node/node.sh build` makes it).
fn newer_root() -> Option<PathBuf> {
    std::env::var_os("ENGINE_ROOT").map(PathBuf::from)
}

/// Which of several runs on one machine this is, 0 to 63, from `E2E_SLOT`: each has engines at addresses of its own.
fn slot() -> u8 {
    let Some(slot) = std::env::var_os("E2E_SLOT") else { return 0 };
    let number = slot.to_str().and_then(|slot| slot.parse().ok()).filter(|&slot| slot < 64);
    number.unwrap_or_else(|| panic!("E2E_SLOT={}: want a number below 64", slot.display()))
}

/// The image that tests run: busybox alone, its entry point.
pub const BUSYBOX: &str = "e2e/busybox:1";

/// A running engine; stopped and removed when dropped.
#[derive(Debug)]
pub struct Engine {
    name: String,
    index: u8,
    folder: TempDir,
    root: Option<PathBuf>,
    flags: Vec<String>,
    dockerd: Option<Child>,
}

impl Engine {
    /// Starts one. `index` (below 60) makes its address; tests of one run use different ones.
    pub fn start(name: &str, index: u8) -> Self {
        Self::start_with(name, index, &[])
    }

    /// The same with more flags for dockerd.
    pub fn start_with(name: &str, index: u8, flags: &[&str]) -> Self {
        Self::start_in(newer_root(), name, index, flags)
    }

    /// Docker 28, whatever this machine's version.
    pub fn start_newer(name: &str, index: u8, flags: &[&str]) -> Self {
        let root = run("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/lab/node/node.sh"), "build"]);
        Self::start_in(Some(PathBuf::from(root.trim())), name, index, flags)
    }

    fn start_in(root: Option<PathBuf>, name: &str, index: u8, flags: &[&str]) -> Self {
        let name = format!("e2e{}{name}", std::process::id());
        let folder =
            tempfile::Builder::new().prefix(&format!("{name}-")).tempdir().expect("a temporary folder");
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let mut engine = Self { name, index, folder, root, flags, dockerd: None };
        engine.make_network();
        engine.resume();
        engine.import_busybox();
        engine
    }

    fn make_network(&self) {
        let (name, outer, inner) = (&self.name, self.outer_device(), self.inner_device());
        let (gateway, address) = (format!("{}/30", self.host_address(1)), format!("{}/30", self.address()));
        run("ip", &["netns", "add", name]);
        run("ip", &["link", "add", &outer, "type", "veth", "peer", "name", &inner]);
        run("ip", &["link", "set", &inner, "netns", name]);
        run("ip", &["addr", "add", &gateway, "dev", &outer]);
        run("ip", &["link", "set", &outer, "up"]);
        run("ip", &["-n", name, "addr", "add", &address, "dev", &inner]);
        run("ip", &["-n", name, "link", "set", &inner, "up"]);
        run("ip", &["-n", name, "link", "set", "lo", "up"]);
    }

    /// The device by which this machine reaches the engine; only the machine's own network namespace has it.
    pub fn outer_device(&self) -> String {
        format!("e2eh{}s{}", self.index, slot())
    }

    fn inner_device(&self) -> String {
        format!("e2ee{}s{}", self.index, slot())
    }

    /// The address at which published ports answer.
    pub fn address(&self) -> String {
        self.host_address(2)
    }

    fn host_address(&self, host: u8) -> String {
        format!("198.18.{}.{}", self.index, slot() * 4 + host)
    }

    /// The engine's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What `DOCKER_HOST` must be for it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Where it keeps containers and images.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts dockerd (again) and waits until it answers.
    pub fn resume(&mut self) {
        let path = |file: &str| self.folder.path().join(file).display().to_string();
        let log = File::options().create(true).append(true).open(path("log")).expect("a log file");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name));
        if let Some(root) = &self.root {
            let enter = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/node/enter.sh");
            command.args(["unshare", "--mount", "bash", enter]).arg(root).arg(self.folder.path());
        }
        let child = command
            .args(["dockerd", "-H", &self.host(), "--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "--containerd-namespace", &self.name])
            .args(["--containerd-plugins-namespace", &format!("{}p", self.name)])
            .args(&self.flags)
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("nsenter and dockerd (`make test` installs them): {error}"));
        self.dockerd = Some(child);
        until(LIMIT, "the test engine", || {
            attempt("docker", &["-H", &self.host(), "info"]).map(drop).map_err(|error| error + &self.log())
        });
    }

    /// Stops dockerd and with it its containers.
    pub fn stop(&mut self) {
        let Some(mut dockerd) = self.dockerd.take() else { return };
        // nsenter replaced itself by dockerd, so this is its process.
        drop(attempt("kill", &["-TERM", &dockerd.id().to_string()]));
        until(LIMIT, "the end of the test engine", || match dockerd.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// How many lines of its log hold a text; with the flag `-D` it tells of each call of its API.
    pub fn logged(&self, text: &str) -> usize {
        self.whole_log().lines().filter(|line| line.contains(text)).count()
    }

    fn whole_log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn log(&self) -> String {
        let log = self.whole_log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Runs `docker` with these arguments on this engine.
    pub fn docker(&self, arguments: &[&str]) -> String {
        run("docker", &[&["-H", &self.host()], arguments].concat()).trim_end().to_owned()
    }

    /// The same where it may fail.
    pub fn try_docker(&self, arguments: &[&str]) -> Result<String, String> {
        attempt("docker", &[&["-H", &self.host()], arguments].concat()).map(|text| text.trim_end().to_owned())
    }

    fn import_busybox(&self) {
        let root = self.folder.path().join("busybox");
        std::fs::create_dir_all(root.join("bin")).expect("a folder");
        std::fs::copy("/bin/busybox", root.join("bin/busybox"))
            .expect("/bin/busybox (package busybox-static)");
        std::os::unix::fs::symlink("busybox", root.join("bin/sh")).expect("a link");
        let tar = self.folder.path().join("busybox.tar");
        run("tar", &["-C", &root.display().to_string(), "-cf", &tar.display().to_string(), "."]);
        let image = std::fs::read(&tar).expect("the image");
        let arguments =
            ["-H", &self.host(), "import", "--change", "ENTRYPOINT [\"/bin/busybox\"]", "-", BUSYBOX];
        feed("docker", &arguments, &image);
    }

    /// Copies an image from one engine, or from this machine's own (`None`), under its name.
    pub fn load_file(&self, archive: &Path) {
        self.docker(&["load", "-q", "-i", &archive.display().to_string()]);
    }

    /// Starts a busybox container and returns its ID. `options` come before the image, `command` after it.
    pub fn busybox(&self, options: &[&str], command: &[&str]) -> String {
        // busybox as PID 1 does not hear SIGTERM: no reason to wait ten seconds for each.
        self.docker(&[&["run", "-d", "--stop-timeout", "1"], options, &[BUSYBOX], command].concat())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("--- end of the log of {}\n{}", self.name, self.log());
        }
        if self.dockerd.is_some() {
            if let Ok(containers) = self.try_docker(&["ps", "-aq"]) {
                let mut arguments = vec!["rm", "-f", "-v"];
                arguments.extend(containers.lines());
                drop(self.try_docker(&arguments));
            }
            self.stop();
        }
        drop(attempt("ip", &["netns", "del", &self.name]));
        drop(attempt("ip", &["link", "del", &self.outer_device()]));
        unmount_below(self.folder.path());
    }
}

/// dockerd leaves mounts of its network namespaces and layers behind; its folder could not be removed with them.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let prefix = format!("{}/", folder.display());
    let mut points: Vec<_> =
        mounts.lines().filter_map(|l| l.split(' ').nth(1)).filter(|p| p.starts_with(&prefix)).collect();
    points.reverse();
    for point in points {
        drop(attempt("umount", &["-l", point]));
    }
}
