# The two commands of this repository: `make run` and `make test`. Both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

export CARGO_TARGET_DIR ?= $(CURDIR)/target
export WEFT_PEERS := $(CURDIR)/.peers/bin
BIN := $(CARGO_TARGET_DIR)/release

.PHONY: help run build test peers check unit e2e fuzz

help: ## lists the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: build ## builds the release binaries and starts the sample shop
	$(BIN)/weft up samples/shop

build: ## builds the release binaries
	cargo build --release -p weft -p weft-proxy

test: peers check unit e2e ## formats, lints and runs every test

peers: ## installs the real peers that the tests need (kubectl, Envoy, pytest)
	scripts/install-peers

check:
	cargo fmt --all -- --check
	cargo run -q -p xtask -- tidy
	cargo clippy --workspace --all-targets -- -D warnings

unit: ## unit and integration tests
	cargo test --workspace

FUZZ_SECONDS ?= 600
fuzz: ## runs each fuzz target (nightly toolchain and cargo-fuzz)
	for target in yaml_to_objects objects_to_model; do \
	  cargo +nightly fuzz run $$target --fuzz-dir fuzz -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=1024 -timeout=10; \
	done

e2e: build peers ## the whole mesh with real kubectl, curl and Envoy, on both data planes
	rm -f conformance/figures.txt
	WEFT_BIN=$(BIN) $(WEFT_PEERS)/python -m pytest -q conformance
	@cat conformance/figures.txt
