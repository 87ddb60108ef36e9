.DEFAULT_GOAL := help
SHELL := /bin/bash

.PHONY: help up down boards demo demo-down pictures password compose compose-down secrets tls files images configs test test-loss test-upstream test-vm test-swarm fuzz bench scale soak release doctor check

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'
	@printf '%s\n' '' 'Variables of make up (VARIABLE=value make up):' \
	  "  STACKS               parts, see below; without it: $$(bash deploy/lib/parts.sh default)" \
	  '  REGISTRY             host/prefix to push our images to; needed with more than one node' \
	  '  DOCKER_HOST          an engine to use as it is; nothing is installed or started then' \
	  '  PROMETHEUS_IMAGE, ALERTMANAGER_IMAGE, GRAFANA_IMAGE,' \
	  '  ELASTICSEARCH_IMAGE, KIBANA_IMAGE, LOGSTASH_IMAGE   other images than the pinned ones' \
	  '  PROMETHEUS_PORT, ALERTMANAGER_PORT, GRAFANA_PORT, KIBANA_PORT   (9090 9093 3000 5601)' \
	  '  OFFLINE              auto (default), always, never: images made by deploy/offline' \
	  '  SKIP_BUILD=1         take the binaries as they are; BINARIES names their folder' \
	  '  ADMIN_PASSWORD       instead of a generated one; first time only' \
	  '  NETWORK, SUBNET      overlay network (swarmscope, 10.83.0.0/20)' \
	  '  ADVERTISE_ADDR, SWARM_INIT_ARGS   for a Swarm that has to be initialised' \
	  '  STORAGE_CONSTRAINT   node that keeps data; by default the one of the first make up' \
	  '  WAIT_SECONDS         how long to wait until all works (300)' '' 'Parts (STACKS="agents metrics" make up):'
	@bash deploy/lib/parts.sh help

up: ## bring the stack up and wait until it works
	@bash deploy/up.sh

down: ## remove exactly what make up made
	@bash deploy/down.sh

demo: ## services to look at, beside the running stack: one that works, others that fail on purpose
	@bash deploy/demo.sh

demo-down: ## remove the demo
	@bash deploy/demo.sh down

compose: ## one machine without Swarm: the same by Docker Compose 2
	@bash deploy/compose.sh

compose-down: ## remove exactly what make compose made
	@bash deploy/compose.sh down

pictures: ## take the pictures of the documents from the running stack and demo
	@bash deploy/pictures.sh

doctor: ## what is wrong with the running Swarm, and what to do
	@bash deploy/doctor.sh

password: ## print the password of the user admin
	@bash deploy/password.sh

secrets: ## only generate the secrets, for a deployment by hand
	@bash deploy/secrets.sh

tls: ## only make the certificates of the part tls, with an authority of the stack's own
	@bash deploy/tls.sh

files: ## write all that a deployment by hand takes, for STACKS, and print the command
	@bash deploy/files.sh

boards: ## write dashboards/*.json from their source, dashboards/boards
	cargo run --locked -q -p boards

images: ## build the agents and their images
	@bash deploy/images.sh

configs: ## write the lists of rules and boards into the stack files, from what is in their folders
	@bash deploy/configs.sh

test: ## run every test
	@bash tests/run.sh

test-loss: ## every fault with every rotation and framing, more search engines, a small and strict one, a cluster that loses a node
	@LOSS=all bash tests/run.sh conservation
	cargo test -p e2e --locked --test e2e -- --ignored --test-threads=1 delivery:: search_cluster::

test-upstream: ## node-exporter by node_exporter's own end-to-end test, which is downloaded
	@bash tests/upstream.sh

test-vm: ## what needs systemd or cgroup v2, in a virtual machine
	@bash tests/vm.sh

fuzz: ## run every fuzz target for SECONDS_EACH (30) seconds
	@bash tests/fuzz.sh

test-swarm: ## the whole stack on a Swarm of three nodes, broken on purpose; FAULTS="lost hung" takes some
	@bash tests/swarm.sh

bench: ## compare with node_exporter and cAdvisor, as Debian has them
	@bash tests/bench.sh

scale: ## how many nodes one Prometheus holds, by simulation; DNS; logs of 200 containers; writes docs/scale.md
	@bash tests/scale.sh

soak: ## an hour (MINUTES) of containers that come and go, all agents watched for leaks; writes docs/soak.md
	@bash tests/soak.sh

release: ## archives, images, SBOMs and checksums in dist/
	@bash deploy/release.sh

check: ## format, lints, documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
