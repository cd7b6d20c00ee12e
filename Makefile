# The commands of this project. `make up` and `make test` are all that one has to know; what they do stands in scripts/.

.DEFAULT_GOAL := help
.PHONY: help up test soak setup console openapi bench-admission bench-changes bench-gateway bench-ingest bench-invoices bench-neighbours bench-scale bench-usage lint fmt clean

# What `make up` runs, and with which options of `insula up`.
BLUEPRINT ?= blueprints/scraper
OPTIONS ?= --demo
# Steps of `make test`; all if none is named.
STEPS ?=
# Options of what a bench runs; each says which there are.
BENCH ?=

help: ## these lines
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

up: ## build everything and run a product with demo data (BLUEPRINT=…, OPTIONS=…)
	@scripts/up.sh $(BLUEPRINT) $(OPTIONS)

test: ## check everything that must hold before a change goes in (STEPS="clippy e2e" for some of it)
	@scripts/test.sh $(STEPS)

soak: ## the long forms: fifty rounds of killing where `make test` has five
	@scripts/soak.sh

setup: ## install the tools that are missing
	@scripts/setup.sh test

console: ## build the console, if its sources changed
	@scripts/setup.sh up
	@scripts/console.sh

openapi: ## write the OpenAPI document and the console's types anew
	@scripts/openapi.sh

bench-admission: ## measure what the decision on a request costs (BENCH="organizations keys-of-each rounds")
	@cargo run --release --quiet -p insula-gateway --example admit_cost -- $(BENCH)

bench-usage: ## measure questions for usage beside 10 million events, on both engines (BENCH="events questions")
	@cargo run --release --quiet -p insula-metering --example usage_query -- $(BENCH)

bench-invoices: ## measure an invoice run of 100 000 subscriptions, on both engines (BENCH="subscriptions events")
	@cargo run --release --quiet -p insula-billing --example invoice_run -- $(BENCH)

bench-scale: ## measure memory and cold start with a million keys (BENCH="--keys 1000000 --organizations 100000")
	@scripts/bench-installation.sh scale $(BENCH)

bench-changes: ## measure changes of keys while requests are admitted (BENCH="--changes 10000 --rate 1000")
	@scripts/bench-installation.sh changes $(BENCH)

bench-ingest: ## measure events taken in over HTTP beside many known ones (BENCH="--known 10000000 --senders 2")
	@scripts/bench-installation.sh ingest $(BENCH)

bench-neighbours: ## measure an organization's jobs beside another that is at its limit (BENCH="--rounds 10 --jobs 50")
	@scripts/bench-scraper.sh $(BENCH)

bench-gateway: ## compare the gateway with nginx and haproxy (BENCH="--workers 2 --connections 64")
	@scripts/bench-gateway.sh $(BENCH)

lint: ## the static checks of `make test` alone
	@scripts/test.sh format console clippy docs
	@npm --prefix console run --silent typecheck
	@npm --prefix console run --silent lint

fmt: ## put the code into the one format
	@cargo fmt --all

clean: ## remove what was built; data of `make up` (insula-data) stays
	@cargo clean
	@rm -rf console/dist console/node_modules console/test-results
