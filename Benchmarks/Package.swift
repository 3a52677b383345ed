// swift-tools-version: 6.2
import PackageDescription

/// The rules of the package next door: complete concurrency checking, strict memory safety, no warning.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "strata-benchmarks",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "strata-bench", targets: ["StrataBench"]),
    .executable(name: "strata-guard", targets: ["StrataGuard"]),
  ],
  traits: [
    // Off, so that the benchmark needs nothing more than the log does: `make bench PEERS=1`.
    .trait(name: "Peers", description: "SQLite, RocksDB and LMDB, to compare with")
  ],
  dependencies: [
    .package(name: "strata", path: "..")
  ],
  targets: [
    // Counts allocations, by taking malloc's place in the executable.
    .target(name: "CBenchmarkSupport"),
    // The codecs' own libraries, to measure against.
    .target(
      name: "CBareCodecs",
      linkerSettings: ["deflate", "lz4", "snappy", "zstd"].map { .linkedLibrary($0) }),
    // The instrument: clocks, histograms, bare system calls, tables. Knows nothing of Strata.
    .target(
      name: "BenchmarkKit",
      dependencies: ["CBenchmarkSupport", "CBareCodecs", .product(name: "Strata", package: "strata")],
      cSettings: [.define("_GNU_SOURCE")], swiftSettings: strict),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CRocksDB", pkgConfig: "rocksdb", providers: [.apt(["librocksdb-dev"])]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    // What is measured.
    .target(
      name: "StrataWorkloads",
      dependencies: [
        "BenchmarkKit", .product(name: "Strata", package: "strata"),
        .target(name: "CSQLite", condition: .when(traits: ["Peers"])),
        .target(name: "CRocksDB", condition: .when(traits: ["Peers"])),
        .target(name: "CLMDB", condition: .when(traits: ["Peers"])),
      ], swiftSettings: strict),
    .executableTarget(
      name: "StrataBench", dependencies: ["StrataWorkloads", "BenchmarkKit"], swiftSettings: strict),
    // The hot paths whose instructions are counted (Scripts/guard).
    .executableTarget(
      name: "StrataGuard",
      dependencies: ["BenchmarkKit", .product(name: "Strata", package: "strata")], swiftSettings: strict),
    .testTarget(
      name: "BenchmarkTests",
      dependencies: [
        "BenchmarkKit", "StrataWorkloads", "StrataBench", "StrataGuard",
        .product(name: "Strata", package: "strata"),
      ], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
