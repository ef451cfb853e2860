# Run `make` alone for the list of targets.

# Where the demo keeps its lake, and where it serves it.
DEMO_DIR ?= target/demo
LISTEN ?= 127.0.0.1:8080

# How long each fuzz target runs, and which (none: all).
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=

# How many generated activities are compared with what is true of them.
TRUTH ?= 2000

# How many processes the campaign kills, and where it keeps its journal.
KILLS ?= 1000
CAMPAIGN_DIR ?= target/campaign

# rustup's folder, for shells that have not read its profile yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: help build demo demo-data demo-strava clean-demo duckdb-session truth strava-comparison test doc bench campaign fuzz check-tools

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

build: check-tools ## build target/debug/pacelake
	cargo build --workspace --locked

demo: demo-data ## import the samples, print what is in them, serve them on LISTEN
	@printf '\n== Serve: open http://$(LISTEN)/ in a browser; Ctrl-C ends it\n'
	@PACELAKE_DATA_DIR=$(DEMO_DIR) target/debug/pacelake serve --listen $(LISTEN)

demo-data: build ## the same without serving
	@PACELAKE_DATA_DIR=$(DEMO_DIR) scripts/demo

demo-strava: build ## connect to a simulated Strava and follow it, one line of proof for each step
	@scripts/demo-strava

clean-demo: ## forget what the demo imported
	rm -rf $(DEMO_DIR)

duckdb-session: build ## print what DuckDB says to docs/duckdb.md
	cargo test --workspace --locked --test duckdb_document -- --nocapture --test-threads 1

strava-comparison: check-tools ## compare captured answers of Strava with ours; writes docs/strava-comparison.md
	PACELAKE_TEST_STRAVA_COMPARISON=write \
		cargo test --workspace --locked --test strava_comparison

truth: build ## compare TRUTH generated activities with what is true of them; writes docs/truth.md
	PACELAKE_TEST_TRUTH=$(TRUTH) PACELAKE_TEST_TRUTH_PAGE=docs/truth.md \
		cargo test --workspace --locked --test truth -- --nocapture

test: ## every check there is
	@scripts/test

doc: ## the documentation of all crates, with its links checked
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

bench: ## measure speed, size and memory against others; writes docs/benchmarks.md
	@scripts/bench

campaign: build ## kill KILLS processes at random moments and prove what is left; goes on where it was
	@cargo build --workspace --locked --features testing --bin pacelake-campaign
	@target/debug/pacelake-campaign run --folder $(CAMPAIGN_DIR) --kills $(KILLS) \
		--binary target/debug/pacelake
	@target/debug/pacelake-campaign report --folder $(CAMPAIGN_DIR) --page docs/campaign.md

fuzz: ## fuzz every target for FUZZ_SECONDS each
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz $(FUZZ_TARGETS)

check-tools: ## say what the build lacks on this machine
	@scripts/check-tools build
