# Everything that a change must pass. `make` lists the targets.

SHELL      := /bin/bash
GOLANGCI   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Modules in go.work, and those kept apart, so that their dependencies stay their own.
WORKSPACE  := $(shell scripts/published)
APART      := integration integration/ferretdb bench examples/shop
# It prints a dot for each test, and at the end what failed.
TEST       := go run gotest.tools/gotestsum@v1.13.0 --format dots --hide-summary skipped -- -vet=off
# Most tests wait, for clocks or servers: more at once than there are cores. The slowest come first.
SLOWEST    := ./sql ./dynamodb ./redis ./mongo ./flask
MEMORY     := $(CURDIR)/scripts/in-memory
# The race detector needs a C compiler.
RACE       := $(shell command -v cc >/dev/null 2>&1 && echo -race)
FUZZTIME   ?= 5m

# What `make mutate` changes, and how much of each: MUTATE= tries everything, which takes hours.
MUTANTS    ?= . $(wildcard internal/engine internal/document internal/queue internal/deadline internal/ticket store/*store) $(patsubst %/go.mod,%,$(wildcard adapter/*/go.mod))
MUTATE     ?= -sample 100
# Two stores' promises can be tested on their servers alone.
MUTATEALSO := -also 'store/redisstore=integration/redis:Single|Cluster$$|Index|Limits|Near|Refused|OtherType|Replace' \
	-also 'store/sqlstore=integration/sql:SQLite|Postgres|MariaDB|Collate|Seconds|Column|Blob|Rights|Damaged|NoTable|NoRight'

.PHONY: help demo test test-core test-integration test-long mutate prove check fmt sums vet lint tidy alone directions words api workflows vulnerabilities fuzz bench bench-quick

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: ## run the demo at http://127.0.0.1:8080
	go run ./cmd/demo

test: test-core test-integration ## run the tests in ten minutes; installs the servers and the browser that they need, if it may

test-core: ## run the tests that need nothing but Go
	@set -e; for m in $(WORKSPACE); do echo "test $$m"; (cd $$m && $(MEMORY) $(TEST) -short -timeout 1h ./...); done

test-integration: ## run the tests that need servers or a browser
	scripts/install-test-servers
	cd integration && GOWORK=off $(MEMORY) $(TEST) -short -count=1 -p 4 -timeout 1h $(SLOWEST) ./...
	cd bench && GOWORK=off $(TEST) -short -timeout 1h ./...
	cd examples/shop && GOWORK=off $(TEST) -timeout 1h ./...

test-long: ## run what `make test` leaves out, and all under the race detector, in half an hour
	scripts/install-test-servers
	@set -e; for m in $(WORKSPACE); do echo "test $$m"; (cd $$m && $(MEMORY) $(TEST) $(RACE) -short -timeout 1h ./...); done
	$(TEST) -timeout 1h -run 'P3EachEnd' .
	cd integration && GOWORK=off $(MEMORY) $(TEST) $(RACE) -count=1 -p 3 -timeout 2h $(SLOWEST) ./...
	cd integration && GOWORK=off $(TEST) -count=1 -p 1 -timeout 1h -run 'Million|SweepUnderLoad' ./sql/million ./dynamodb # these measure
	cd store/memstore && $(TEST) -timeout 1h ./...
	cd bench && GOWORK=off $(TEST) -timeout 1h ./...
	cd examples/shop && GOWORK=off $(TEST) $(RACE) -timeout 1h ./...

mutate: ## change the code a little, time and again, and list what the unit tests do not notice
	scripts/install-test-servers
	nice go run ./internal/mutate $(MUTATEALSO) $(MUTATE) $(MUTANTS)

prove: ## prove the promises under faults, and what is shared with Flask, at length: see docs/promises.md
	scripts/install-test-servers
	cd integration/linear && GOWORK=off go test -count=1 -timeout 3h -run TestProve -prove.full # without a package named, the table is shown
	cd integration && GOWORK=off go test -count=1 -timeout 1h ./flask -flask.full
	cd integration && GOWORK=off go test -count=1 -timeout 1h -v ./rehearsal -rehearsal.full # see docs/from-flask.md

check: fmt sums vet tidy alone directions words api workflows vulnerabilities lint ## check formatting, go.work.sum, vet, go.mod files, imports, words, the API, workflows, vulnerabilities and lint

fmt:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt these files:"; echo "$$unformatted"; exit 1; fi

vet:
	@set -e; for m in $(WORKSPACE); do (cd $$m && go vet ./...); done
	@set -e; for m in $(APART); do (cd $$m && GOWORK=off go vet ./...); done
	GOOS=windows go vet ./... && GOOS=darwin go vet ./...

tidy:
	@scripts/check-tidy

# The root module needs the standard library alone.
alone:
	@modules=$$(GOWORK=off go list -m all); if [ "$$modules" != github.com/cloakroom-go/cloakroom ]; then echo "the root module has dependencies:"; echo "$$modules"; exit 1; fi

directions:
	@scripts/check-directions

# go.work.sum is what the go command leaves.
sums:
	@scripts/check-sums

# Comments: their words and their width.
words:
	@scripts/check-words

# What modules export, beside the last release.
api:
	@scripts/check-api

workflows:
	@scripts/check-workflows

vulnerabilities:
	@scripts/check-vulnerabilities

LINT       := go run $(GOLANGCI) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...
lint:
	@set -e; for m in $(WORKSPACE); do echo "lint $$m"; (cd $$m && $(LINT)); done
	@set -e; for m in $(APART); do echo "lint $$m"; (cd $$m && GOWORK=off $(LINT)); done

fuzz: ## run every fuzz target for FUZZTIME, 5 minutes unless told
	scripts/fuzz $(FUZZTIME)

bench: ## compare with every peer and write docs/performance.md, in half an hour
	scripts/install-test-servers
	cd bench && GOWORK=off go run . -full -rounds 9

bench-quick: ## print the ratios that have a limit, in two minutes
	scripts/install-test-servers
	cd bench && GOWORK=off go run . -quick
