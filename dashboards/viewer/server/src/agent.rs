//! The program: command line in, page, boards and upstreams behind their paths.

use std::sync::Arc;

use agent_core::cli::CommonDefaults;
use agent_core::collector::CollectorSet;
use agent_core::entry::{Agent, Context, Environment};
use agent_core::error::{ConfigErrors, RunError};
use agent_core::identity::{Identity, Places, SharedIdentity};
use agent_core::server::{Body, Route};
use agent_core::service::{Readiness, Service};
use clap::ArgMatches;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;
use tracing::{info, warn};

use crate::answer::{self, Refusal, success};
use crate::boards;
use crate::config::{Config, Server, ViewerArgs};
use crate::logs::{self, Place};
use crate::page::Page;
use crate::prometheus;
use crate::upstream::{Counts, Upstream};

/// The agent `dashboard-viewer`.
#[derive(Debug)]
pub struct Viewer;

impl Agent for Viewer {
    const NAME: &'static str = "dashboard-viewer";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Shows Grafana boards on a page of its own; it is not Grafana";
    type Args = ViewerArgs;
    type Config = Config;

    fn defaults(_: &Environment) -> CommonDefaults {
        CommonDefaults { listen: ":3000".to_owned(), listen_origin: "default", node_meta: false }
    }

    fn configure(args: ViewerArgs, _: &ArgMatches, _: &Environment) -> Result<Config, ConfigErrors> {
        args.check()
    }

    async fn run(config: Config, context: Context) -> Result<(), RunError> {
        let mut registry = context.common.registry();
        let counts = Counts::register(&mut registry);
        let upstream = |name, server: Server| {
            info!(server = name, url = %server.url, "asked for boards");
            let upstream = Upstream::new(
                name,
                server.url,
                server.authorization,
                &config.authorities,
                config.limits,
                counts.clone(),
            );
            upstream.map_err(|error| RunError::Other(format!("no client for {name}: {error}")))
        };
        let prometheus = upstream("Prometheus", config.prometheus)?;
        let logs =
            config.elasticsearch.map(|(server, place)| Ok((upstream("Elasticsearch", server)?, place)));
        let app = Arc::new(App {
            page: config.page,
            folder: config.boards,
            home: config.home,
            scrape_seconds: config.scrape_interval.as_secs_f64(),
            prometheus,
            logs: logs.transpose()?,
        });
        match boards::read_boards(&app.folder) {
            Ok(boards) => {
                for (file, error) in &boards.broken {
                    warn!(file, error, "is no board");
                }
            }
            Err(error) => warn!(%error, "no boards"),
        }
        let identity = Identity::resolve(&context.environment, &Places::new(None));
        let service = Service {
            agent: Self::NAME,
            version: Self::VERSION,
            collectors: CollectorSet::new("dashboard_viewer", Vec::new(), Vec::new()),
            registry,
            readiness: Readiness::default(),
            identity: SharedIdentity::new(identity),
            routes: routes(&app),
        };
        service.serve(&context).await
    }
}

#[derive(Debug)]
struct App {
    page: Page,
    folder: std::path::PathBuf,
    home: String,
    scrape_seconds: f64,
    prometheus: Upstream,
    logs: Option<(Upstream, Place)>,
}

const BOARDS: &str = "/api/boards/";
const PROMETHEUS: &str = "/api/prometheus/";

fn routes(app: &Arc<App>) -> Vec<Route> {
    // One page for all boards: it reads its own address.
    let page = |path: &'static str| {
        let app = Arc::clone(app);
        Route::new(path, move |request| {
            let app = Arc::clone(&app);
            async move { app.page(request).await }
        })
    };
    let api = |path: &'static str| {
        let app = Arc::clone(app);
        Route::new(path, move |request| {
            let app = Arc::clone(&app);
            async move { answer::json(app.api(request).await) }
        })
    };
    vec![page("/"), page("/d/*"), page("/app/*"), page("/public/*"), api("/api/*")]
}

impl App {
    async fn page(&self, request: Request<Incoming>) -> Response<Body> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return answer::json(Err(Refusal::Method));
        }
        let path = request.uri().path();
        let file = if path == "/" || path.starts_with("/d/") { "/index.html" } else { path };
        self.page.answer(file, request.headers()).await
    }

    async fn api(&self, request: Request<Incoming>) -> Result<String, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        let (path, query) = (request.uri().path(), request.uri().query());
        if let Some(path) = path.strip_prefix(PROMETHEUS) {
            return prometheus::ask(&self.prometheus, path, query).await;
        }
        if let Some(uid) = path.strip_prefix(BOARDS) {
            return Ok(success(&boards::read_one(&self.folder, uid)?));
        }
        match path {
            "/api/viewer" => self.viewer(),
            "/api/logs/search" => match &self.logs {
                Some((upstream, place)) => logs::ask(upstream, place, query).await,
                None => {
                    Err(Refusal::NotFound("no search engine is known here (--elasticsearch.url)".to_owned()))
                }
            },
            _ => Err(Refusal::NotFound(format!("there is no {path}"))),
        }
    }

    /// What the page asks first.
    fn viewer(&self) -> Result<String, Refusal> {
        let (boards, broken) = boards::read_boards(&self.folder)?.json(&self.home);
        let mut sources = vec![
            json!({"uid": "prometheus", "type": "prometheus", "name": "Prometheus", "scrapeSeconds": self.scrape_seconds}),
        ];
        if self.logs.is_some() {
            sources.push(json!({"uid": "elasticsearch", "type": "elasticsearch", "name": "Elasticsearch"}));
        }
        let data = json!({"home": self.home, "version": Viewer::VERSION, "sources": sources, "boards": boards, "broken": broken});
        Ok(success(&data.to_string()))
    }
}
