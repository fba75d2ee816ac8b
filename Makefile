# The two commands of this repository: `make run` and `make test`. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(CURDIR)/target
export WEFT_PEERS := $(CURDIR)/.peers/bin
BIN := $(CARGO_TARGET_DIR)/release

.PHONY: help run build test peers check unit-compiled unit e2e fuzz sim bench bench-control-plane

help: ## lists the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## builds the release binaries and starts the sample shop
	$(BIN)/weft up samples/shop

build: ## builds the release binaries
	cargo build --release -p weft -p weft-proxy

# The release binaries are linked on one core, for minutes; the unit tests are compiled on the other one meanwhile, and run when both rest.
test: peers check ## formats, lints and runs every test
	$(MAKE) -j2 --output-sync=target build unit-compiled
	$(MAKE) unit
	$(MAKE) e2e

peers: ## installs the real peers that the tests need (kubectl, Envoy, pytest)
	scripts/install-peers

check:
	cargo fmt --all -- --check
	cargo run -q -p xtask -- tidy
	cargo clippy --workspace --all-targets -- -D warnings

unit-compiled:
	cargo test --workspace --no-run

unit: ## unit and integration tests
	cargo test --workspace --no-fail-fast

sim: ## ten thousand rolling updates, changes of weights and of policy under load, in a simulated mesh
	cargo run -q -p weft-sim -- --seed 1 --seeds 12 --events 625
	cargo run -q -p weft-sim -- --seed 13 --seeds 4 --events 625 --storm

ROUNDS ?= 5
ROWS ?=
bench: build peers ## the data plane beside HAProxy, nginx and Envoy (root, two cores, a quiet machine; ROWS=regex ROUNDS=n)
	cargo build --release -p bench-backend
	for tool in haproxy nginx wrk openssl h2load:nghttp2-client; do command -v $${tool%%:*} >/dev/null || apt-get install -q -y --no-install-recommends $${tool##*:}; done
	[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || apt-get install -q -y --no-install-recommends libnginx-mod-stream
	WEFT_BIN=$(BIN) $(WEFT_PEERS)/python bench/proxies/main.py --rounds $(ROUNDS) --rows '$(ROWS)'

FUZZ_SECONDS ?= 600
fuzz: ## runs each fuzz target (nightly toolchain and cargo-fuzz)
	for target in $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs)); do \
	  mkdir -p fuzz/found/$$target; \
	  cargo +nightly fuzz run $$target --fuzz-dir fuzz fuzz/found/$$target fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10; \
	done

bench-control-plane: build ## the control plane under thousands of proxies (root or user namespaces; BENCH="--size 100x100 ...")
	cargo build --release -p bench-control-plane
	mkdir -p bench/results
	$(BIN)/bench-control-plane --weft $(BIN)/weft --out bench/results/control-plane.json $(BENCH)
	python3 bench/control-plane/plot.py

e2e: build peers ## the whole mesh with real kubectl, curl and Envoy, on both data planes
	rm -f conformance/figures.txt
	cargo build -p bench-control-plane
	WEFT_SIMULATOR=$(CARGO_TARGET_DIR)/debug/bench-control-plane WEFT_BIN=$(BIN) scripts/conformance
	@cat conformance/figures.txt
