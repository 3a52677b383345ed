# The two commands of the README are `make bench` and `make test`; each does all of its own set-up.

.PHONY: bench test crash fuzz guard lint sanitize setup clean

# What a person may add to the benchmark: make bench ARGUMENTS="scan --values 1024"
ARGUMENTS ?=
# `make bench PEERS=1` compares with SQLite, RocksDB and LMDB too; they are installed for it.
PEERS ?=
# How long `make crash` draws random sequences.
CRASH_MINUTES ?= 10
CRASH_SEED ?=

# A false report of the Swift runtime's own is left out; the file says why.
THREAD = TSAN_OPTIONS=suppressions=$(CURDIR)/Tests/Tools/thread-sanitizer.supp \
	swift test --sanitize=thread --scratch-path .build-thread

# Optimised, and able to leave each barrier and each safeguard out, which the tests of the mutants do.
MUTANTS = swift test -c release -Xswiftc -DMUTANTS --scratch-path .build-release

bench: setup
	swift build -c release --package-path Benchmarks $(if $(PEERS),--traits Peers) --product strata-bench
	Benchmarks/.build/release/strata-bench --directory .build/bench $(if $(PEERS),--peers all) $(ARGUMENTS)

test: setup
	swift test --parallel
	$(MUTANTS) --parallel
	swift test --parallel -c release --disable-default-traits --scratch-path .build-bare
	swift test --package-path Benchmarks
	Scripts/guard
	$(THREAD) --filter 'Concurrency|Tail|EventCount|IOThread'
	FUZZ_SECONDS=5 FUZZ_JOBS=3 Scripts/fuzz

# The long run of the crash tests: longer sequences, more states, random sequences for so many minutes, every mutant.
# A random sequence that fails prints its seed: make crash CRASH_SEED=…
crash: setup
	CRASH_MINUTES=$(CRASH_MINUTES) $(if $(CRASH_SEED),CRASH_SEED=$(CRASH_SEED)) $(MUTANTS) \
	  --filter 'CrashTests|MutantTests|FaultTests|BehaviourTests'

# Counts the instructions of the hot paths and compares them with Benchmarks/guard.txt; UPDATE=1 moves the bounds.
guard: setup
	Scripts/guard $(if $(UPDATE),--update)

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

# The whole of the tests under both sanitizers; takes its time.
sanitize: setup
	$(THREAD)
	swift test --sanitize=address -Xswiftc -use-ld=lld --scratch-path .build-address

# Each target for FUZZ_SECONDS (60), FUZZ_JOBS at a time (1).
fuzz: setup
	Scripts/fuzz

setup:
	@PEERS=$(PEERS) Scripts/setup

clean:
	rm -rf .build .build-* Benchmarks/.build
