//! The command line of the doctor, checked.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use agent_core::docker::DockerHost;
use agent_core::entry::Environment;
use agent_core::error::{ConfigError, ConfigErrors};
use clap::Args;

use super::url::Url;

/// Flags of the doctor.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "Address of a manager's Docker Engine [default: DOCKER_HOST, else unix:///var/run/docker.sock]"
    )]
    docker: Option<String>,

    /// The overlay network of the agents
    #[arg(long, value_name = "NAME", default_value = "swarmscope")]
    network: String,

    /// Prometheus to ask for targets and rules, for example `http://prometheus:9090`
    #[arg(long = "prometheus.url", value_name = "URL")]
    prometheus: Option<String>,

    /// Alertmanager to ask for receivers, for example `http://alertmanager:9093`
    #[arg(long = "alertmanager.url", value_name = "URL")]
    alertmanager: Option<String>,

    /// User of both
    #[arg(long, value_name = "NAME", default_value = "admin")]
    username: String,

    /// File with the password of both; - reads it from standard input
    #[arg(long = "password-file", value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// PEM file of the authorities to trust for https:// URLs
    #[arg(long = "ca-file", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// What [`DoctorArgs`] mean.
#[derive(Debug)]
pub struct Config {
    /// The manager.
    pub docker: DockerHost,
    /// The overlay network of the agents.
    pub network: String,
    /// Prometheus, if it is to be asked.
    pub prometheus: Option<Url>,
    /// Alertmanager, if it is to be asked.
    pub alertmanager: Option<Url>,
    /// User and password.
    pub login: Option<(String, String)>,
    /// What to trust for `https://`.
    pub authorities: Option<Vec<u8>>,
}

impl DoctorArgs {
    /// Checks everything; all errors at once.
    pub fn check(self, environment: &Environment) -> Result<Config, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let docker = errors.take(DockerHost::choose(self.docker.as_deref(), environment));
        let mut url =
            |flag: &str, given: Option<String>| given.and_then(|given| errors.take(Url::parse(flag, &given)));
        let prometheus = url("--prometheus.url", self.prometheus);
        let alertmanager = url("--alertmanager.url", self.alertmanager);
        let password = self.password_file.and_then(|path| errors.take(read("--password-file", &path)));
        let login = password.map(|password| {
            let password = String::from_utf8_lossy(&password).trim_end_matches(['\r', '\n']).to_owned();
            (self.username, password)
        });
        let authorities = self.ca_file.and_then(|path| errors.take(read("--ca-file", &path)));
        if let Some(url) = [&prometheus, &alertmanager].into_iter().flatten().find(|url| url.tls)
            && authorities.is_none()
        {
            let expected = "name the authorities to trust by --ca-file";
            errors.push(ConfigError::new("--ca-file", "", format!("is needed for {url}"), expected));
        }
        let network = self.network;
        let config =
            docker.map(|docker| Config { docker, network, prometheus, alertmanager, login, authorities });
        errors.finish(config)
    }
}

fn read(flag: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let content = if path == Path::new("-") {
        let mut content = Vec::new();
        std::io::stdin().lock().read_to_end(&mut content).map(|_| content)
    } else {
        fs::read(path)
    };
    content.map_err(|error| {
        let expected = "give a file, or - for standard input";
        ConfigError::new(flag, path.display().to_string(), format!("cannot be read: {error}"), expected)
    })
}

#[cfg(test)]
mod tests {
    use agent_core::testing::FakeRoot;
    use clap::{Command, FromArgMatches};

    use super::*;

    fn check(arguments: &[&str]) -> Result<Config, String> {
        let command = DoctorArgs::augment_args(Command::new("doctor").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).unwrap();
        let args = DoctorArgs::from_arg_matches(&matches).unwrap();
        args.check(&Environment::default()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn passwords_come_from_files() {
        let root = FakeRoot::new();
        let file = root.file("password", "secret\n");
        let config = check(&["--password-file", file.to_str().unwrap()]).unwrap();
        assert_eq!(config.login, Some(("admin".to_owned(), "secret".to_owned())));
        assert_eq!(check(&[]).unwrap().network, "swarmscope");
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let wrong = ["--prometheus.url=prometheus:9090", "--password-file=/no/such", "--docker=ssh://x"];
        let text = check(&wrong).unwrap_err();
        for part in
            ["--prometheus.url: `prometheus:9090`", "--password-file: `/no/such`", "--docker: `ssh://x`"]
        {
            assert!(text.contains(part), "{text}");
        }
        let text = check(&["--alertmanager.url=https://a:1"]).unwrap_err();
        assert!(text.contains("--ca-file: `` is needed for https://a:1"), "{text}");
    }
}
