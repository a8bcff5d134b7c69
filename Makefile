# HyperLlama, for people: this file calls cmake and ninja with the right options.
# `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all

BUILD := $(CURDIR)/build
SANITIZE := $(BUILD)/sanitize
VENV := $(BUILD)/venv
JOBS ?= $(shell nproc)
CTEST := ctest --no-label-summary --output-on-failure --no-tests=error -j $(JOBS)

# The one that formats.  Distributions carry different versions, which differ in their
# output; change it here together with a reformatted tree.
CLANG_FORMAT_VERSION := 19.1.7
CLANG_FORMAT := $(VENV)/bin/clang-format
C_FILES = $(shell find src tests -name '*.[ch]' | sort)

.PHONY: all run test test-all check format bench-llamacpp bench-server bench-pull bench-tokenizer clean help \
        setup-run setup-test setup-check test-build

all: ## build build/hyperllama, optimised
	@command -v cmake >/dev/null && command -v ninja >/dev/null || \
	    { echo "cmake or ninja is missing: run tools/setup.sh"; exit 1; }
	@[ -f $(BUILD)/build.ninja ] || cmake -G Ninja -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	@ninja -C $(BUILD) -j $(JOBS) hyperllama

run: setup-run all ## install what is missing, build, ask the small model a question
	$(BUILD)/hyperllama run tiny "What is 2+2?" </dev/null

test: export HL_FUZZ_SECONDS ?= 5
test: test-build ## install what is missing, build and run every test but the slow ones
	@cd $(BUILD)/tests && $(CTEST) --label-exclude slow

test-all: export HL_FUZZ_SECONDS ?= 120
test-all: test-build ## the same and the slow tail: whole texts, longer fuzzing
	@cd $(BUILD)/tests && $(CTEST)

# Two builds: optimised with the system's compiler, and with clang, the sanitizers and the
# fuzz targets.  One run of ctest over both, so that its last line speaks for all of it.
test-build: setup-test
	@cmake -G Ninja -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release
	@cmake -G Ninja -S . -B $(SANITIZE) -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug \
	    -DHL_FUZZ=ON -DHL_TEST_PREFIX=sanitize/
	@ninja -C $(BUILD) -j $(JOBS)
	@ninja -C $(SANITIZE) -j $(JOBS)
	@mkdir -p $(BUILD)/tests
	@printf 'subdirs("%s" "%s")\n' $(BUILD) $(SANITIZE) >$(BUILD)/tests/CTestTestfile.cmake

check: setup-check $(CLANG_FORMAT) ## format, layers, banned functions, warnings as errors; nothing is run
	@python3 tools/check_layers.py
	@python3 tools/check_banned.py
	@printf '%s\n' $(C_FILES) | xargs -P $(JOBS) -n 16 $(CLANG_FORMAT) --dry-run -Werror
	@cmake -G Ninja -S . -B $(BUILD)/check -DCMAKE_BUILD_TYPE=Release >/dev/null
	@python3 tools/check_warnings.py $(BUILD)/check/compile_commands.json cc clang
	@echo "check: all is well"

format: $(CLANG_FORMAT) ## bring the source into the house's format
	@printf '%s\n' $(C_FILES) | xargs $(CLANG_FORMAT) -i

bench-llamacpp: all ## side by side with llama.cpp's llama-bench
	python3 tools/bench_llamacpp.py

bench-server: all ## the server under load beside llama.cpp's llama-server
	python3 tools/bench_server.py

bench-pull: all ## a pull over loopback beside curl
	python3 tools/bench_pull.py

bench-tokenizer: all ## tokenizer throughput beside other tokenizers
	python3 tools/bench_tokenizer.py

$(CLANG_FORMAT): Makefile
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check clang-format==$(CLANG_FORMAT_VERSION)
	@touch $@

setup-run setup-test setup-check: setup-%:
	@tools/setup.sh $*

clean: ## remove all that was built
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | sort -u | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'
