# Thin on purpose: each target calls the noisebook command, which does the work, says what it does and can be called alone.

# go-xla would otherwise download a plugin when a program first needs one; here only the set-up downloads.
export GOMLX_NO_AUTO_INSTALL := 1

# Tests run a program a few times at most: what it takes is its compilation.
COMPILE_FAST := XLA_FLAGS=--xla_backend_optimization_level=0

# The artifacts and then their notebooks run from an empty store that they share: nothing is computed twice.
SMOKE_STORE := build/store-smoke

# Every artifact at tier smoke takes less in continuous integration; a slower machine may allow more: make test SMOKE_LIMIT=20m.
SMOKE_LIMIT := 8m

.DEFAULT_GOAL := help
.PHONY: help setup demo test lab figures build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## set up all that is missing, then reproduce the α sweep on Fashion-MNIST
	bin/noisebook demo

test: setup ## set up all that is missing, then run all tests, every artifact and notebook at tier smoke included
	go vet ./...
	$(COMPILE_FAST) go test ./...
	rm -rf $(SMOKE_STORE)
	$(COMPILE_FAST) NOISEBOOK_STORE=$(SMOKE_STORE) bin/noisebook verify joint --tier smoke --within $(SMOKE_LIMIT)
	$(COMPILE_FAST) bin/noisebook notebooks test --tier smoke --store $(SMOKE_STORE)

setup: build ## set up all that is missing
	bin/noisebook setup

lab: setup ## open JupyterLab on the notebooks
	bin/noisebook lab

figures: setup ## every figure and table at tier cpu, from the store where it can
	bin/noisebook figures

build: ## build bin/noisebook
	@command -v go >/dev/null || { echo "error: Go is not installed; get it from https://go.dev/dl" >&2; exit 1; }
	@command -v $$(go env CC) >/dev/null || { echo "error: no C compiler, which cgo needs; install gcc" >&2; exit 1; }
	go build -buildvcs=false -o bin/noisebook ./cmd/noisebook

clean: ## remove what set-up and build made in this folder (not the runs in .noisebook)
	rm -rf bin .venv .tools
