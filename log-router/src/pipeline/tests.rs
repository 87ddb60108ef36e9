use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use agent_core::prometheus::registry::Registry;
use agent_core::testing::FakeRoot;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::container::Container;
use crate::metrics::Metrics;
use crate::position::store::Positions;
use crate::record::Batch;
use crate::sink::Delivery;

/// Takes as many batches as it is allowed to and notes their lines.
#[derive(Debug, Clone)]
struct Receiver {
    lines: Arc<Mutex<Vec<String>>>,
    allowed: Arc<Semaphore>,
}

impl Receiver {
    fn new(allowed: usize) -> Self {
        Self { lines: Arc::default(), allowed: Arc::new(Semaphore::new(allowed)) }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    async fn has(&self, expected: &[String]) {
        until(|| self.lines() == expected, || format!("{:?}, not {expected:?}", self.lines())).await;
    }
}

/// Waits for a condition; only a failure takes as long as the limit.
async fn until(condition: impl Fn() -> bool, told: impl Fn() -> String) {
    let end = tokio::time::Instant::now() + Duration::from_mins(2);
    while !condition() {
        assert!(tokio::time::Instant::now() < end, "{}", told());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Sink for Receiver {
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch, link: &'a mut Link) -> Delivery<'a> {
        Box::pin(async move {
            // A receiver may well have lines that it never acknowledged.
            let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
            self.lines.lock().unwrap().extend(batch.lines().map(|line| text(line.text)));
            self.allowed.acquire().await.unwrap().forget();
            link.succeeded();
        })
    }
}

struct Node {
    root: FakeRoot,
    registry: Mutex<Registry>,
    spool_bytes: u64,
    kept_files: Option<usize>,
    inventory: watch::Sender<Arc<Inventory>>,
}

impl Node {
    fn new() -> Self {
        let inventory = Inventory { listed: true, ..Inventory::default() };
        Self {
            root: FakeRoot::new(),
            registry: Mutex::default(),
            spool_bytes: 1 << 30,
            kept_files: None,
            inventory: watch::channel(Arc::new(inventory)).0,
        }
    }

    fn log(&self, id: &str) -> PathBuf {
        self.root.path().join(format!("containers/{id}/{id}-json.log"))
    }

    fn print(&self, id: &str, text: &str) {
        let path = self.log(id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs::File::options().create(true).append(true).open(path).unwrap();
        let time = "2026-10-19T23:14:19.1Z";
        writeln!(file, "{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"{time}\"}}").unwrap();
    }

    fn start(&self, id: &str) {
        let container = Container {
            id: id.to_owned(),
            name: id.to_owned(),
            running: true,
            started: Some(1),
            driver: "json-file".to_owned(),
            log_path: self.log(id).to_string_lossy().into_owned(),
            kept_files: self.kept_files,
            ..Container::default()
        };
        self.inventory.send_modify(|inventory| {
            Arc::make_mut(inventory).containers.insert(id.to_owned(), Arc::new(container));
        });
    }

    fn remove(&self, id: &str) {
        fs::remove_dir_all(self.log(id).parent().unwrap()).unwrap();
        self.inventory.send_modify(|inventory| {
            Arc::make_mut(inventory).containers.remove(id);
        });
    }

    /// Whether the log of a container is open, so that it may be deleted.
    fn holds(&self, id: &str) -> bool {
        let log = self.log(id);
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|open| open == log)
    }

    fn counters(&self) -> String {
        let mut text = String::new();
        agent_core::prometheus::encoding::text::encode(&mut text, &self.registry.lock().unwrap()).unwrap();
        text
    }

    /// What the only series that begins like this counts; 0 where there is none.
    fn count(&self, start: &str) -> usize {
        let text = self.counters();
        let value = text.lines().find_map(|line| line.strip_prefix(start));
        value.map_or(0, |value| value.parse().unwrap())
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("positions.json")
    }

    fn positions(&self) -> Vec<String> {
        let positions = Positions::load(Some(self.state()), "r").unwrap();
        positions.containers().map(str::to_owned).collect()
    }

    fn route(&self, uri: &str, receiver: &Receiver, state: Option<PathBuf>) -> Running {
        let spool = state.as_ref().map(|_| self.root.path().join("spool"));
        let positions = SharedPositions::new(Positions::load(state, "r").unwrap());
        let spool = spool.map(|folder| Spool::open(&folder, self.spool_bytes, positions.spool()).unwrap());
        let pipeline = Pipeline {
            route: Route::parse("test", uri).unwrap(),
            sink: Box::new(receiver.clone()),
            metrics: Metrics::register(&mut self.registry.lock().unwrap()).route("r"),
            positions: positions.clone(),
            spool,
            readiness: Readiness::default(),
            not_before: 0,
            last: None,
            multiline: None,
            feed: None,
            patience: None,
        };
        let (shutdown, give_up) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(pipeline.run(self.inventory.subscribe(), shutdown.clone(), give_up.clone()));
        Running { task, shutdown, give_up }
    }

    fn start_route(&self, receiver: &Receiver) -> Running {
        self.route("syslog://x:1", receiver, Some(self.state()))
    }
}

struct Running {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
    give_up: CancellationToken,
}

impl Running {
    /// As SIGTERM ends it.
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_restart_goes_on_where_delivery_ended() {
    let node = Node::new();
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(1000);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    node.print("a", "2");
    receiver.has(&strings(&["1", "2"])).await;
    running.stop().await;
    node.print("a", "3");
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1", "2", "3"])).await;
    running.stop().await;
}

/// Killed between the write and the acknowledgement: the lines come again, none is missing.
#[tokio::test]
async fn what_was_not_acknowledged_comes_again() {
    let node = Node::new();
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(1);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    // A container has a position on the disk once something of it is acknowledged.
    until(|| !node.positions().is_empty(), || "no positions".to_owned()).await;
    node.print("a", "2");
    receiver.has(&strings(&["1", "2"])).await;
    running.task.abort();
    let receiver = Receiver::new(1000);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["2"])).await;
    running.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_sink_but_not_for_ever() {
    let node = Node::new();
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    running.shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!running.task.is_finished());
    running.give_up.cancel();
    running.task.await.unwrap();
    assert!(node.positions().is_empty(), "nothing was acknowledged");
}

#[tokio::test]
async fn lines_printed_just_before_a_stop_are_sent() {
    let node = Node::new();
    node.start("a");
    let receiver = Receiver::new(1000);
    let running = node.start_route(&receiver);
    tokio::time::sleep(Duration::from_millis(100)).await;
    node.print("a", "last");
    running.stop().await;
    receiver.has(&strings(&["last"])).await;
}

#[tokio::test]
async fn a_slow_route_delays_nobody_else_and_reads_no_further() {
    let node = Node::new();
    node.start("a");
    let (slow, fast) = (Receiver::new(0), Receiver::new(usize::MAX >> 4));
    let stuck = node.route("syslog://slow:1", &slow, None);
    let running = node.route("syslog://fast:1", &fast, None);
    let mut expected = Vec::new();
    for number in 0..50 {
        let text = format!("{number}");
        node.print("a", &text);
        expected.push(text);
        fast.has(&expected).await;
    }
    assert!(slow.lines().len() < 5, "{:?}", slow.lines());
    slow.allowed.add_permits(1000);
    slow.has(&expected).await;
    running.stop().await;
    stuck.stop().await;
}

#[tokio::test]
async fn a_removed_container_is_read_to_its_end_and_forgotten() {
    let node = Node::new();
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(1000);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    node.print("a", "2");
    node.remove("a");
    receiver.has(&strings(&["1", "2"])).await;
    until(|| node.positions().is_empty(), || format!("{:?}", node.positions())).await;
    running.stop().await;
}

#[tokio::test]
async fn a_log_that_is_deleted_while_the_sink_is_down_is_not_lost() {
    let node = Node::new();
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    // A short-lived container that nobody can ask again.
    node.print("b", "short");
    node.start("b");
    until(|| node.holds("b"), || "its log is not open".to_owned()).await;
    node.remove("b");
    receiver.allowed.add_permits(1000);
    receiver.has(&strings(&["1", "short"])).await;
    running.stop().await;
}

#[tokio::test]
async fn filters_choose_containers() {
    let node = Node::new();
    for id in ["web1", "db1"] {
        node.print(id, id);
        node.start(id);
    }
    let receiver = Receiver::new(1000);
    let running = node.route("syslog://x:1?filter.name=web*", &receiver, None);
    receiver.has(&strings(&["web1"])).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(receiver.lines(), ["web1"]);
    running.stop().await;
}

/// Waits until the file of a log holds nothing that the spool does not.
async fn spooled(node: &Node, lines: usize) {
    let folder = node.root.path().join("spool");
    let there = || Spool::open(&folder, 1 << 30, crate::spool::Cursor::default()).unwrap().lines();
    until(|| there() >= lines, || format!("the spool has {} of {lines} lines", there())).await;
}

fn numbers(numbers: std::ops::RangeInclusive<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// The sink is down, the engine deletes what was read, the router is killed: the spool has it all, once and in order.
#[tokio::test]
async fn what_a_rotation_deletes_is_in_the_spool_also_after_a_kill() {
    let mut node = Node::new();
    node.kept_files = Some(1);
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    for number in 2..=20 {
        node.print("a", &number.to_string());
    }
    // The first line too: its log may be gone when the router comes back.
    spooled(&node, 20).await;
    running.task.abort();
    node.remove("a");
    let receiver = Receiver::new(1000);
    let running = node.start_route(&receiver);
    receiver.has(&numbers(1..=20)).await;
    until(|| node.positions().is_empty(), || format!("{:?}", node.positions())).await;
    running.stop().await;
    assert!(node.positions().is_empty(), "the container is gone and delivered");
    let left = fs::read_dir(node.root.path().join("spool")).unwrap().count();
    assert_eq!(left, 0, "what is delivered is deleted");
}

#[tokio::test]
async fn order_holds_from_memory_through_the_spool_to_fresh_lines() {
    let mut node = Node::new();
    node.kept_files = Some(1);
    node.print("a", "1");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["1"])).await;
    let mut printed = 1;
    for round in 1..=3 {
        for _ in 0..30 {
            printed += 1;
            node.print("a", &printed.to_string());
        }
        spooled(&node, round * 30).await;
    }
    receiver.allowed.add_permits(1000);
    // Printed while the spool is being emptied.
    for _ in 0..50 {
        printed += 1;
        node.print("a", &printed.to_string());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    receiver.has(&numbers(1..=printed)).await;
    running.stop().await;
}

#[tokio::test]
async fn lines_of_others_pass_by_while_the_spool_is_full_of_one() {
    let mut node = Node::new();
    node.kept_files = Some(1);
    node.print("a", "a");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["a"])).await;
    for lines in 2..=8 {
        node.print("a", "a");
        spooled(&node, lines).await;
    }
    receiver.allowed.add_permits(1);
    node.kept_files = None;
    node.print("b", "fresh");
    node.start("b");
    let read = "log_router_read_lines_total{route=\"r\",stream=\"stdout\"} ";
    until(|| node.count(read) == 9, || node.counters()).await;
    while receiver.lines().len() < 9 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        receiver.allowed.add_permits(1);
    }
    let lines = receiver.lines();
    let fresh = lines.iter().position(|line| line == "fresh").unwrap();
    assert!(fresh < 8 && lines.len() == 9, "the fresh line did not wait for the spool's end: {lines:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_full_spool_drops_the_oldest_and_counts_them() {
    let mut node = Node::new();
    node.kept_files = Some(1);
    node.spool_bytes = 40_000;
    node.print("a", "0");
    node.start("a");
    let receiver = Receiver::new(0);
    let running = node.start_route(&receiver);
    receiver.has(&strings(&["0"])).await;
    let long = "x".repeat(500);
    for number in 1..=400 {
        node.print("a", &format!("{number} {long}"));
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    let full = "log_router_dropped_total{route=\"r\",reason=\"spool_full\"} ";
    until(|| node.count(full) > 0, || node.counters()).await;
    receiver.allowed.add_permits(1000);
    let number = |line: &String| line.split(' ').next().unwrap().parse::<usize>().unwrap();
    until(|| receiver.lines().last().map(number) == Some(400), || node.counters()).await;
    let arrived: Vec<usize> = receiver.lines().iter().map(number).collect();
    assert!(arrived.is_sorted() && arrived.last() == Some(&400), "the newest is never dropped: {arrived:?}");
    assert_eq!(arrived.len() + node.count(full), 401, "each line arrives or is counted");
    let text = node.counters();
    assert!(text.contains("log_router_gaps_total{route=\"r\",reason=\"spool_full\"}"), "{text}");
    running.stop().await;
}
