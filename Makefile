# The two commands of the README are `make bench` and `make test`; each does all of its own set-up.

.PHONY: bench test lint sanitize fuzz setup clean

# What a person may add to the benchmark: make bench ARGUMENTS="scan --values 1024"
ARGUMENTS ?=

bench: setup
	swift build -c release --package-path Benchmarks --product strata-bench
	Benchmarks/.build/release/strata-bench --directory .build/bench $(ARGUMENTS)

test: setup
	swift test --parallel
	swift test --parallel -c release --scratch-path .build-release
	swift test --parallel --disable-default-traits --scratch-path .build-bare
	swift test --package-path Benchmarks
	swift test --sanitize=thread --scratch-path .build-thread --filter 'Concurrency|Tail|EventCount|IOThread'
	FUZZ_SECONDS=5 FUZZ_JOBS=3 Scripts/fuzz

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

# The whole of the tests under both sanitizers; takes its time.
sanitize: setup
	swift test --sanitize=thread --scratch-path .build-thread
	swift test --sanitize=address -Xswiftc -use-ld=lld --scratch-path .build-address

# Each target for FUZZ_SECONDS (60), FUZZ_JOBS at a time (1).
fuzz: setup
	Scripts/fuzz

setup:
	@Scripts/setup

clean:
	rm -rf .build .build-* Benchmarks/.build
