# Tienda. `make` alone prints what there is.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PROMTOOL := github.com/prometheus/prometheus/cmd/promtool@v0.316.0
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
TEST_TIMEOUT := 20m
# The linter keeps its findings with the paths of the checkout that they were made in,
# and a checkout that is gone makes them wrong: every checkout has a cache of its own.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.data/lint
RUN_FLAGS := $(if $(FRESH),-fresh) $(if $(PORT),-port $(PORT)) $(if $(PROFILE),-profile $(PROFILE)) $(addprefix -with ,$(WITH))

.PHONY: help
help: ## print this help
	@echo "Tienda: a shop of Dapr services. Needs Go $$(sed -n 's/^go //p' go.mod) or later and make; nothing else."
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PORT=9000 make run     another port for the gateway"
	@echo "  VIEW=9001 make run     another port for the local view (docs/view.md); off: none"
	@echo "  FRESH=1 make run       start with an empty data folder"
	@echo "  PROFILE=redis make run keep state and events in Redis; postgres: state in Postgres"
	@echo "  SIZE=5000 RATE=50 make monolith   more customers, more writes a second (docs/monolith.md)"
	@echo "  WITH=dapr/migration/dapr.yaml make run   the migration off a monolith beside it (docs/migration.md)"
	@echo "  RACE=1 make test       with the race detector, as CI does"
	@echo "  PROFILES=local,redis,postgres make test   the state suite and the runner on these too"
	@echo "  BROWSER=chromium make test   the pages of view and migration in this browser too"
	@echo "  INGRESS=1 make test    clients come in through nginx and its sidecar, as in a cluster (docs/kubernetes.md)"
	@echo "  SEEDS=10000 make simulate   so many seeds; SEED=7 make simulate shows every step of one"
	@echo "  FAULTS=200 SEED=7 PROFILE=redis make faults   as many faults, those of a seed, on a profile"
	@echo "  DAPRD=/path make run   use this sidecar binary"

.PHONY: go
go:
	@command -v go >/dev/null || { echo "Go is missing: install it from https://go.dev/dl and put it on PATH."; exit 1; }

.PHONY: run
run: go ## start the whole shop and print where it is; Ctrl-C stops it
	@go build -o bin/tienda ./cmd/tienda
	@exec bin/tienda run $(RUN_FLAGS)

.PHONY: monolith
monolith: go ## start the sample legacy shop on PostgreSQL, with customers who keep buying
	@go build -o bin/monolith ./cmd/monolith
	@exec bin/monolith serve $(if $(SIZE),-size $(SIZE)) $(if $(SEED),-seed $(SEED)) $(if $(RATE),-rate $(RATE)) $(if $(ODD),-odd $(ODD)) $(if $(PORT),-port $(PORT))

.PHONY: sidecar
sidecar: go ## find or build the Dapr sidecar (once a machine, some minutes)
	@go run ./cmd/tienda sidecar

.PHONY: test
test: go ## run the tests: unit, architecture, contracts, real sidecars, end to end (not k8s, images-test, rules, alerts)
	@echo "== 1/3 the Dapr sidecar"
	@go run ./cmd/tienda sidecar
	@echo "== 2/3 unit, contract and architecture tests"
	@go test $(if $(RACE),-race) -timeout $(TEST_TIMEOUT) $$(go list ./... | grep -v -e '^tienda/tests/')
	@echo "== 3/3 tests with real sidecars: architecture, conformance, end to end, walk-through"
	@$(if $(RACE),RACE=1) go test $(if $(RACE),-race) -timeout $(TEST_TIMEOUT) -p $(or $(AT_ONCE),1) -count=1 $(if $(LATER),$$(go list ./tests/... | grep -v -e '/$(LATER)$$'),./tests/...)
	@echo "== all passed that was asked for. For themselves are make k8s, images-test and rules, which CI runs as well, and make alerts and k8s-e2e"
	@case ",$(PROFILES)," in *,redis,*) ;; *) echo "   skipped: what needs Redis (PROFILES=local,redis,postgres)";; esac
	@case ",$(PROFILES)," in *,postgres,*) ;; *) echo "   skipped: what needs Postgres, the move off a monolith above all (PROFILES=local,redis,postgres)";; esac
	@test -n "$(BROWSER)" || echo "   skipped: the pages in a browser (BROWSER=chromium)"
	@test -n "$(INGRESS)" || echo "   skipped: the way in of a cluster (INGRESS=nginx)"
	@test -n "$(TIENDA_DATA)" || echo "   skipped: DVD Store 3 and Northwind (TIENDA_DATA names the folder of both)"

.PHONY: e2e
e2e: go ## the end-to-end tests of one profile: make e2e PROFILE=redis; INGRESS=1: through nginx, and the tests of that
	@go run ./cmd/tienda sidecar
	@PROFILE=$(PROFILE) INGRESS=$(INGRESS) $(if $(RACE),RACE=1) go test $(if $(RACE),-race) -timeout $(TEST_TIMEOUT) -count=1 -p 1 ./tests/e2e $(if $(INGRESS),./tests/ingress)

.PHONY: moves
moves: go ## whole moves of a monolith through real sidecars; part of test
	@go run ./cmd/tienda sidecar
	@PROFILES=local,postgres go test -timeout $(TEST_TIMEOUT) -count=1 ./tests/migration

.PHONY: move-faults
move-faults: go ## kill everything at every step of moves and cut-overs: SEEDS=3, SEED=7 the first of them, PROFILE=redis
	@go run ./cmd/tienda sidecar
	@seed=$(or $(SEED),1); for n in $$(seq $$seed $$((seed + $(or $(SEEDS),1) - 1))); do echo "== seed $$n"; \
		PROFILES=local,redis,postgres PROFILE=$(PROFILE) MOVE_FAULTS=$$n go test -timeout 60m -count=1 -v \
			-run 'ReplicasDie|TheMoveSurvives|AFull' ./tests/migration || exit 1; done

.PHONY: k8s
k8s: go ## apply the manifests to a real API server, and check them with Dapr's packages (docs/kubernetes.md)
	@go test -tags k8s -timeout 60m -count=1 $(if $(V),-v) ./tests/k8s

.PHONY: k8s-e2e
k8s-e2e: go ## the end-to-end tests in a Kubernetes cluster of one node, in namespaces of its own, as root: UNTIL=dapr, RUN=TestCard, AGAIN=1, KEEP=1 (docs/kubernetes.md)
	@go build -o bin/cluster ./tests/cluster
	@exec bin/cluster $(if $(UNTIL),-until $(UNTIL)) $(if $(RUN),-run '$(RUN)') $(if $(AGAIN),-again) $(if $(KEEP),-keep)

.PHONY: images
images: go ## build the container images into bin/images: VERSION=1.0.0, SOURCE=https://…, PUSH=registry.example/tienda
	@cd k8s/images && go run . -out $(CURDIR)/bin/images $(if $(VERSION),-version $(VERSION)) $(if $(SOURCE),-source $(SOURCE)) $(if $(PUSH),-push $(PUSH))

.PHONY: images-test
images-test: go ## build the container images, look into them, start them, push them to a registry of the test (docs/kubernetes.md)
	@cd k8s/images && go test -timeout 30m -count=1 $(if $(V),-v) .

.PHONY: simulate
simulate: go ## run the shop in a simulated world, a fault at every step: SEEDS=10000, SEED=7 replays one
	@mkdir -p bin && go test -c -o bin/simulation.test ./tests/simulation
	@cd tests/simulation && ../../bin/simulation.test -test.timeout 0 $(if $(SEED),\
		-test.run '^TestReplay$$' -replay $(SEED),-test.run '^TestSeeds$$' -from 0 -seeds $(or $(SEEDS),50000) $(if $(REPEAT),-repeat $(REPEAT)))

.PHONY: rules
rules: go ## try the alert rules of Prometheus: each fires where it should (the first time builds promtool)
	@cd observability/prometheus && go run $(PROMTOOL) check rules rules.yaml && go run $(PROMTOOL) test rules rules_test.yaml

.PHONY: alerts
alerts: go ## set off each alert of Prometheus in shops of real services, and none in one that is well (about 7 minutes)
	@go run ./cmd/tienda sidecar
	@go test -tags alerts -timeout $(TEST_TIMEOUT) -parallel 4 -count=1 $(if $(V),-v) ./tests/alerts

.PHONY: lint
lint: go ## gofmt, go vet and golangci-lint (pinned; the first time builds it)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	@go vet ./... && go vet -tags tienda_without_events ./internal/app && go vet -tags k8s ./tests/k8s && go vet -tags alerts ./tests/alerts
	@go run $(GOLANGCI) run --allow-parallel-runners ./...
	@go run $(GOLANGCI) run --allow-parallel-runners --build-tags k8s,alerts ./tests/k8s ./tests/alerts
	@# These modules are a few files over all of Dapr, of ko, and of Prometheus, which the other linters would read for minutes.
	@for m in dapr/daprd dapr/cluster k8s/images tests/alerts/judge; do (cd $$m && go run $(GOLANGCI) run --allow-parallel-runners --config $(CURDIR)/.golangci.yml --enable-only errcheck,errorlint,govet,misspell,noctx,revive,usestdlibvars ./...) || exit 1; done

.PHONY: bench
bench: go ## measure the shop against the bare sidecar, in one run; PRODUCTS=100000: a large catalog instead, on a PROFILE; MIGRATION=2000: the move of so many customers
	@go run ./cmd/tienda sidecar
	@go run ./tests/bench $(if $(PRODUCTS),-products $(PRODUCTS)) $(if $(MIGRATION),-migration $(MIGRATION)) $(if $(PRODUCTS)$(MIGRATION),$(if $(PROFILE),-profile $(PROFILE)))

LOAD_FLAGS = $(if $(URL),-url $(URL)) $(if $(RATE),-rates $(RATE)) $(if $(MIX),-mix $(MIX)) $(if $(DURATION),-duration $(DURATION)) $(if $(OUT),-out $(OUT)) \
	$(if $(PROFILE),-profile $(PROFILE)) $(if $(PRODUCTS),-products $(PRODUCTS)) $(if $(REPLICAS),-replicas $(REPLICAS)) \
	$(if $(ARRIVALS),-arrivals $(ARRIVALS)) $(if $(KEYS),-keys $(KEYS)) $(if $(SEED),-seed $(SEED)) $(if $(CARDS),-cards $(CARDS))

.PHONY: load
load: go ## customers who do not wait for each other: RATE=20,40,80 a second, MIX=shop|marketplace, DURATION=15s, OUT=file, PROFILE; URL=https://... a shop that is there (docs/scale.md)
	@$(if $(URL),,go run ./cmd/tienda sidecar)
	@go run ./tests/load $(LOAD_FLAGS)

# What docs/scale.md is made of: a run a line, each a name and its flags.
define SCALE
local      -profile local -apart -rates $(SCALE_RATES)
redis      -profile redis -apart -rates $(SCALE_RATES)
postgres   -profile postgres -apart -rates $(SCALE_RATES)
market     -mix marketplace -apart -rates 5,10,20
products1  -products 100 -apart -rates 50
products2  -products 10000 -apart -rates 50
products3  -products 100000 -apart -rates 50
history1   -history 10 -mix orders,checkout -apart -rates 20
history2   -history 300 -mix orders,checkout -apart -rates 20
replicas2  -replicas 2 -rates 50
replicas3  -replicas 3 -rates 50
endef
export SCALE
SCALE_RATES = $(or $(RATE),25$(comma)50$(comma)100$(comma)150$(comma)200)
comma := ,

.PHONY: scale
scale: go ## all figures of docs/scale.md again, into bench-results/scale; half an hour on a machine with nothing else to do
	@go run ./cmd/tienda sidecar
	@rm -rf bin/scale && go build -o bin/load ./tests/load
	@echo "$$SCALE" | while read -r name flags; do echo "== $$name: $$flags"; \
		bin/load -bin bin/scale -duration $(or $(DURATION),15s) -seed 1 $$flags -out bench-results/scale/$$name.json </dev/null || exit 1; done

.PHONY: faults
faults: go ## kill, pause and cut the shop while 32 buyers buy, and judge what is left
	@go run ./cmd/tienda sidecar
	@go build -o bin/faults ./tests/faults
	@$(if $(RACE),RACE=1) bin/faults $(if $(FAULTS),-faults $(FAULTS)) $(if $(SEED),-seed $(SEED)) $(if $(PROFILE),-profile $(PROFILE))

.PHONY: migration-demo
migration-demo: go ## the whole story of a move: copied, followed, cut over under load, rolled back, finished (docs/migration.md)
	@go run ./tests/migrationdemo $(if $(SIZE),-size $(SIZE)) $(if $(RATE),-rate $(RATE))

.PHONY: migrate-preflight
migrate-preflight: go ## whether a move can begin, without a sidecar: MAPPING=northwind, DSN_FILE=file (docs/migration.md)
	@go run ./services/migration preflight $(if $(MAPPING),-mapping $(MAPPING)) $(if $(DSN_FILE),-dsn-file $(DSN_FILE))

.PHONY: migrate-draft
migrate-draft: go ## a first mapping of what a database has, on stdout: NAME=old-shop, DSN_FILE=file (docs/mapping.md)
	@go run ./services/migration draft $(if $(NAME),-name $(NAME)) $(if $(DSN_FILE),-dsn-file $(DSN_FILE))

.PHONY: generate
generate: go ## make the public contract, the access-control lists and the demo data again
	@go run ./contracts/gen
	@go run ./demo/gen

.PHONY: clean
clean: ## remove the data folder and built programs (not the sidecar's cache)
	@rm -rf .data bin
