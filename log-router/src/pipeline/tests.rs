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
        for _ in 0..500 {
            if self.lines() == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(self.lines(), expected);
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
    inventory: watch::Sender<Arc<Inventory>>,
}

impl Node {
    fn new() -> Self {
        let inventory = Inventory { listed: true, ..Inventory::default() };
        Self { root: FakeRoot::new(), inventory: watch::channel(Arc::new(inventory)).0 }
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

    fn state(&self) -> PathBuf {
        self.root.path().join("positions.json")
    }

    fn positions(&self) -> Vec<String> {
        let positions = Positions::load(Some(self.state()), "r").unwrap();
        positions.containers().map(str::to_owned).collect()
    }

    fn route(&self, uri: &str, receiver: &Receiver, state: Option<PathBuf>) -> Running {
        let pipeline = Pipeline {
            route: Route::parse("test", uri).unwrap(),
            sink: Box::new(receiver.clone()),
            metrics: Metrics::register(&mut Registry::default()).route("r"),
            positions: SharedPositions::new(Positions::load(state, "r").unwrap()),
            readiness: Readiness::default(),
            not_before: 0,
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
    // Let the positions get to the disk.
    tokio::time::sleep(Duration::from_millis(700)).await;
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
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if node.positions().is_empty() {
            break;
        }
    }
    assert!(node.positions().is_empty());
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
    tokio::time::sleep(Duration::from_millis(700)).await;
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
