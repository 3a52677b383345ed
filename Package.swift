// swift-tools-version: 6.2
import PackageDescription

/// One set of rules for every Swift target: complete concurrency checking, strict memory safety, no warning.
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
  name: "strata",
  platforms: [.macOS(.v15), .iOS(.v18)],
  products: [
    .library(name: "Strata", targets: ["Strata"]),
    .library(name: "StrataSimulation", targets: ["StrataSimulation"]),
    .executable(name: "strata", targets: ["StrataCLI"]),
  ],
  traits: [
    .trait(name: "Gzip", description: "The gzip codec, by libdeflate"),
    .trait(name: "LZ4", description: "The lz4 codec, by liblz4"),
    .trait(name: "Snappy", description: "The snappy codec, by libsnappy"),
    .trait(name: "Zstd", description: "The zstd codec, by libzstd"),
    .default(enabledTraits: ["Gzip", "LZ4", "Snappy", "Zstd"]),
  ],
  targets: [
    .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CSnappy", pkgConfig: "snappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CStrataShims"),
    .target(name: "StrataLock", swiftSettings: strict),
    .target(
      name: "StrataRecords",
      dependencies: [
        "CStrataShims", "StrataLock",
        .target(name: "CDeflate", condition: .when(traits: ["Gzip"])),
        .target(name: "CLZ4", condition: .when(traits: ["LZ4"])),
        .target(name: "CSnappy", condition: .when(traits: ["Snappy"])),
        .target(name: "CZstd", condition: .when(traits: ["Zstd"])),
      ],
      swiftSettings: strict),
    .target(
      name: "StrataIO",
      dependencies: ["CStrataShims", "StrataLock"],
      cSettings: [.define("_GNU_SOURCE")], swiftSettings: strict
    ),
    .target(name: "StrataSimulation", dependencies: ["StrataIO", "StrataLock"], swiftSettings: strict),
    .target(
      name: "Strata", dependencies: ["StrataRecords", "StrataIO", "StrataLock"], swiftSettings: strict),
    .executableTarget(
      name: "StrataCLI", dependencies: ["Strata", "StrataRecords", "StrataIO"], swiftSettings: strict),
    .testTarget(
      name: "StrataRecordsTests", dependencies: ["StrataRecords", "CStrataShims"], swiftSettings: strict),
    .testTarget(name: "StrataIOTests", dependencies: ["StrataIO", "StrataLock"], swiftSettings: strict),
    .testTarget(
      name: "StrataSimulationTests", dependencies: ["StrataSimulation", "StrataIO", "StrataLock"],
      swiftSettings: strict),
    .testTarget(
      name: "StrataTests",
      dependencies: ["Strata", "StrataRecords", "StrataIO", "StrataLock", "StrataSimulation"],
      swiftSettings: strict),
    .testTarget(
      name: "StrataCLITests", dependencies: ["StrataCLI", "Strata"], swiftSettings: strict),
    // What is fuzzed, the program that libFuzzer drives, and the tests that replay what was kept.
    .target(
      name: "StrataFuzzTargets", dependencies: ["Strata", "StrataRecords", "StrataIO", "StrataSimulation"],
      path: "Tests/Fuzz/Targets", swiftSettings: strict),
    .executableTarget(
      name: "StrataFuzz", dependencies: ["StrataFuzzTargets"], path: "Tests/Fuzz/Driver",
      swiftSettings: strict),
    .testTarget(
      name: "StrataFuzzTests", dependencies: ["StrataFuzzTargets"], path: "Tests/Fuzz/Tests",
      swiftSettings: strict),
    // A process that tests start, kill, trace, and whose fdatasync fails; and the tests.
    .target(name: "CFailingSync", path: "Tests/Process/CFailingSync"),
    .executableTarget(
      name: "StrataTestProcess", dependencies: ["Strata", "StrataIO", "StrataSimulation", "CFailingSync"],
      path: "Tests/Process/Helper", swiftSettings: strict),
    .testTarget(
      name: "StrataProcessTests", dependencies: ["StrataTestProcess", "Strata"],
      path: "Tests/Process/Tests", swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
