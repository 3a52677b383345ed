internal import BenchmarkKit
internal import Strata

struct CodecWorkload {
  let bench: Bench
  func run() throws -> [BenchmarkResult] { [] }
}
